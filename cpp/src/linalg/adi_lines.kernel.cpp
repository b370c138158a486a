// Block-tridiagonal systems along the lines of a box, many lines side by side.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/adi.hpp"

#include "linalg/transpose.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::LineSystem;

/// Lines side by side: where their arrays begin, numbers from one component and from one place
/// along the lines to the next.
struct Lines {
  long count;  ///< places along the lines
  int width;   ///< lines
  const double* diagonal;
  const double* faces;
  double* x;
  long component;
  long step;
};

/// Inverts blocks of M x M numbers side by side by Gauss-Jordan elimination without pivoting: they
/// are diagonally dominant by columns, as what leaves a state enters others or is lost.
template <int M>
KROGH_INLINE void invert(double (*block)[M][64], int width) {
  if constexpr (M == 2) {
    KROGH_SIMD
    for (int l = 0; l < width; ++l) {
      const double a = block[0][0][l], b = block[0][1][l], c = block[1][0][l], d = block[1][1][l];
      const double scale = 1.0 / fma_(a, d, -(b * c));
      block[0][0][l] = d * scale;
      block[0][1][l] = -b * scale;
      block[1][0][l] = -c * scale;
      block[1][1][l] = a * scale;
    }
    return;
  }
  for (int k = 0; k < M; ++k) {
    KROGH_SIMD
    for (int l = 0; l < width; ++l) block[k][k][l] = 1.0 / block[k][k][l];
    for (int j = 0; j < M; ++j) {
      if (j == k) continue;
      KROGH_SIMD
      for (int l = 0; l < width; ++l) block[k][j][l] *= block[k][k][l];
    }
    for (int i = 0; i < M; ++i) {
      if (i == k) continue;
      for (int j = 0; j < M; ++j) {
        if (j == k) continue;
        KROGH_SIMD
        for (int l = 0; l < width; ++l)
          block[i][j][l] = fma_(-block[i][k][l], block[k][j][l], block[i][j][l]);
      }
      KROGH_SIMD
      for (int l = 0; l < width; ++l) block[i][k][l] *= -block[k][k][l];
    }
  }
}

/// Elimination: f_i = Q_i (b_i + g_i f_{i-1}) with Q_i the inverse of D_i - g_i Q_{i-1} g_i, D_i
/// the diagonal block with both couplings; then x_i = f_i + Q_i g_{i+1} x_{i+1}. `room` holds Q and
/// f.
template <int M>
void solve(const Lines& s, bool multiply, double* room) {
  constexpr int widest = 64;
  const int width = s.width;
  const long per_place = (M * M + M) * static_cast<long>(width);
  alignas(64) double block[M][M][widest];
  for (long i = 0; i < s.count; ++i) {
    double* inverse = room + i * per_place;
    double* half = inverse + M * M * width;
    const double* inverse_before = inverse - per_place;
    const double* half_before = half - per_place;
    const double* diagonal = s.diagonal + i * s.step;
    const double* to_before = s.faces + i * s.step;
    const bool is_first = i == 0, is_last = i + 1 == s.count;
    for (int j = 0; j < M; ++j) {
      const double* g = to_before + j * s.component;
      const double* g_behind = g + s.step;
      for (int k = 0; k < M; ++k) {
        const double* d = diagonal + (j * M + k) * s.component;
        double* to = block[j][k];
        KROGH_SIMD
        for (int l = 0; l < width; ++l) to[l] = d[l];
        if (is_first) continue;
        const double* before = inverse_before + (j * M + k) * width;
        const double* g_other = to_before + k * s.component;
        KROGH_SIMD
        for (int l = 0; l < width; ++l) to[l] = fma_(-(g[l] * g_other[l]), before[l], to[l]);
      }
      double* own = block[j][j];
      if (!is_first) {
        KROGH_SIMD
        for (int l = 0; l < width; ++l) own[l] += g[l];
      }
      if (!is_last) {
        KROGH_SIMD
        for (int l = 0; l < width; ++l) own[l] += g_behind[l];
      }
    }
    invert<M>(block, width);
    alignas(64) double right[M][widest];
    for (int j = 0; j < M; ++j) {
      const double* b = s.x + i * s.step + j * s.component;
      const double* g = to_before + j * s.component;
      const double* before = half_before + j * width;
      if (is_first) {
        for (int l = 0; l < width; ++l) right[j][l] = b[l];
      } else {
        KROGH_SIMD
        for (int l = 0; l < width; ++l) right[j][l] = fma_(g[l], before[l], b[l]);
      }
    }
    for (int j = 0; j < M; ++j) {
      double* f = half + j * width;
      for (int k = 0; k < M; ++k) {
        double* q = inverse + (j * M + k) * width;
        KROGH_SIMD
        for (int l = 0; l < width; ++l) {
          q[l] = block[j][k][l];
          f[l] = k == 0 ? q[l] * right[0][l] : fma_(q[l], right[k][l], f[l]);
        }
      }
    }
  }
  alignas(64) double now[M][widest], flow[M][widest];
  for (long i = s.count - 1; i >= 0; --i) {
    const double* inverse = room + i * per_place;
    const double* half = inverse + M * M * width;
    const bool is_last = i + 1 == s.count;
    for (int j = 0; j < M && !is_last; ++j) {
      const double* g = s.faces + (i + 1) * s.step + j * s.component;
      KROGH_SIMD
      for (int l = 0; l < width; ++l) flow[j][l] = g[l] * now[j][l];
    }
    for (int j = 0; j < M; ++j) {
      const double* f = half + j * width;
      KROGH_SIMD
      for (int l = 0; l < width; ++l) now[j][l] = f[l];
      for (int k = 0; k < M && !is_last; ++k) {
        const double* q = inverse + (j * M + k) * width;
        KROGH_SIMD
        for (int l = 0; l < width; ++l) now[j][l] = fma_(q[l], flow[k][l], now[j][l]);
      }
    }
    const double* diagonal = s.diagonal + i * s.step;
    for (int j = 0; j < M; ++j) {
      double* x = s.x + i * s.step + j * s.component;
      if (!multiply) {
        KROGH_SIMD
        for (int l = 0; l < width; ++l) x[l] = now[j][l];
        continue;
      }
      for (int k = 0; k < M; ++k) {
        const double* d = diagonal + (j * M + k) * s.component;
        KROGH_SIMD
        for (int l = 0; l < width; ++l)
          x[l] = k == 0 ? d[l] * now[0][l] : fma_(d[l], now[k][l], x[l]);
      }
    }
  }
}

