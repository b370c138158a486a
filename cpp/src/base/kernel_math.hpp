// Scalar mathematics that vectorizes in loops over lanes; included by kernel files only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#if !defined(KROGH_ISA)
#error "kernel_math.hpp belongs into files that are compiled once per instruction set"
#endif

/// Marks loops over lanes whose iterations are independent.
#define KROGH_SIMD _Pragma("omp simd")
#define KROGH_INLINE static inline __attribute__((always_inline))

namespace krogh::KROGH_ISA {

/// a b + c, with one rounding where the instruction set fuses and two where it does not: bits are
/// promised per instruction set.
KROGH_INLINE double fma_(double a, double b, double c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

KROGH_INLINE long bits_of(double x) {
  long b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}

KROGH_INLINE double from_bits(long b) {
  double x;
  __builtin_memcpy(&x, &b, sizeof x);
  return x;
}

constexpr double ln2_high = 6.93147180369123816490e-01;  // leading 32 bits of ln 2
constexpr double ln2_low = 1.90821492927058770002e-10;   // ln 2 - ln2_high
constexpr double inverse_ln2 = 1.44269504088896338700;
constexpr double round_magic = 6755399441055744.0;  // 1.5 2^52: adding it rounds to an integer

/// exp(x + low) for |low| << |x|. Argument reduction to |r| <= ln2/2 in two pieces (Cody & Waite
/// 1980) and the Taylor polynomial of degree 13, whose remainder is below 1e-17 there.
KROGH_INLINE double exp_sum(double x, double low) {
  const double bounded = x > 710.0 ? 710.0 : (x < -746.0 ? -746.0 : x);
  const double shifted = fma_(bounded, inverse_ln2, round_magic);
  const double k = shifted - round_magic;
  double r = fma_(-k, ln2_high, bounded);
  r = fma_(-k, ln2_low, r) + low;
  double p = 1.0 / 6227020800.0;
  p = fma_(p, r, 1.0 / 479001600.0);
  p = fma_(p, r, 1.0 / 39916800.0);
  p = fma_(p, r, 1.0 / 3628800.0);
  p = fma_(p, r, 1.0 / 362880.0);
  p = fma_(p, r, 1.0 / 40320.0);
  p = fma_(p, r, 1.0 / 5040.0);
  p = fma_(p, r, 1.0 / 720.0);
  p = fma_(p, r, 1.0 / 120.0);
  p = fma_(p, r, 1.0 / 24.0);
  p = fma_(p, r, 1.0 / 6.0);
  p = fma_(p, r, 0.5);
  p = fma_(p * r, r, r);
  p = p + 1.0;
  // 2^k in two factors, so that results near overflow and below the normal range come out right.
  const long whole = bits_of(shifted) - bits_of(round_magic);
  const long half = whole >> 1;
  const double first = from_bits((half + 1023) << 52);
  const double second = from_bits((whole - half + 1023) << 52);
  const double value = p * first * second;
  const double capped = x > 709.782712893384 ? __builtin_inf() : value;
  return x < -745.2 ? 0.0 : (x == x ? capped : x);
}

KROGH_INLINE double exp_(double x) { return exp_sum(x, 0.0); }

/// log(x) = high + low. x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s) with
/// s = (m - 1)/(m + 1) from its odd series to s^23, whose remainder is below 1e-19 |s|.
KROGH_INLINE double log_parts(double x, double& low) {
  const bool is_tiny = x < 2.2250738585072014e-308;
  const double scaled = is_tiny ? x * 18014398509481984.0 : x;  // 2^54
  const long bits = bits_of(scaled);
  // Unsigned: for negative numbers, whose logarithm the caller replaces, the differences wrap.
  const auto unsigned_bits = static_cast<unsigned long>(bits);
  const long shifted = static_cast<long>(unsigned_bits - 0x3fe6a09e667f3bcdUL);  // of sqrt(1/2)
  const long exponent = shifted >> 52;
  const double m =
      from_bits(static_cast<long>(unsigned_bits - (static_cast<unsigned long>(exponent) << 52)));
  const double k = static_cast<double>(static_cast<int>(exponent)) - (is_tiny ? 54.0 : 0.0);
  const double f = m - 1.0;
  const double g = m + 1.0;
  const double s = f / g;
  // Rest of the division, so that s + s_low carries about twice the digits.
  const double g_low = (m - g) + 1.0;
  const double s_low = fma_(-s, g_low, fma_(-s, g, f)) / g;
  const double z = s * s;
  double p = 2.0 / 23.0;
  p = fma_(p, z, 2.0 / 21.0);
  p = fma_(p, z, 2.0 / 19.0);
  p = fma_(p, z, 2.0 / 17.0);
  p = fma_(p, z, 2.0 / 15.0);
  p = fma_(p, z, 2.0 / 13.0);
  p = fma_(p, z, 2.0 / 11.0);
  p = fma_(p, z, 2.0 / 9.0);
  p = fma_(p, z, 2.0 / 7.0);
  p = fma_(p, z, 2.0 / 5.0);
  p = fma_(p, z, 2.0 / 3.0);
  const double tail = fma_(p * z, s, 2.0 * s_low);
  const double big = k * ln2_high;  // exact: ln2_high has 32 bits, k at most 11
  const double head = 2.0 * s;
  const double sum = big + head;
  const double rest = (big - (sum - (sum - big))) + (head - (sum - big));
  low = rest + fma_(k, ln2_low, tail);
  return sum;
}

KROGH_INLINE double log_(double x) {
  double low;
  const double high = log_parts(x, low);
  const double value = high + low;
  const double regular = x < __builtin_inf() ? value : x;
  return x > 0.0 ? regular : (x == 0.0 ? -__builtin_inf() : __builtin_nan(""));
}

/// a^b for a >= 0, and for a < 0 with integer b, as in C. The logarithm carries its rounding error
/// along, so the relative error stays near one unit for moderate exponents.
KROGH_INLINE double pow_(double a, double b) {
  const double size = __builtin_fabs(a);
  double low;
  const double high = log_parts(size, low);
  const double product = high * b;
#if defined(__FMA__) || defined(__aarch64__)
  const double product_low = fma_(high, b, -product);
#else
  const double split_h = high * 134217729.0;  // 2^27 + 1 (Dekker 1971)
  const double split_b = b * 134217729.0;
  const double h1 = split_h - (split_h - high);
  const double b1 = split_b - (split_b - b);
  const double h2 = high - h1;
  const double b2 = b - b1;
  const double product_low = ((h1 * b1 - product) + h1 * b2 + h2 * b1) + h2 * b2;
#endif
  double value = exp_sum(product, fma_(low, b, product_low));
  const double zero = b > 0.0 ? 0.0 : __builtin_inf();
  value = size == 0.0 ? zero : value;
  const double growth = (size > 1.0) == (b > 0.0) ? __builtin_inf() : 0.0;
  const bool is_extreme = size == __builtin_inf() || __builtin_fabs(b) == __builtin_inf();
  value = is_extreme ? (size == 1.0 ? 1.0 : growth) : value;
  const double half_b = 0.5 * b;
  const bool is_integer = __builtin_floor(b) == b;
  const bool is_odd = is_integer && __builtin_floor(half_b) != half_b;
  value = a < 0.0 ? (is_integer ? (is_odd ? -value : value) : __builtin_nan("")) : value;
  value = (a == a && b == b) ? value : __builtin_nan("");
  return b == 0.0 || a == 1.0 ? 1.0 : value;
}

}  // namespace krogh::KROGH_ISA
