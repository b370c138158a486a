// Passes over voxels of the steady solver, row by row.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/elliptic_kernel.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::Level;
using simulate::EllipticBlock;

/// Sum of products, eight running sums.
KROGH_INLINE double dot(const double* a, const double* b, long count) {
  double sums[8] = {};
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    KROGH_SIMD
    for (int k = 0; k < 8; ++k) sums[k] = fma_(a[i + k], b[i + k], sums[k]);
  }
  for (int k = 0; i < count; ++i, ++k) sums[k] = fma_(a[i], b[i], sums[k]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// A row, and the rows and couplings beside it; where there is none, couplings are zero and the row
/// stands in for its neighbor.
struct RowStencil {
  const double *own, *local;
  const double *gx, *gy, *gz, *gy_behind, *gz_behind;
  const double *y_before, *y_behind, *z_before, *z_behind;
};

KROGH_INLINE RowStencil row_stencil(const EllipticBlock& b, const double* p, long row) {
  const long nx = b.shape[0], ny = b.shape[1], nz = b.shape[2];
  const long y = row % ny, z = row / ny, at = row * nx, plane = ny * nx;
  RowStencil s{};
  s.own = p + at;
  s.local = b.local + at;
  s.gx = b.faces[0] + at;
  s.gy = b.faces[1] + at;
  s.gz = b.faces[2] + at;
  const bool wraps_y = b.periodic[1], wraps_z = b.periodic[2];
  s.y_before = y > 0 ? s.own - nx : (wraps_y ? s.own + (ny - 1) * nx : s.own);
  s.z_before = z > 0 ? s.own - plane : (wraps_z ? s.own + (nz - 1) * plane : s.own);
  const long next_y = y + 1 < ny ? nx : -(ny - 1) * nx;
  const long next_z = z + 1 < nz ? plane : -(nz - 1) * plane;
  const bool has_y = y + 1 < ny || wraps_y, has_z = z + 1 < nz || wraps_z;
  s.y_behind = has_y ? s.own + next_y : s.own;
  s.z_behind = has_z ? s.own + next_z : s.own;
  s.gy_behind = has_y ? s.gy + next_y : b.zeros;
  s.gz_behind = has_z ? s.gz + next_z : b.zeros;
  return s;
}

/// One voxel, given what its neighbors along x contribute.
KROGH_INLINE double point(const RowStencil& s, long i, double along_x) {
  const double own = s.own[i];
  double total = fma_(s.local[i], own, along_x);
  total = fma_(s.gy[i], own - s.y_before[i], total);
  total = fma_(s.gy_behind[i], own - s.y_behind[i], total);
  total = fma_(s.gz[i], own - s.z_before[i], total);
  return fma_(s.gz_behind[i], own - s.z_behind[i], total);
}

}  // namespace

double elliptic_product(const EllipticBlock& b, const double* p, double* q, long first_row,
                        long end_row) {
  const long nx = b.shape[0];
  double sum = 0.0;
  for (long row = first_row; row < end_row; ++row) {
    const RowStencil s = row_stencil(b, p, row);
    double* target = q + row * nx;
    KROGH_SIMD
    for (long i = 1; i < nx - 1; ++i) {
      const double before = s.gx[i] * (s.own[i] - s.own[i - 1]);
      target[i] = point(s, i, fma_(s.gx[i + 1], s.own[i] - s.own[i + 1], before));
    }
    const double around = b.periodic[0] && nx > 1 ? s.gx[0] * (s.own[0] - s.own[nx - 1]) : 0.0;
    if (nx == 1) {
      target[0] = point(s, 0, 0.0);
    } else {
      target[0] = point(s, 0, fma_(s.gx[1], s.own[0] - s.own[1], around));
      target[nx - 1] = point(s, nx - 1, fma_(s.gx[nx - 1], s.own[nx - 1] - s.own[nx - 2], -around));
    }
    sum += dot(s.own, target, nx);
  }
  return sum;
}

double elliptic_residual(const EllipticBlock& block, const double* b, bool from_product, double* r,
                         long first_row, long end_row) {
  const long begin = first_row * block.shape[0], count = (end_row - first_row) * block.shape[0];
  const double* right = b + begin;
  double* rest = r + begin;
  if (from_product) {
    KROGH_SIMD
    for (long i = 0; i < count; ++i) rest[i] = right[i] - rest[i];
  } else {
    KROGH_SIMD
    for (long i = 0; i < count; ++i) rest[i] = right[i];
  }
  return dot(rest, rest, count);
}

double elliptic_step(const EllipticBlock& block, double factor, const double* p, const double* q,
                     double* x, double* r, long first_row, long end_row) {
  const long begin = first_row * block.shape[0], count = (end_row - first_row) * block.shape[0];
  const double *way = p + begin, *change = q + begin;
  double *value = x + begin, *rest = r + begin;
  KROGH_SIMD
  for (long i = 0; i < count; ++i) {
    value[i] = fma_(factor, way[i], value[i]);
    rest[i] = fma_(-factor, change[i], rest[i]);
  }
  return dot(rest, rest, count);
}

void elliptic_to_level(const EllipticBlock& block, const Level& level, const double* from,
                       double scale, float* to, long first_row, long end_row) {
  const int nx = block.shape[0];
  for (long row = first_row; row < end_row; ++row) {
    const int y = static_cast<int>(row % block.shape[1]),
              z = static_cast<int>(row / block.shape[1]);
    const double* source = from + row * nx;
    for (int first = 0; first < 2 && first < nx; ++first) {
      float* target = to + level.place(first, y, z, 0, 1);
      const long count = (nx - first + 1) / 2;
      for (long i = 0; i < count; ++i)
        target[i] = static_cast<float>(scale * source[2 * i + first]);
    }
  }
}

void elliptic_from_level(const EllipticBlock& block, const Level& level, const float* from,
                         double scale, double* to, long first_row, long end_row) {
  const int nx = block.shape[0];
  for (long row = first_row; row < end_row; ++row) {
    const int y = static_cast<int>(row % block.shape[1]),
              z = static_cast<int>(row / block.shape[1]);
    double* target = to + row * nx;
    for (int first = 0; first < 2 && first < nx; ++first) {
      const float* source = from + level.place(first, y, z, 0, 1);
      const long count = (nx - first + 1) / 2;
      for (long i = 0; i < count; ++i)
        target[2 * i + first] = scale * static_cast<double>(source[i]);
    }
  }
}

void elliptic_sums(const EllipticBlock& block, const double* z, const double* r, const double* q,
                   double* sums, long first_row, long end_row) {
  const long begin = first_row * block.shape[0], count = (end_row - first_row) * block.shape[0];
  sums[0] += dot(z + begin, r + begin, count);
  if (q != nullptr) sums[1] += dot(z + begin, q + begin, count);
}

void elliptic_direction(const EllipticBlock& block, double factor, const double* z, double* p,
                        long first_row, long end_row) {
  const long begin = first_row * block.shape[0], count = (end_row - first_row) * block.shape[0];
  const double* fresh = z + begin;
  double* way = p + begin;
  KROGH_SIMD
  for (long i = 0; i < count; ++i) way[i] = fma_(factor, way[i], fresh[i]);
}

}  // namespace krogh::KROGH_ISA