constexpr int rows = linalg::rows_together;

/// Turns over up to eight rows; those that are missing get `rest`.
KROGH_INLINE void take_rows(const double* from, long nx, int count, double rest, double* to) {
  const long whole = count == rows ? nx / rows * rows : 0;
  for (long i = 0; i < whole; i += rows) transpose_8(from + i, nx, to + i * rows, rows);
  for (long i = whole; i < nx; ++i)
    for (int l = 0; l < rows; ++l) to[i * rows + l] = l < count ? from[l * nx + i] : rest;
}

KROGH_INLINE void give_rows(const double* from, long nx, int count, double* to) {
  const long whole = count == rows ? nx / rows * rows : 0;
  for (long i = 0; i < whole; i += rows) transpose_8(from + i * rows, rows, to + i, nx);
  for (long i = whole; i < nx; ++i)
    for (int l = 0; l < count; ++l) to[l * nx + i] = from[i * rows + l];
}

template <int M>
void solve_rows(const LineSystem& s, bool multiply, double* x, long first, long end, double* room) {
  const long nx = s.shape[0], all = s.shape[1] * s.shape[2];
  const long component = (nx + rows) * rows;
  double* diagonal = room;
  double* faces = diagonal + M * M * component;
  double* values = faces + M * component;
  double* rest = values + M * component;
  for (long part = first; part < end; ++part) {
    const long row = part * rows;
    const int count = static_cast<int>(all - row < rows ? all - row : rows);
    for (int e = 0; e < M * M; ++e)
      take_rows(s.diagonal + e * s.stride + row * nx, nx, count, e % (M + 1) == 0 ? 1.0 : 0.0,
                diagonal + e * component);
    for (int j = 0; j < M; ++j) {
      take_rows(s.faces[0] + j * s.stride + row * nx, nx, count, 0.0, faces + j * component);
      take_rows(x + j * s.stride + row * nx, nx, count, 0.0, values + j * component);
    }
    solve<M>({nx, rows, diagonal, faces, values, component, rows}, multiply, rest);
    for (int j = 0; j < M; ++j)
      give_rows(values + j * component, nx, count, x + j * s.stride + row * nx);
  }
}

template <int M>
void solve_lines(const LineSystem& s, int direction, bool multiply, double* x, long first, long end,
                 double* room) {
  if (direction == 0) {
    solve_rows<M>(s, multiply, x, first, end, room);
    return;
  }
  constexpr long together = linalg::lines_together(M);
  const long nx = s.shape[0], parts = (nx + together - 1) / together;
  const long step = direction == 1 ? nx : nx * s.shape[1];
  for (long part = first; part < end; ++part) {
    const long row = part / parts, begin = part % parts * together;
    const long at = (direction == 1 ? row * nx * s.shape[1] : row * nx) + begin;
    const long width = nx - begin < together ? nx - begin : together;
    solve<M>({s.shape[direction], static_cast<int>(width), s.diagonal + at, s.faces[direction] + at,
              x + at, s.stride, step},
             multiply, room);
  }
}

}  // namespace

void adi_lines(const LineSystem& system, int direction, bool multiply, double* x, long first,
               long end, double* room) {
  switch (system.components) {
    case 1: solve_lines<1>(system, direction, multiply, x, first, end, room); break;
    case 2: solve_lines<2>(system, direction, multiply, x, first, end, room); break;
    case 3: solve_lines<3>(system, direction, multiply, x, first, end, room); break;
    case 4: solve_lines<4>(system, direction, multiply, x, first, end, room); break;
    case 5: solve_lines<5>(system, direction, multiply, x, first, end, room); break;
    default: solve_lines<6>(system, direction, multiply, x, first, end, room);
  }
}

}  // namespace krogh::KROGH_ISA
