// Sweeps of the multigrid cycle and of the Krylov method around it, row by row.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/multigrid.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::Level;

/// What the loops over one color of one row need.
struct RowPlace {
  long row;  ///< number of the row, with those of ghosts
  int color;
  int shift;   ///< x = 2 i + shift
  long count;  ///< numbers to work on
};

KROGH_INLINE RowPlace row_place(const Level& level, int color, long r) {
  const long y = r % level.shape[1], z = r / level.shape[1];
  const int shift = static_cast<int>((color + y + z) & 1);
  const long exact = (level.shape[0] - shift + 1) >> 1;
  // Behind the points there is room to the next eight, where couplings and inverses are zero; with
  // ghosts there it must stay untouched.
  const long count = level.periodic[0] ? exact : ((exact + 7) & ~7L);
  return {(z + 1) * (level.shape[1] + 2) + y + 1, color, shift, count};
}

/// Where number `j` of the points of a row stands in an array of `per_point` numbers.
KROGH_INLINE long start_of(const Level& level, long row, int color, long j, long per_point) {
  return ((color * level.all_rows() + row) * per_point + j) * level.pitch;
}

/// The same in an array that may hold color 1 alone.
KROGH_INLINE long start_in(const Level& level, const RowPlace& p, long j, long per_point,
                           int colors) {
  return start_of(level, p.row, colors == 2 ? p.color : 0, j, per_point);
}

