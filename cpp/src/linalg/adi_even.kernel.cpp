// Sweeps along the lines of a box of equal voxels: vectors across lines, each read once.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/adi.hpp"

#include "linalg/transpose.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::EvenLines;

constexpr long lanes = 8;  ///< lines along x that are solved together

/// Up to eight lines along x that begin `row` apart, turned over into `room` and back.
KROGH_INLINE void solve_rows(const EvenLines& x, double* rows, long row, int count, double* room) {
  const long whole = count == lanes ? x.count / lanes * lanes : 0;
  for (long i = 0; i < whole; i += lanes) transpose_8(rows + i, row, room + i * lanes, lanes);
  for (long i = whole; i < x.count; i += lanes)
    transpose_part(rows + i, row, count,
                   static_cast<int>(x.count - i < lanes ? x.count - i : lanes), room + i * lanes,
                   lanes);
  double before[lanes] = {};
  double pass = 0.0;
  for (long i = 0; i < x.count; ++i) {
    double* at = room + i * lanes;
    KROGH_SIMD
    for (long l = 0; l < lanes; ++l) {
      before[l] = fma_(pass, before[l], at[l]);
      at[l] = before[l];
    }
    pass = x.pass[i];
  }
  for (long l = 0; l < lanes; ++l) before[l] = 0.0;
  for (long i = x.count - 1; i >= 0; --i) {
    double* at = room + i * lanes;
    const double keep = x.keep[i], from_behind = x.pass[i];
    KROGH_SIMD
    for (long l = 0; l < lanes; ++l) {
      before[l] = fma_(from_behind, before[l], keep * at[l]);
      at[l] = before[l];
    }
  }
  for (long i = 0; i < whole; i += lanes) transpose_8(room + i * lanes, lanes, rows + i, row);
  for (long i = whole; i < x.count; i += lanes)
    transpose_part(room + i * lanes, lanes,
                   static_cast<int>(x.count - i < lanes ? x.count - i : lanes), count, rows + i,
                   row);
}

}  // namespace

void adi_even_plane(const EvenLines& x, const EvenLines& y, double* plane, double* room) {
  const long nx = x.count;
  for (long first = 0; first < y.count; first += lanes) {
    const long end = first + lanes < y.count ? first + lanes : y.count;
    if (x.count > 1) solve_rows(x, plane + first * nx, nx, static_cast<int>(end - first), room);
    for (long j = first > 0 ? first : 1; j < end; ++j) {
      double* here = plane + j * nx;
      const double* before = here - nx;
      const double pass = y.pass[j - 1];
      KROGH_SIMD
      for (long i = 0; i < nx; ++i) here[i] = fma_(pass, before[i], here[i]);
    }
  }
  if (y.count == 1) return;
  double* last = plane + (y.count - 1) * nx;
  const double keep_last = y.keep[y.count - 1];
  KROGH_SIMD
  for (long i = 0; i < nx; ++i) last[i] *= keep_last;
  for (long j = y.count - 2; j >= 0; --j) {
    double* here = plane + j * nx;
    const double* behind = here + nx;
    const double pass = y.pass[j], keep = y.keep[j];
    KROGH_SIMD
    for (long i = 0; i < nx; ++i) here[i] = fma_(pass, behind[i], keep * here[i]);
  }
}

void adi_even_columns(const EvenLines& z, long nx, long ny, long first, long end, double scale,
                      double* values, double* room) {
  constexpr long chunk = linalg::even_chunk;
  const long plane = nx * ny;
  for (long y = first; y < end; ++y)
    for (long begin = 0; begin < nx; begin += chunk) {
      const long count = begin + chunk < nx ? chunk : nx - begin;
      double* column = values + y * nx + begin;
      KROGH_SIMD
      for (long i = 0; i < count; ++i) room[i] = column[i];
      for (long k = 1; k < z.count; ++k) {
        const double* here = column + k * plane;
        const double* before = room + (k - 1) * chunk;
        double* to = room + k * chunk;
        const double pass = z.pass[k - 1];
        KROGH_SIMD
        for (long i = 0; i < count; ++i) to[i] = fma_(pass, before[i], here[i]);
      }
      double* behind = room + (z.count - 1) * chunk;
      const double keep_last = scale * z.keep[z.count - 1];
      double* last = column + (z.count - 1) * plane;
      KROGH_SIMD
      for (long i = 0; i < count; ++i) last[i] = behind[i] = keep_last * behind[i];
      for (long k = z.count - 2; k >= 0; --k) {
        double* to = column + k * plane;
        const double* here = room + k * chunk;
        const double pass = z.pass[k], keep = scale * z.keep[k];
        KROGH_SIMD
        for (long i = 0; i < count; ++i) to[i] = behind[i] = fma_(pass, behind[i], keep * here[i]);
      }
    }
}

}  // namespace krogh::KROGH_ISA
