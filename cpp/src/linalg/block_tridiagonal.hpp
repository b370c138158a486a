// Block-tridiagonal systems of transport along a line with local coupling, one system per lane.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::linalg {

/// Systems that are solved side by side: half of the vector registers of AVX2 hold what a sweep
/// over the cells needs, and wider groups leave the second-level cache (measured).
inline constexpr int line_lanes = 4;

/// lower_k u_(k-1) + (blocks_k - d_k) u_k + upper_k u_(k+1) = rhs_k, k = 0 .. num_cells - 1, where
/// the diagonal is given by what leaves: d_k = lower_k ratio_k + outward_k, and at the two ends
/// what passes the wall; upper_k = outward_k ratio_(k+1). Cells are outermost and lanes innermost;
/// lower_0, ratio_0, the last upper and the last outward are not used. Several chains of cells may
/// stand one behind the other, each a system of its own.
struct BlockTridiagonal {
  int num_chains = 0;
  const int* starts = nullptr;  ///< first cell of each chain and the end, (num_chains + 1,)
  int block_size = 0;
  double* lower = nullptr;    ///< shape (num_cells, block_size, line_lanes)
  double* upper = nullptr;    ///< as lower
  double* outward = nullptr;  ///< as lower
  double* ratio = nullptr;    ///< as lower
  double* walls = nullptr;    ///< shape (num_chains, 2, block_size, line_lanes)
  double* blocks = nullptr;   ///< shape (num_cells, block_size, block_size, line_lanes)
};

}  // namespace krogh::linalg

#define KROGH_DECLARE_BLOCK_TRIDIAGONAL(isa)                                                 \
  namespace krogh::isa {                                                                     \
  /** Block LU from the first cell on: `blocks` becomes the inverses of its pivots. Written  \
      without the difference of what leaves a cell and what comes back from its neighbor, so \
      that steps much longer than diffusion takes lose no mass. A pivot below 1e-10 of the   \
      diagonal it came from becomes NaN. */                                                  \
  void factor_tridiagonal(const linalg::BlockTridiagonal& system);                           \
  /** Solves in place, after factor_tridiagonal. `rhs`: shape as lower. */                   \
  void solve_tridiagonal(const linalg::BlockTridiagonal& system, double* rhs);               \
  /** Inverts blocks of shape (size, size, line_lanes) in place; pivots as above. */         \
  void invert_block(double* block, int size);                                                \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_BLOCK_TRIDIAGONAL)
#undef KROGH_DECLARE_BLOCK_TRIDIAGONAL
