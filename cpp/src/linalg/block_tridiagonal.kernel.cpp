// Block Thomas algorithm over lanes (Golub & Van Loan 2013, section 4.5.1) with pivots free of
// cancellation. SPDX-License-Identifier: BSD-3-Clause
#include "linalg/block_tridiagonal.hpp"

#include "linalg/lane_blocks.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// 1/pivot, or NaN where elimination has left less than 1e-10 of the entry it started from.
KROGH_INLINE double guarded_inverse(double pivot, double original) {
  return __builtin_fabs(pivot) < 1e-10 * __builtin_fabs(original) ? __builtin_nan("") : 1.0 / pivot;
}

/// Inverse in place by Gauss-Jordan elimination in the order of the diagonal.
/// @param a  shape (m, m, W).
template <int M>
void invert(double* a, int size) {
  const int m = M > 0 ? M : size;
  if constexpr (M == 2) {  // one division instead of two in a row
    KROGH_SIMD
    for (int l = 0; l < W; ++l) {
      const double full = a[l] * a[3 * W + l];
      const double r = guarded_inverse(fma_(-a[W + l], a[2 * W + l], full), full);
      const double first = a[l];
      a[l] = a[3 * W + l] * r;
      a[W + l] = -a[W + l] * r;
      a[2 * W + l] = -a[2 * W + l] * r;
      a[3 * W + l] = first * r;
    }
    return;
  }
  constexpr int bound = M > 0 ? M : 16;
  double original[static_cast<unsigned>(bound * W)];
  for (int i = 0; i < m; ++i)
    for (int l = 0; l < W; ++l) original[i * W + l] = a[(i * m + i) * W + l];
  for (int k = 0; k < m; ++k) {
    double r[W];
    double* pivot_row = a + static_cast<long>(k) * m * W;
    KROGH_SIMD
    for (int l = 0; l < W; ++l) {
      r[l] = guarded_inverse(pivot_row[k * W + l], original[k * W + l]);
      pivot_row[k * W + l] = 1.0;
    }
    for (int j = 0; j < m; ++j) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) pivot_row[j * W + l] *= r[l];
    }
    for (int i = 0; i < m; ++i) {
      if (i == k) continue;
      double* row = a + static_cast<long>(i) * m * W;
      double factor[W];
      for (int l = 0; l < W; ++l) {
        factor[l] = row[k * W + l];
        row[k * W + l] = 0.0;
      }
      for (int j = 0; j < m; ++j) {
        KROGH_SIMD
        for (int l = 0; l < W; ++l)
          row[j * W + l] = fma_(-factor[l], pivot_row[j * W + l], row[j * W + l]);
      }
    }
  }
}

/// Pivot of cell k: A_k = B_k - outward_k, B_k = blocks_k - walls_k - lower_k A_(k-1)^-1 B_(k-1)
/// ratio_k. It follows from the usual one, with lower_k ratio_k on the diagonal, by
/// A^-1 outward = A^-1 B - 1; the idea is that of Grassmann, Taksar & Heyman 1985, Operations
/// Research 33:1107, doi 10.1287/opre.33.5.1107.
template <int M>
void factor_chain(const linalg::BlockTridiagonal& s, int chain) {
  const int m = M > 0 ? M : s.block_size;
  const long vector = static_cast<long>(m) * W;
  const long block = vector * m;
  constexpr int bound = M > 0 ? M : 16;
  double b[static_cast<unsigned>(bound * bound * W)];
  double before[static_cast<unsigned>(bound * bound * W)];
  const int first = s.starts[chain];
  const int end = s.starts[chain + 1];
  for (int k = first; k < end; ++k) {
    double* a = s.blocks + k * block;
    for (long e = 0; e < block; ++e) b[e] = a[e];
    for (int w = 0; w < 2; ++w) {
      if (k != (w == 0 ? first : end - 1)) continue;
      const double* wall = s.walls + (2 * chain + w) * vector;
      for (int i = 0; i < m; ++i)
        for (int l = 0; l < W; ++l) b[(i * m + i) * W + l] -= wall[i * W + l];
    }
    if (k > first) {
      const double* inverse = a - block;
      const double* lower = s.lower + k * vector;
      const double* ratio = s.ratio + k * vector;
      const double* upper = s.upper + (k - 1) * vector;
      for (int i = 0; i < m; ++i)
        for (int j = 0; j < m; ++j) {
          const long e = static_cast<long>(i * m + j) * W;
          if (i != j) {  // A^-1 B ratio = A^-1 outward ratio beside the diagonal
            KROGH_SIMD
            for (int l = 0; l < W; ++l)
              b[e + l] = fma_(-lower[i * W + l] * upper[j * W + l], inverse[e + l], b[e + l]);
            continue;
          }
          KROGH_SIMD
          for (int l = 0; l < W; ++l) {
            double sum = inverse[static_cast<long>(i) * m * W + l] * before[i * W + l];
            for (int q = 1; q < m; ++q)
              sum = fma_(inverse[static_cast<long>(i * m + q) * W + l], before[(q * m + i) * W + l],
                         sum);
            b[e + l] = fma_(-lower[i * W + l] * ratio[i * W + l], sum, b[e + l]);
          }
        }
    }
    for (long e = 0; e < block; ++e) a[e] = before[e] = b[e];
    if (k + 1 < end)
      for (int i = 0; i < m; ++i)
        for (int l = 0; l < W; ++l) a[(i * m + i) * W + l] -= s.outward[k * vector + i * W + l];
    invert<M>(a, m);
  }
}

