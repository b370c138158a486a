// Tridiagonal systems along the lines of a box of voxels, one direction after the other.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::linalg {

/// Lines of one direction that all have the same matrix, 1 on the diagonal and `share` between
/// neighbors, eliminated: e_i = u_i + pass_{i-1} e_{i-1}, x_i = keep_i e_i + pass_i x_{i+1}.
struct EvenLines {
  long count = 1;
  const double* keep = nullptr;  ///< (count)
  const double* pass = nullptr;  ///< (count), the last of them zero
};

/// Systems along the lines of a box: at every voxel a block of `components` unknowns,
///
///   sum_k diagonal_jk x_k + sum over the two neighbors n along the line of g_jn (x_j - x_jn) =
///   b_j.
///
/// Arrays have x fastest and `stride` numbers from one component to the next.
struct LineSystem {
  long shape[3] = {1, 1, 1};
  int components = 1;
  long stride = 0;
  const double* diagonal = nullptr;  ///< (components, components, n)
  const double* faces[3] = {};  ///< to the neighbor before it, zero at the first, (components, n)
};

constexpr long rows_together = 8;  ///< lines along x that are solved together

/// Lines along y or z that are solved together.
constexpr long lines_together(int components) {
  return components == 1 ? 64 : (components == 2 ? 32 : 16);
}

/// Parts that lines of a direction come in: of 8 rows, or of lines side by side in one row.
inline long num_line_parts(const LineSystem& s, int direction) {
  const long rows = s.shape[1] * s.shape[2];
  if (direction == 0) return (rows + rows_together - 1) / rows_together;
  const long together = lines_together(s.components);
  return rows / s.shape[direction] * ((s.shape[0] + together - 1) / together);
}

/// Numbers that a thread needs as room.
inline long line_room(const LineSystem& s) {
  long longest = 1;
  for (const long n : s.shape) longest = n > longest ? n : longest;
  const long m = s.components;
  return (longest + 8) * (m * m + m) * lines_together(s.components) +
         (longest + 8) * (m * m + 2 * m) * rows_together;
}

constexpr long even_chunk = 128;  ///< numbers along x that are eliminated together along z

}  // namespace krogh::linalg

#define KROGH_DECLARE_ADI(isa)                                                                    \
  namespace krogh::isa {                                                                          \
  /** Solves the lines along x, then those along y, of one plane in place; `room` holds 8 (count  \
      along x + 8) numbers. */                                                                    \
  void adi_even_plane(const linalg::EvenLines& x, const linalg::EvenLines& y, double* plane,      \
                      double* room);                                                              \
  /** Solves the lines along z of rows y from `first` to before `end`, and multiplies by `scale`; \
      `room` holds count along z times `even_chunk` numbers. */                                   \
  void adi_even_columns(const linalg::EvenLines& z, long nx, long ny, long first, long end,       \
                        double scale, double* values, double* room);                              \
  /** Solves lines of a system in place, for parts from `first` to before `end`, and multiplies   \
      the solution by the diagonal blocks where asked for. */                                     \
  void adi_lines(const linalg::LineSystem& system, int direction, bool multiply, double* x,       \
                 long first, long end, double* room);                                             \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_ADI)
#undef KROGH_DECLARE_ADI
