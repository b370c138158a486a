// Vectors of lanes as wide as the instruction set, and unevaluated sums of two
// of them. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"

#if defined(__AVX512F__) || defined(__FMA__)
#include <immintrin.h>
#endif

namespace krogh::KROGH_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int vector_lanes = 8;
#elif defined(__AVX2__)
constexpr int vector_lanes = 4;
#else
constexpr int vector_lanes = 2;
#endif
using Vec __attribute__((vector_size(sizeof(double) * vector_lanes))) = double;

KROGH_INLINE Vec load(const double* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

KROGH_INLINE void store(double* p, Vec v) { __builtin_memcpy(p, &v, sizeof v); }

KROGH_INLINE Vec broadcast(double x) { return Vec{} + x; }

/// An unevaluated sum of two numbers per lane, |low| at most half a unit of
/// high.
struct Pair {
  Vec high;
  Vec low;
};

/// a b = high + low exactly (barring underflow).
KROGH_INLINE Pair exact_product(Vec a, Vec b) {
  const Vec p = a * b;
#if defined(__AVX512F__)
  return {p, _mm512_fmsub_pd(a, b, p)};
#elif defined(__AVX2__) && defined(__FMA__)
  return {p, _mm256_fmsub_pd(a, b, p)};
#elif defined(__aarch64__)
  Vec low;
  for (int l = 0; l < vector_lanes; ++l) low[l] = __builtin_fma(a[l], b[l], -p[l]);
  return {p, low};
#else
  const Vec split_a = a * 134217729.0;  // 2^27 + 1 (Dekker 1971)
  const Vec split_b = b * 134217729.0;
  const Vec a1 = split_a - (split_a - a);
  const Vec b1 = split_b - (split_b - b);
  const Vec a2 = a - a1;
  const Vec b2 = b - b1;
  return {p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

/// sum + rest += a b, with the rounding errors of products and sums kept in
/// `rest`.
KROGH_INLINE void accumulate(Vec& sum, Vec& rest, Pair a, Pair b) {
  const Pair product = exact_product(a.high, b.high);
  const Vec cross = product.low + (a.high * b.low + a.low * b.high);
  const Vec total = sum + product.high;  // Knuth's sum: exact error in six operations
  const Vec part = total - sum;
  const Vec error = (sum - (total - part)) + (product.high - part);
  sum = total;
  rest = rest + (error + cross);
}

KROGH_INLINE Pair renormalize(Vec sum, Vec rest) {
  const Vec high = sum + rest;
  return {high, rest - (high - sum)};
}

}  // namespace
}  // namespace krogh::KROGH_ISA
