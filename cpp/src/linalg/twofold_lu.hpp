// Small dense systems in twofold precision: unevaluated sums of two doubles.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace krogh::linalg {

/// high + low with |low| at most half a unit of high (Dekker 1971,
/// doi 10.1007/BF01397083).
struct Twofold {
  double high = 0.0;
  double low = 0.0;
};

inline Twofold sum_of(double a, double b) {  // Knuth: exact
  const double s = a + b;
  const double part = s - a;
  return {s, (a - (s - part)) + (b - part)};
}

inline Twofold operator+(Twofold a, Twofold b) {
  const Twofold s = sum_of(a.high, b.high);
  const double low = s.low + (a.low + b.low);
  const double high = s.high + low;
  return {high, low - (high - s.high)};
}

inline Twofold operator-(Twofold a) { return {-a.high, -a.low}; }
inline Twofold operator-(Twofold a, Twofold b) { return a + (-b); }

inline Twofold operator*(Twofold a, Twofold b) {
  const double p = a.high * b.high;
  const double low = std::fma(a.high, b.high, -p) + (a.high * b.low + a.low * b.high);
  const double high = p + low;
  return {high, low - (high - p)};
}

inline Twofold operator/(Twofold a, Twofold b) {
  const double q = a.high / b.high;
  const Twofold rest = a - Twofold{q, 0.0} * b;
  const Twofold s = sum_of(q, rest.high / b.high);
  return s;
}

/// Solves A x = b in place by elimination with partial pivoting (Golub & Van
/// Loan 2013, algorithm 3.4.1). A pivot below `smallest` times the largest
/// entry its column had means singular.
/// @param a  (n, n), destroyed. @param b  (n, columns), out: x.
inline bool solve_twofold(std::vector<Twofold>& a, std::vector<Twofold>& b, int n, int columns,
                          double smallest) {
  const auto at = [n](int i, int j) {
    return static_cast<std::size_t>(i) * static_cast<std::size_t>(n) + static_cast<std::size_t>(j);
  };
  const auto rhs = [columns](int i, int j) {
    return static_cast<std::size_t>(i) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(j);
  };
  std::vector<double> scale(static_cast<std::size_t>(n), 0.0);
  for (int j = 0; j < n; ++j)
    for (int i = 0; i < n; ++i)
      scale[static_cast<std::size_t>(j)] =
          std::fmax(scale[static_cast<std::size_t>(j)], std::abs(a[at(i, j)].high));
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    for (int i = k; i < n; ++i)
      if (std::abs(a[at(i, k)].high) > std::abs(a[at(pivot, k)].high)) pivot = i;
    if (!(std::abs(a[at(pivot, k)].high) > smallest * scale[static_cast<std::size_t>(k)]))
      return false;
    if (pivot != k) {
      for (int j = 0; j < n; ++j) std::swap(a[at(k, j)], a[at(pivot, j)]);
      for (int j = 0; j < columns; ++j) std::swap(b[rhs(k, j)], b[rhs(pivot, j)]);
    }
    for (int i = k + 1; i < n; ++i) {
      if (a[at(i, k)].high == 0.0) continue;
      const Twofold factor = a[at(i, k)] / a[at(k, k)];
      for (int j = k + 1; j < n; ++j) a[at(i, j)] = a[at(i, j)] - factor * a[at(k, j)];
      for (int j = 0; j < columns; ++j) b[rhs(i, j)] = b[rhs(i, j)] - factor * b[rhs(k, j)];
    }
  }
  for (int i = n - 1; i >= 0; --i)
    for (int j = 0; j < columns; ++j) {
      Twofold sum = b[rhs(i, j)];
      for (int k = i + 1; k < n; ++k) sum = sum - a[at(i, k)] * b[rhs(k, j)];
      b[rhs(i, j)] = sum / a[at(i, i)];
    }
  return true;
}

}  // namespace krogh::linalg