template <int M>
void factor(const linalg::BlockTridiagonal& s) {
  for (int chain = 0; chain < s.num_chains; ++chain) factor_chain<M>(s, chain);
}

/// Forward: v_k = A_k^-1 (rhs_k - lower_k v_(k-1)); backward: u_k = v_k - A_k^-1 upper_k u_(k+1).
template <int M>
void solve_chain(const linalg::BlockTridiagonal& s, int chain, double* x) {
  const int m = M > 0 ? M : s.block_size;
  const long vector = static_cast<long>(m) * W;
  const long block = vector * m;
  constexpr unsigned bound = M > 0 ? M : 16;
  Lanes carried[bound], product[bound];
  const int first = s.starts[chain];
  const int end = s.starts[chain + 1];
  for (int i = 0; i < m; ++i) carried[i] = Lanes{};
  for (int k = first; k < end; ++k) {
    double* x_k = x + k * vector;
    const double* lower = s.lower + k * vector;
    for (int i = 0; i < m; ++i) {
      product[i] = lanes_at(x_k + i * W);
      add_product<-1>(product[i], lanes_at(lower + i * W), carried[i]);
    }
    multiply<M>(s.blocks + k * block, product, carried, m);
    for (int i = 0; i < m; ++i) lanes_at(x_k + i * W) = carried[i];
  }
  for (int k = end - 2; k >= first; --k) {
    double* x_k = x + k * vector;
    const double* upper = s.upper + k * vector;
    for (int i = 0; i < m; ++i) carried[i] *= lanes_at(upper + i * W);
    multiply<M>(s.blocks + k * block, carried, product, m);
    for (int i = 0; i < m; ++i) {
      carried[i] = lanes_at(x_k + i * W) - product[i];
      lanes_at(x_k + i * W) = carried[i];
    }
  }
}

template <int M>
void solve(const linalg::BlockTridiagonal& s, double* x) {
  for (int chain = 0; chain < s.num_chains; ++chain) solve_chain<M>(s, chain, x);
}

}  // namespace

void factor_tridiagonal(const linalg::BlockTridiagonal& system) {
  switch (system.block_size) {
    case 1: factor<1>(system); break;
    case 2: factor<2>(system); break;
    case 3: factor<3>(system); break;
    case 4: factor<4>(system); break;
    default: factor<0>(system);
  }
}

void solve_tridiagonal(const linalg::BlockTridiagonal& system, double* rhs) {
  switch (system.block_size) {
    case 1: solve<1>(system, rhs); break;
    case 2: solve<2>(system, rhs); break;
    case 3: solve<3>(system, rhs); break;
    case 4: solve<4>(system, rhs); break;
    default: solve<0>(system, rhs);
  }
}

void invert_block(double* block, int size) { invert<0>(block, size); }

}  // namespace krogh::KROGH_ISA
