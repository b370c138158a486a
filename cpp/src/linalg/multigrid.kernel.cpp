// Sweeps of the multigrid cycle and of the Krylov method around it, row by row.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/multigrid.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using linalg::Level;

/// What the loops over one color of one row need: where the row's points and their neighbors begin.
struct RowPlace {
  long at;     ///< of this color's points, within one component
  long below;  ///< of the neighbors in x, within the other color: before ...
  long above;  ///< ... and behind
  long count;  ///< numbers to work on
  int shift;   ///< x = 2 i + shift
};

KROGH_INLINE RowPlace row_place(const Level& level, int color, long r) {
  const long y = r % level.shape[1], z = r / level.shape[1];
  const int shift = static_cast<int>((color + y + z) & 1);
  const long at = (z + 1) * level.plane + (y + 1) * level.row;
  const long exact = (level.shape[0] - shift + 1) >> 1;
  // Behind the points there is room to the next full vector, where couplings and inverses are
  // zero; with ghosts there it must stay untouched.
  const long count = level.periodic[0] ? exact : ((exact + 7) & ~7L);
  return {at, at - 1 + shift, at + shift, count, shift};
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

KROGH_INLINE Stencil stencil_of(const Level& level, int color, const RowPlace& p, int j,
                                const float* x) {
  const long own = (static_cast<long>(color) * level.components + j) * level.size;
  const long other = (static_cast<long>(1 - color) * level.components + j) * level.size;
  Stencil s;
  s.g[0] = level.g[0] + own + p.at;
  s.g[1] = level.back[0] + other + p.above;
  s.g[2] = level.g[1] + own + p.at;
  s.g[3] = level.back[1] + other + p.at + level.row;
  s.g[4] = level.g[2] + own + p.at;
  s.g[5] = level.back[2] + other + p.at + level.plane;
  s.x[0] = x + other + p.below;
  s.x[1] = x + other + p.above;
  s.x[2] = x + other + p.at - level.row;
  s.x[3] = x + other + p.at + level.row;
  s.x[4] = x + other + p.at - level.plane;
  s.x[5] = x + other + p.at + level.plane;
  return s;
}

constexpr int chunk = 16;  ///< numbers that the loops keep in registers

/// sums[j] = b_j + sum g x_n of a piece of a row.
template <int M>
KROGH_INLINE void gather(const Stencil* stencils, const float* const* b, long i, int n,
                         float (*sums)[chunk]) {
  for (int j = 0; j < M; ++j) {
    const Stencil& s = stencils[j];
    KROGH_SIMD
    for (int k = 0; k < n; ++k) {
      float total = b[j][i + k];
      for (int d = 0; d < 6; ++d) total = fmaf_(s.g[d][i + k], s.x[d][i + k], total);
      sums[j][k] = total;
    }
  }
}

template <int M>
KROGH_INLINE void sweep_piece(const Stencil* stencils, const float* const* b,
                              const float* const* inverse, float* const* x, long i, int n) {
  alignas(64) float sums[M][chunk];
  gather<M>(stencils, b, i, n, sums);
  for (int j = 0; j < M; ++j) {
    KROGH_SIMD
    for (int k = 0; k < n; ++k) {
      float value = inverse[j * M][i + k] * sums[0][k];
      for (int l = 1; l < M; ++l) value = fmaf_(inverse[j * M + l][i + k], sums[l][k], value);
      x[j][i + k] = value;
    }
  }
}

template <int M>
void sweep(const Level& level, int color, const float* b, float* x, long first_row, long end_row) {
  for (long r = first_row; r < end_row; ++r) {
    const RowPlace p = row_place(level, color, r);
    Stencil stencils[M];
    const float* right[M];
    float* target[M];
    const float* inverse[M * M];
    for (int j = 0; j < M; ++j) {
      const long own = (static_cast<long>(color) * M + j) * level.size + p.at;
      stencils[j] = stencil_of(level, color, p, j, x);
      right[j] = b + own;
      target[j] = x + own;
    }
    for (int e = 0; e < M * M; ++e)
      inverse[e] = level.inverse + (static_cast<long>(color) * M * M + e) * level.size + p.at;
    long i = 0;
    for (; i + chunk <= p.count; i += chunk)
      sweep_piece<M>(stencils, right, inverse, target, i, chunk);
    if (i + 8 <= p.count) {
      sweep_piece<M>(stencils, right, inverse, target, i, 8);
      i += 8;
    }
    if (i < p.count)
      sweep_piece<M>(stencils, right, inverse, target, i, static_cast<int>(p.count - i));
  }
}

template <int M>
void begin(const Level& level, int color, const float* b, float* x, long first_row, long end_row) {
  for (long r = first_row; r < end_row; ++r) {
    const RowPlace p = row_place(level, color, r);
    const float* inverse = level.inverse + static_cast<long>(color) * M * M * level.size + p.at;
    const long own = static_cast<long>(color) * M * level.size + p.at;
    for (int j = 0; j < M; ++j) {
      float* target = x + own + j * level.size;
      const float* first = inverse + static_cast<long>(j) * M * level.size;
      KROGH_SIMD
      for (long i = 0; i < p.count; ++i) {
        float value = first[i] * b[own + i];
        for (int l = 1; l < M; ++l)
          value = fmaf_(first[l * level.size + i], b[own + l * level.size + i], value);
        target[i] = value;
      }
    }
  }
}

/// Residuals of the points first .. end - 1 of one color in a row, component j.
template <int M>
KROGH_INLINE void residual_row(const Level& level, int color, const RowPlace& p, int j,
                               const float* b, const float* x, long first, long end,
                               float* target) {
  const Stencil s = stencil_of(level, color, p, j, x);
  const long own = static_cast<long>(color) * M * level.size + p.at;
  const float* mine = x + own + j * level.size;
  const float* right = b + own + j * level.size;
  const float* local = level.local +
                       (static_cast<long>(color) * M * M + static_cast<long>(j) * M) * level.size +
                       p.at;
  KROGH_SIMD
  for (long i = first; i < end; ++i) {
    float total = right[i];
    for (int l = 0; l < M; ++l)
      total = fmaf_(-local[l * level.size + i], x[own + l * level.size + i], total);
    for (int d = 0; d < 6; ++d) total = fmaf_(s.g[d][i], s.x[d][i] - mine[i], total);
    target[i - first] = total;
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
    float* target = to + (color * per_point + j) * coarse.size + p.at;
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
            residual_row<M>(fine, 0, p, j, b, x, range.first, range.end, part);
            add_to_coarse(fine, p, range, part, first, sums);
          }
        split_row(coarse, r, sums, first, end, j, coarse.b, M);
      }
  }
}

