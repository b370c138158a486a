// Small dense blocks over the lanes of a line; included by kernel files only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "linalg/block_tridiagonal.hpp"

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace krogh::KROGH_ISA {
namespace {

constexpr int W = linalg::line_lanes;

/// The numbers of one row of lanes, held in one vector register where there are any of that size.
/// Compilers given arrays instead mix widths, and a wide load of what two narrow stores have just
/// written waits for both.
using Lanes __attribute__((vector_size(W * sizeof(double)), aligned(8), may_alias)) = double;

KROGH_INLINE const Lanes& lanes_at(const double* from) {
  return *reinterpret_cast<const Lanes*>(from);
}
KROGH_INLINE Lanes& lanes_at(double* from) { return *reinterpret_cast<Lanes*>(from); }

/// sum += sign a b, rounded as fma_ does.
template <int Sign>
KROGH_INLINE void add_product(Lanes& sum, const Lanes& a, const Lanes& b) {
#if defined(__FMA__) && defined(__AVX__)
  sum = Sign > 0 ? Lanes(_mm256_fmadd_pd(a, b, sum)) : Lanes(_mm256_fnmadd_pd(a, b, sum));
#else
  for (int l = 0; l < W; ++l) sum[l] = fma_(Sign > 0 ? a[l] : -a[l], b[l], sum[l]);
#endif
}

/// target = A x of one block; may not overlap.
template <int M>
KROGH_INLINE void multiply(const double* a, const Lanes* x, Lanes* target, int size) {
  const int m = M > 0 ? M : size;
  for (int i = 0; i < m; ++i) {
    target[i] = lanes_at(a + static_cast<long>(i) * m * W) * x[0];
    for (int j = 1; j < m; ++j)
      add_product<1>(target[i], lanes_at(a + static_cast<long>(i * m + j) * W), x[j]);
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
