// Block-tridiagonal systems with diagonal off-diagonal blocks, one system per lane.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::linalg {

/// Systems that are solved side by side: half of the vector registers of AVX2 hold what a sweep
/// over the cells needs, and wider groups leave the second-level cache (measured).
inline constexpr int line_lanes = 4;

/// lower_k u_(k-1) + (blocks_k + diagonal_k) u_k + upper_k u_(k+1) = rhs_k, k = 0 .. num_cells - 1.
/// Cells are outermost and lanes innermost; lower_0 and the last upper are ignored.
struct BlockTridiagonal {
  int num_cells = 0;
  int block_size = 0;
  double* lower = nullptr;     ///< shape (num_cells, block_size, line_lanes)
  double* diagonal = nullptr;  ///< as lower
  double* upper = nullptr;     ///< as lower
  double* blocks = nullptr;          ///< shape (num_cells, block_size, block_size, line_lanes)
};

}  // namespace krogh::linalg

#define KROGH_DECLARE_BLOCK_TRIDIAGONAL(isa)                                                  \
  namespace krogh::isa {                                                                      \
  /** Block LU from the first cell on: `blocks` becomes the inverses of its pivots. Without   \
      pivoting; a pivot below 1e-10 of the diagonal it came from becomes NaN. */              \
  void factor_tridiagonal(const linalg::BlockTridiagonal& system);                            \
  /** Solves in place, after factor_tridiagonal. `rhs`: shape as lower. */                    \
  void solve_tridiagonal(const linalg::BlockTridiagonal& system, double* rhs);                \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_BLOCK_TRIDIAGONAL)
#undef KROGH_DECLARE_BLOCK_TRIDIAGONAL
