// What the passes over voxels of the steady solver share with their caller.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>

#include <krogh/base/isa.hpp>

#include "linalg/multigrid.hpp"

namespace krogh::simulate {

/// The system in double precision; arrays over voxels have x fastest.
struct EllipticBlock {
  std::array<int, 3> shape{};
  std::array<bool, 3> periodic{};
  /// Conductance of the face before each voxel along x, y, z; those of the first voxels only where
  /// periodic.
  std::array<const double*, 3> faces{};
  const double* local = nullptr;  ///< absorption and sides
  const double* zeros = nullptr;  ///< a row of them

  std::int64_t num_rows() const { return std::int64_t{shape[1]} * shape[2]; }
};

}  // namespace krogh::simulate

#define KROGH_DECLARE_ELLIPTIC(isa)                                                             \
  namespace krogh::isa {                                                                        \
  /** q = A p, and the sum of p q. Rows are numbered y + ny z. */                               \
  double elliptic_product(const simulate::EllipticBlock& block, const double* p, double* q,     \
                          long first_row, long end_row);                                        \
  /** r = b - r where `from_product`, else r = b; the sum of r r. */                            \
  double elliptic_residual(const simulate::EllipticBlock& block, const double* b,               \
                           bool from_product, double* r, long first_row, long end_row);         \
  /** x += factor p, r -= factor q, and the sum of r r. */                                      \
  double elliptic_step(const simulate::EllipticBlock& block, double factor, const double* p,    \
                       const double* q, double* x, double* r, long first_row, long end_row);    \
  /** to = scale from, in the order of the multigrid. */                                        \
  void elliptic_to_level(const simulate::EllipticBlock& block, const linalg::Level& level,      \
                         const double* from, double scale, float* to, long first_row,           \
                         long end_row);                                                         \
  /** to = scale from, back in the order of voxels. */                                          \
  void elliptic_from_level(const simulate::EllipticBlock& block, const linalg::Level& level,    \
                           const float* from, double scale, double* to, long first_row,         \
                           long end_row);                                                       \
  /** Sums of z r and z q (none if null). */                                                    \
  void elliptic_sums(const simulate::EllipticBlock& block, const double* z, const double* r,    \
                     const double* q, double* sums, long first_row, long end_row);              \
  /** p = z + factor p. */                                                                      \
  void elliptic_direction(const simulate::EllipticBlock& block, double factor, const double* z, \
                          double* p, long first_row, long end_row);                             \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_ELLIPTIC)
#undef KROGH_DECLARE_ELLIPTIC