KROGH_INLINE float fmaf_(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

/// Pointers to the couplings and neighbors of one component of a row.
struct Stencil {
  const float* g[6];
  const float* x[6];
};

KROGH_INLINE Stencil stencil_of(const Level& level, const RowPlace& p, int j, const float* x) {
  const long m = level.components, rows = level.shape[1] + 2;
  const int color = p.color, opposite = 1 - p.color;
  const long own = start_of(level, p.row, color, j, m);
  const long other = start_of(level, p.row, opposite, j, m);
  const long row_step = start_of(level, 1, 0, 0, m), plane_step = start_of(level, rows, 0, 0, m);
  Stencil s;
  s.g[0] = level.g[0] + own;
  s.g[1] = level.back[0] + other + p.shift;
  s.g[2] = level.g[1] + own;
  s.g[3] = level.back[1] + other + row_step;
  s.g[4] = level.g[2] + own;
  s.g[5] = level.back[2] + other + plane_step;
  s.x[0] = x + other + p.shift - 1;
  s.x[1] = x + other + p.shift;
  s.x[2] = x + other - row_step;
  s.x[3] = x + other + row_step;
  s.x[4] = x + other - plane_step;
  s.x[5] = x + other + plane_step;
  return s;
}

constexpr int chunk = 16;  ///< numbers that the loops keep in registers

/// value + sum g x_n.
KROGH_INLINE float add_neighbors(const Stencil& s, long i, float value) {
  float total = fmaf_(s.g[0][i], s.x[0][i], value);
  total = fmaf_(s.g[1][i], s.x[1][i], total);
  total = fmaf_(s.g[2][i], s.x[2][i], total);
  total = fmaf_(s.g[3][i], s.x[3][i], total);
  total = fmaf_(s.g[4][i], s.x[4][i], total);
  return fmaf_(s.g[5][i], s.x[5][i], total);
}

/// value + sum g (x - x_n), or with `sign` -1 value - sum g (x - x_n).
KROGH_INLINE float add_differences(const Stencil& s, long i, float x, float sign, float value) {
  float total = fmaf_(sign * s.g[0][i], x - s.x[0][i], value);
  total = fmaf_(sign * s.g[1][i], x - s.x[1][i], total);
  total = fmaf_(sign * s.g[2][i], x - s.x[2][i], total);
  total = fmaf_(sign * s.g[3][i], x - s.x[3][i], total);
  total = fmaf_(sign * s.g[4][i], x - s.x[4][i], total);
  return fmaf_(sign * s.g[5][i], x - s.x[5][i], total);
}

template <int M>
KROGH_INLINE void sweep_piece(const Stencil* stencils, const float* b, const float* inverse,
                              float* x, long size, float scale, long i, int n) {
  alignas(64) float sums[M][chunk];
  for (int j = 0; j < M; ++j) {
    const Stencil& s = stencils[j];
    const float* right = b + j * size;
    KROGH_SIMD
    for (int k = 0; k < n; ++k) sums[j][k] = add_neighbors(s, i + k, scale * right[i + k]);
  }
  for (int j = 0; j < M; ++j) {
    const float* of = inverse + static_cast<long>(j) * M * size;
    float* target = x + j * size;
    KROGH_SIMD
    for (int k = 0; k < n; ++k) {
      float value = of[i + k] * sums[0][k];
      for (int l = 1; l < M; ++l) value = fmaf_(of[l * size + i + k], sums[l][k], value);
      target[i + k] = value;
    }
  }
}

template <int M>
void sweep(const Level& level, int color, float scale, const float* b, float* x, long first_row,
           long end_row) {
  for (long r = first_row; r < end_row; ++r) {
    const RowPlace p = row_place(level, color, r);
    const long size = level.pitch;
    const long own = start_of(level, p.row, color, 0, M);
    const float* inverse = level.inverse + start_of(level, p.row, color, 0, M * M);
    Stencil stencils[M];
    for (int j = 0; j < M; ++j) stencils[j] = stencil_of(level, p, j, x);
    long i = 0;
    for (; i + chunk <= p.count; i += chunk)
      sweep_piece<M>(stencils, b + own, inverse, x + own, size, scale, i, chunk);
    if (i + 8 <= p.count) {
      sweep_piece<M>(stencils, b + own, inverse, x + own, size, scale, i, 8);
      i += 8;
    }
    if (i < p.count)
      sweep_piece<M>(stencils, b + own, inverse, x + own, size, scale, i,
                     static_cast<int>(p.count - i));
  }
}

template <int M>
void begin(const Level& level, float scale, const float* b, float* x, long first_row,
           long end_row) {
  for (long r = first_row; r < end_row; ++r) {
    const RowPlace p = row_place(level, 0, r);
    const long size = level.pitch;
    const float* inverse = level.inverse + start_of(level, p.row, 0, 0, M * M);
    const float* right = b + start_of(level, p.row, 0, 0, M);
    for (int j = 0; j < M; ++j) {
      float* target = x + start_of(level, p.row, 0, j, M);
      const float* first = inverse + static_cast<long>(j) * M * size;
      KROGH_SIMD
      for (long i = 0; i < p.count; ++i) {
        float value = first[i] * (scale * right[i]);
        for (int l = 1; l < M; ++l)
          value = fmaf_(first[l * size + i], scale * right[l * size + i], value);
        target[i] = value;
      }
    }
  }
}

/// Residuals of the points first .. end - 1 of color 0 in a row after a sweep of color 0 from zero
/// and one of color 1, component j. Where neighbors have the other color, the first sweep has made
/// the local part equal to b, and what the second brought is all there is.
template <int M>
KROGH_INLINE void residual_row(const Level& level, const RowPlace& p, int j, const float* b,
                               const float* x, long first, long end, float* target) {
  const Stencil s = stencil_of(level, p, j, x);
  if (level.is_two_colored) {
    KROGH_SIMD
    for (long i = first; i < end; ++i) target[i - first] = add_neighbors(s, i, 0.0F);
    return;
  }
  const long size = level.pitch;
  const float* all = x + start_of(level, p.row, 0, 0, M);
  const float* mine = all + j * size;
  const float* right = b + start_of(level, p.row, 0, j, M);
  const float* local = level.local + start_of(level, p.row, 0, static_cast<long>(j) * M, M * M);
  KROGH_SIMD
  for (long i = first; i < end; ++i) {
    float total = right[i];
    for (int l = 0; l < M; ++l) total = fmaf_(-local[l * size + i], all[l * size + i], total);
    target[i - first] = add_differences(s, i, mine[i], -1.0F, total);
  }
}

/// Rows of the fine grid behind one of the coarse grid.
struct Children {
  long y[2], z[2];
  int count_y, count_z;
};

KROGH_INLINE Children children_of(const Level& fine, const Level& coarse, long r) {
  const long cy = r % coarse.shape[1], cz = r / coarse.shape[1];
  Children c{};
  c.count_y = c.count_z = 1;
  c.y[0] = fine.coarsened[1] ? 2 * cy : cy;
  c.z[0] = fine.coarsened[2] ? 2 * cz : cz;
  if (fine.coarsened[1] && c.y[0] + 1 < fine.shape[1]) c.y[c.count_y++] = c.y[0] + 1;
  if (fine.coarsened[2] && c.z[0] + 1 < fine.shape[2]) c.z[c.count_z++] = c.z[0] + 1;
  return c;
}

constexpr long batch = 1024;  ///< points of a coarse row that are handled at once

/// Points of one color in a batch of a coarse row that begins with point `first`.
struct Batch {
  long first, end;  ///< places of the points
};

KROGH_INLINE long least(long a, long b) { return a < b ? a : b; }

KROGH_INLINE long exact_count(const Level& level, const RowPlace& p) {
  return (level.shape[0] - p.shift + 1) >> 1;
}

/// Places of the fine points of a color whose coarse points lie in a batch: point i belongs to the
/// coarse point i where rows are coarsened, else to 2 i + shift.
KROGH_INLINE Batch fine_batch(const Level& fine, const RowPlace& p, long first, long end) {
  const long exact = exact_count(fine, p);
  if (fine.coarsened[0]) return {first, least(end, exact)};
  return {first / 2, least((end + 1) / 2, exact)};
}

/// Adds what the fine points of a color hold to their coarse points.
KROGH_INLINE void add_to_coarse(const Level& fine, const RowPlace& p, const Batch& range,
                                const float* from, long first, float* sums) {
  if (fine.coarsened[0]) {
    for (long i = range.first; i < range.end; ++i) sums[i - first] += from[i - range.first];
  } else {
    for (long i = range.first; i < range.end; ++i)
      sums[2 * i + p.shift - first] += from[i - range.first];
  }
}

/// Splits a batch of a coarse row in natural order into its two colors.
KROGH_INLINE void split_row(const Level& coarse, long r, const float* natural, long first, long end,
                            long j, float* to, long per_point) {
  for (int color = 0; color < 2; ++color) {
    const RowPlace p = row_place(coarse, color, r);
    const long last = least((end + 1) / 2, exact_count(coarse, p));
    float* target = to + start_of(coarse, p.row, color, j, per_point);
    for (long i = first / 2; i < last; ++i) target[i] = natural[2 * i + p.shift - first];
  }
}

template <int M>
void restrict_to(const Level& fine, const Level& coarse, const float* b, const float* x,
                 long first_row, long end_row) {
  float sums[batch + 8];
  float part[batch + 8];
  for (long r = first_row; r < end_row; ++r) {
    const Children c = children_of(fine, coarse, r);
    for (int j = 0; j < M; ++j)
      for (long first = 0; first < coarse.shape[0]; first += batch) {
        const long end = least(first + batch, coarse.shape[0]);
        for (long i = 0; i < end - first + 8; ++i) sums[i] = 0.0F;
        for (int cz = 0; cz < c.count_z; ++cz)
          for (int cy = 0; cy < c.count_y; ++cy) {
            const RowPlace p = row_place(fine, 0, c.z[cz] * fine.shape[1] + c.y[cy]);
            const Batch range = fine_batch(fine, p, first, end);
            residual_row<M>(fine, p, j, b, x, range.first, range.end, part);
            add_to_coarse(fine, p, range, part, first, sums);
          }
        split_row(coarse, r, sums, first, end, j, coarse.b, M);
      }
  }
}

template <int M>
void prolong_from(const Level& fine, const Level& coarse, int color, float* x, long first_row,
                  long end_row) {
  float natural[batch + 8];
  for (int j = 0; j < M; ++j)
    for (long first = 0; first < coarse.shape[0]; first += batch) {
      const long end = least(first + batch, coarse.shape[0]);
      long before = -1;
      for (long r = first_row; r < end_row; ++r) {
        const long y = r % fine.shape[1], z = r / fine.shape[1];
        const long cr =
            (fine.coarsened[2] ? z >> 1 : z) * coarse.shape[1] + (fine.coarsened[1] ? y >> 1 : y);
        if (cr != before) {
          before = cr;
          for (int part = 0; part < 2; ++part) {
            const RowPlace p = row_place(coarse, part, cr);
            const long last = least((end + 1) / 2, exact_count(coarse, p));
            const float* from = coarse.x + start_of(coarse, p.row, part, j, M);
            for (long i = first / 2; i < last; ++i) natural[2 * i + p.shift - first] = from[i];
          }
        }
        const RowPlace p = row_place(fine, color, r);
        const Batch range = fine_batch(fine, p, first, end);
        float* target = x + start_of(fine, p.row, color, j, M);
        if (fine.coarsened[0]) {
          KROGH_SIMD
          for (long i = range.first; i < range.end; ++i) target[i] += natural[i - first];
        } else {
          for (long i = range.first; i < range.end; ++i)
            target[i] += natural[2 * i + p.shift - first];
        }
      }
    }
}

template <int M>
void gather_local(const Level& fine, const Level& coarse, long first_row, long end_row) {
  float sums[batch + 8];
  for (long r = first_row; r < end_row; ++r) {
    const Children c = children_of(fine, coarse, r);
    for (int e = 0; e < M * M; ++e)
      for (long first = 0; first < coarse.shape[0]; first += batch) {
        const long end = least(first + batch, coarse.shape[0]);
        for (long i = 0; i < end - first + 8; ++i) sums[i] = 0.0F;
        for (int cz = 0; cz < c.count_z; ++cz)
          for (int cy = 0; cy < c.count_y; ++cy)
            for (int color = 0; color < 2; ++color) {
              const RowPlace p = row_place(fine, color, c.z[cz] * fine.shape[1] + c.y[cy]);
              const Batch range = fine_batch(fine, p, first, end);
              add_to_coarse(fine, p, range,
                            fine.local + start_of(fine, p.row, color, e, M * M) + range.first,
                            first, sums);
            }
        split_row(coarse, r, sums, first, end, e, coarse.local, M * M);
      }
  }
}

/// Gauss-Jordan without pivoting: local blocks are dominated by their diagonals.
template <int M>
KROGH_INLINE void invert_in_place(float (&a)[M][M]) {
  for (int k = 0; k < M; ++k) {
    const float pivot = 1.0F / a[k][k];
    a[k][k] = 1.0F;
    for (int j = 0; j < M; ++j) a[k][j] *= pivot;
    for (int i = 0; i < M; ++i) {
      if (i == k) continue;
      const float factor = a[i][k];
      a[i][k] = 0.0F;
      for (int j = 0; j < M; ++j) a[i][j] = fmaf_(-factor, a[k][j], a[i][j]);
    }
  }
}

template <int M>
void invert(const Level& level, long first_row, long end_row) {
  for (long r = first_row; r < end_row; ++r)
    for (int color = 0; color < 2; ++color) {
      const RowPlace p = row_place(level, color, r);
      Stencil stencils[M];
      for (int j = 0; j < M; ++j) stencils[j] = stencil_of(level, p, j, nullptr);
      const long block = start_of(level, p.row, color, 0, M * M), size = level.pitch;
      const long exact = (level.shape[0] - p.shift + 1) >> 1;
      KROGH_SIMD
      for (long i = 0; i < exact; ++i) {
        float a[M][M];
        for (int j = 0; j < M; ++j)
          for (int l = 0; l < M; ++l) a[j][l] = level.local[block + (j * M + l) * size + i];
        for (int j = 0; j < M; ++j)
          for (int d = 0; d < 6; ++d) a[j][j] += stencils[j].g[d][i];
        invert_in_place<M>(a);
        for (int j = 0; j < M; ++j)
          for (int l = 0; l < M; ++l) level.inverse[block + (j * M + l) * size + i] = a[j][l];
      }
    }
}

/// Adds the products of two pieces of rows in double precision, eight running sums.
KROGH_INLINE double dot(const float* a, const float* b, long count) {
  double sums[8] = {};
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    KROGH_SIMD
    for (int k = 0; k < 8; ++k)
      sums[k] = fma_(static_cast<double>(a[i + k]), static_cast<double>(b[i + k]), sums[k]);
  }
  for (int k = 0; i < count; ++i, ++k)
    sums[k] = fma_(static_cast<double>(a[i]), static_cast<double>(b[i]), sums[k]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// Component j of A z at a point, from the rows of its local blocks and of its components in z.
template <int M>
KROGH_INLINE float product_at(const Stencil& s, const float* local, const float* all, long size,
                              int j, long i) {
  float total = local[i] * all[i];
  for (int l = 1; l < M; ++l) total = fmaf_(local[l * size + i], all[l * size + i], total);
  return add_differences(s, i, all[j * size + i], 1.0F, total);
}

template <int M>
void product(const Level& level, int color, int colors, const float* z, const float* r,
             const float* const* p, int count, float* q, double* sums, long first_row,
             long end_row) {
  const long size = level.pitch;
  for (long row = first_row; row < end_row; ++row) {
    const RowPlace place = row_place(level, color, row);
    const float* all = z + start_of(level, place.row, color, 0, M);
    for (int j = 0; j < M; ++j) {
      const long own = start_in(level, place, j, M, colors);
      const float* residual = r + start_of(level, place.row, color, j, M);
      float* target = q + own;
      const Stencil s = stencil_of(level, place, j, z);
      const float* local =
          level.local + start_of(level, place.row, color, static_cast<long>(j) * M, M * M);
      KROGH_SIMD
      for (long i = 0; i < place.count; ++i) target[i] = product_at<M>(s, local, all, size, j, i);
      sums[0] += dot(target, target, place.count);
      sums[1] += dot(target, residual, place.count);
      for (int k = 0; k < count; ++k) sums[2 + k] += dot(target, p[k] + own, place.count);
    }
  }
}

template <int M>
void advance(const Level& level, int color, int colors, const float* z, const double* factors,
             const float* const* q, int count, float* product, float* r, long first_row,
             long end_row) {
  const long size = level.pitch;
  const float own_factor = static_cast<float>(factors[count]);
  for (long row = first_row; row < end_row; ++row) {
    const RowPlace place = row_place(level, color, row);
    const float* all = z + start_of(level, place.row, color, 0, M);
    for (int j = 0; j < M; ++j) {
      const long own = start_in(level, place, j, M, colors);
      float* residual = r + start_of(level, place.row, color, j, M);
      const Stencil s = stencil_of(level, place, j, z);
      const float* local =
          level.local + start_of(level, place.row, color, static_cast<long>(j) * M, M * M);
      for (int k = 0; k < count; ++k) {
        const float factor = static_cast<float>(factors[k]);
        const float* of = q[k] + own;
        KROGH_SIMD
        for (long i = 0; i < place.count; ++i) residual[i] = fmaf_(-factor, of[i], residual[i]);
      }
      if (product == nullptr) {
        KROGH_SIMD
        for (long i = 0; i < place.count; ++i)
          residual[i] = fmaf_(-own_factor, product_at<M>(s, local, all, size, j, i), residual[i]);
        continue;
      }
      float* target = product + own;
      KROGH_SIMD
      for (long i = 0; i < place.count; ++i) {
        target[i] = product_at<M>(s, local, all, size, j, i);
        residual[i] = fmaf_(-own_factor, target[i], residual[i]);
      }
    }
  }
}

void reduce_residual(const Level& level, int color, int colors, const double* factors,
                     const float* const* q, int count, float* r, double* sum, long first_row,
                     long end_row) {
  for (long row = first_row; row < end_row; ++row) {
    const RowPlace place = row_place(level, color, row);
    for (int j = 0; j < level.components; ++j) {
      const long own = start_in(level, place, j, level.components, colors);
      float* target = r + start_of(level, place.row, color, j, level.components);
      for (int k = 0; k < count; ++k) {
        const float factor = static_cast<float>(factors[k]);
        const float* of = q[k] + own;
        KROGH_SIMD
        for (long i = 0; i < place.count; ++i) target[i] = fmaf_(-factor, of[i], target[i]);
      }
      *sum += dot(target, target, place.count);
    }
  }
}

void add_up(const Level& level, const linalg::Combination& of, float* x, long first_row,
            long end_row) {
  for (long row = first_row; row < end_row; ++row)
    for (int color = 0; color < 2; ++color) {
      const RowPlace place = row_place(level, color, row);
      for (int j = 0; j < level.components; ++j) {
        const long own = start_of(level, place.row, color, j, level.components);
        float* target = x + own;
        for (long i = 0; i < place.count && of.count == 0; ++i) target[i] = 0.0F;
        for (int k = 0; k < of.count; ++k) {
          const float factor = static_cast<float>(of.factors[k]);
          const float* part = of.parts[k] + own;
          if (k == 0) {
            KROGH_SIMD
            for (long i = 0; i < place.count; ++i) target[i] = factor * part[i];
          } else {
            KROGH_SIMD
            for (long i = 0; i < place.count; ++i) target[i] = fmaf_(factor, part[i], target[i]);
          }
        }
      }
    }
}

}  // namespace

#define KROGH_BY_COMPONENTS(level, function, ...) \
  switch ((level).components) {                   \
    case 1: function<1>(__VA_ARGS__); break;      \
    case 2: function<2>(__VA_ARGS__); break;      \
    case 3: function<3>(__VA_ARGS__); break;      \
    case 4: function<4>(__VA_ARGS__); break;      \
    case 5: function<5>(__VA_ARGS__); break;      \
    default: function<6>(__VA_ARGS__);            \
  }

void multigrid_begin(const Level& level, float scale, const float* b, float* x, long first_row,
                     long end_row) {
  KROGH_BY_COMPONENTS(level, begin, level, scale, b, x, first_row, end_row)
}

void multigrid_sweep(const Level& level, int color, float scale, const float* b, float* x,
                     long first_row, long end_row) {
  KROGH_BY_COMPONENTS(level, sweep, level, color, scale, b, x, first_row, end_row)
}

void multigrid_restrict(const Level& fine, const Level& coarse, const float* b, const float* x,
                        long first_row, long end_row) {
  KROGH_BY_COMPONENTS(fine, restrict_to, fine, coarse, b, x, first_row, end_row)
}

void multigrid_prolong(const Level& fine, const Level& coarse, int color, float* x, long first_row,
                       long end_row) {
  KROGH_BY_COMPONENTS(fine, prolong_from, fine, coarse, color, x, first_row, end_row)
}

void multigrid_gather(const Level& fine, const Level& coarse, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(fine, gather_local, fine, coarse, first_row, end_row)
}

void multigrid_invert(const Level& level, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(level, invert, level, first_row, end_row)
}

void multigrid_product(const Level& level, int color, int colors, const float* z, const float* r,
                       const float* const* p, int count, float* q, double* sums, long first_row,
                       long end_row) {
  KROGH_BY_COMPONENTS(level, product, level, color, colors, z, r, p, count, q, sums, first_row,
                      end_row)
}

void krylov_advance(const Level& level, int color, int colors, const float* z,
                    const double* factors, const float* const* q, int count, float* product,
                    float* r, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(level, advance, level, color, colors, z, factors, q, count, product, r,
                      first_row, end_row)
}

void krylov_residual(const Level& level, int color, int colors, const double* factors,
                     const float* const* q, int count, float* r, double* sum, long first_row,
                     long end_row) {
  reduce_residual(level, color, colors, factors, q, count, r, sum, first_row, end_row);
}

void multigrid_add_up(const Level& level, const linalg::Combination& combination, float* x,
                      long first_row, long end_row) {
  add_up(level, combination, x, first_row, end_row);
}

#undef KROGH_BY_COMPONENTS

}  // namespace krogh::KROGH_ISA