template <int M>
void prolong_from(const Level& fine, const Level& coarse, float* x, long first_row, long end_row) {
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
          for (int color = 0; color < 2; ++color) {
            const RowPlace p = row_place(coarse, color, cr);
            const long last = least((end + 1) / 2, exact_count(coarse, p));
            const float* from = coarse.x + (static_cast<long>(color) * M + j) * coarse.size + p.at;
            for (long i = first / 2; i < last; ++i) natural[2 * i + p.shift - first] = from[i];
          }
        }
        for (int color = 0; color < 2; ++color) {
          const RowPlace p = row_place(fine, color, r);
          const Batch range = fine_batch(fine, p, first, end);
          float* target = x + (static_cast<long>(color) * M + j) * fine.size + p.at;
          if (fine.coarsened[0]) {
            for (long i = range.first; i < range.end; ++i) target[i] += natural[i - first];
          } else {
            for (long i = range.first; i < range.end; ++i)
              target[i] += natural[2 * i + p.shift - first];
          }
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
                            fine.local + (static_cast<long>(color) * M * M + e) * fine.size + p.at +
                                range.first,
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
      for (int j = 0; j < M; ++j) stencils[j] = stencil_of(level, color, p, j, level.local);
      const long block = static_cast<long>(color) * M * M * level.size + p.at;
      const long exact = (level.shape[0] - p.shift + 1) >> 1;
      KROGH_SIMD
      for (long i = 0; i < exact; ++i) {
        float a[M][M];
        for (int j = 0; j < M; ++j)
          for (int l = 0; l < M; ++l) a[j][l] = level.local[block + (j * M + l) * level.size + i];
        for (int j = 0; j < M; ++j)
          for (int d = 0; d < 6; ++d) a[j][j] += stencils[j].g[d][i];
        invert_in_place<M>(a);
        for (int j = 0; j < M; ++j)
          for (int l = 0; l < M; ++l) level.inverse[block + (j * M + l) * level.size + i] = a[j][l];
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

template <int M>
void product(const Level& level, const float* z, const float* r, const float* const* p, int count,
             float* q, double* sums, long first_row, long end_row) {
  for (long row = first_row; row < end_row; ++row)
    for (int color = 0; color < 2; ++color) {
      const RowPlace place = row_place(level, color, row);
      for (int j = 0; j < M; ++j) {
        const long own = (static_cast<long>(color) * M + j) * level.size + place.at;
        float* target = q + own;
        const Stencil s = stencil_of(level, color, place, j, z);
        const float* mine = z + own;
        const float* local =
            level.local +
            (static_cast<long>(color) * M * M + static_cast<long>(j) * M) * level.size + place.at;
        const float* all = z + static_cast<long>(color) * M * level.size + place.at;
        KROGH_SIMD
        for (long i = 0; i < place.count; ++i) {
          float total = local[i] * all[i];
          for (int l = 1; l < M; ++l)
            total = fmaf_(local[l * level.size + i], all[l * level.size + i], total);
          for (int d = 0; d < 6; ++d) total = fmaf_(s.g[d][i], mine[i] - s.x[d][i], total);
          target[i] = total;
        }
        sums[0] += dot(target, target, place.count);
        sums[1] += dot(target, r + own, place.count);
        for (int k = 0; k < count; ++k) sums[2 + k] += dot(target, p[k] + own, place.count);
      }
    }
}

void orthogonalize(const Level& level, const double* factors, const float* const* p,
                   const float* const* s, int count, float* q, float* z, const float* r,
                   double* sums, long first_row, long end_row) {
  for (long row = first_row; row < end_row; ++row)
    for (int color = 0; color < 2; ++color) {
      const RowPlace place = row_place(level, color, row);
      for (int j = 0; j < level.components; ++j) {
        const long own = (static_cast<long>(color) * level.components + j) * level.size + place.at;
        for (int k = 0; k < count; ++k) {
          const float factor = static_cast<float>(factors[k]);
          const float* before = p[k] + own;
          const float* solution = s[k] + own;
          KROGH_SIMD
          for (long i = 0; i < place.count; ++i) {
            q[own + i] = fmaf_(-factor, before[i], q[own + i]);
            z[own + i] = fmaf_(-factor, solution[i], z[own + i]);
          }
        }
        sums[0] += dot(q + own, q + own, place.count);
        sums[1] += dot(q + own, r + own, place.count);
      }
    }
}

void update(const Level& level, double factor, const float* z, const float* q, const float* b,
            bool is_first, float* x, float* r, double* sum, long first_row, long end_row) {
  const float f = static_cast<float>(factor);
  for (long row = first_row; row < end_row; ++row)
    for (int color = 0; color < 2; ++color) {
      const RowPlace place = row_place(level, color, row);
      for (int j = 0; j < level.components; ++j) {
        const long own = (static_cast<long>(color) * level.components + j) * level.size + place.at;
        if (is_first) {
          KROGH_SIMD
          for (long i = 0; i < place.count; ++i) x[own + i] = f * z[own + i];
        } else {
          KROGH_SIMD
          for (long i = 0; i < place.count; ++i) x[own + i] = fmaf_(f, z[own + i], x[own + i]);
        }
        KROGH_SIMD
        for (long i = 0; i < place.count; ++i) r[own + i] = fmaf_(-f, q[own + i], b[own + i]);
        *sum += dot(r + own, r + own, place.count);
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

void multigrid_begin(const Level& level, int color, const float* b, float* x, long first_row,
                     long end_row) {
  KROGH_BY_COMPONENTS(level, begin, level, color, b, x, first_row, end_row)
}

void multigrid_sweep(const Level& level, int color, const float* b, float* x, long first_row,
                     long end_row) {
  KROGH_BY_COMPONENTS(level, sweep, level, color, b, x, first_row, end_row)
}

void multigrid_restrict(const Level& fine, const Level& coarse, const float* b, const float* x,
                        long first_row, long end_row) {
  KROGH_BY_COMPONENTS(fine, restrict_to, fine, coarse, b, x, first_row, end_row)
}

void multigrid_prolong(const Level& fine, const Level& coarse, float* x, long first_row,
                       long end_row) {
  KROGH_BY_COMPONENTS(fine, prolong_from, fine, coarse, x, first_row, end_row)
}

void multigrid_gather(const Level& fine, const Level& coarse, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(fine, gather_local, fine, coarse, first_row, end_row)
}

void multigrid_invert(const Level& level, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(level, invert, level, first_row, end_row)
}

void multigrid_product(const Level& level, const float* z, const float* r, const float* const* p,
                       int count, float* q, double* sums, long first_row, long end_row) {
  KROGH_BY_COMPONENTS(level, product, level, z, r, p, count, q, sums, first_row, end_row)
}

void krylov_orthogonalize(const Level& level, const double* factors, const float* const* p,
                          const float* const* s, int count, float* q, float* z, const float* r,
                          double* sums, long first_row, long end_row) {
  orthogonalize(level, factors, p, s, count, q, z, r, sums, first_row, end_row);
}

void krylov_update(const Level& level, double factor, const float* z, const float* q,
                   const float* b, bool is_first, float* x, float* r, double* sum, long first_row,
                   long end_row) {
  update(level, factor, z, q, b, is_first, x, r, sum, first_row, end_row);
}

#undef KROGH_BY_COMPONENTS

}  // namespace krogh::KROGH_ISA
