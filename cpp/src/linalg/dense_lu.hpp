// Small dense systems with partial pivoting, for the few solves that are not on the lanes' path.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace krogh::linalg {

/// Solves A X = B in place (Gaussian elimination with partial pivoting, Golub & Van Loan 2013,
/// algorithm 3.4.1).
/// @param a  shape (n, n), destroyed. @param b  shape (n, columns), out: X.
/// @return false if A is singular to working precision.
inline bool solve_dense(std::vector<double>& a, std::vector<double>& b, int n, int columns) {
  auto at = [n](int i, int j) {
    return static_cast<std::size_t>(i) * static_cast<std::size_t>(n) + static_cast<std::size_t>(j);
  };
  auto rhs = [columns](int i, int j) {
    return static_cast<std::size_t>(i) * static_cast<std::size_t>(columns) +
           static_cast<std::size_t>(j);
  };
  for (int k = 0; k < n; ++k) {
    int pivot = k;
    double scale = 0.0;
    for (int i = k; i < n; ++i)
      if (std::abs(a[at(i, k)]) > std::abs(a[at(pivot, k)])) pivot = i;
    for (int j = 0; j < n; ++j) scale = std::max(scale, std::abs(a[at(pivot, j)]));
    if (!(std::abs(a[at(pivot, k)]) > 1e-15 * scale)) return false;
    if (pivot != k) {
      for (int j = 0; j < n; ++j) std::swap(a[at(k, j)], a[at(pivot, j)]);
      for (int j = 0; j < columns; ++j) std::swap(b[rhs(k, j)], b[rhs(pivot, j)]);
    }
    for (int i = k + 1; i < n; ++i) {
      const double factor = a[at(i, k)] / a[at(k, k)];
      if (factor == 0.0) continue;
      for (int j = k; j < n; ++j) a[at(i, j)] -= factor * a[at(k, j)];
      for (int j = 0; j < columns; ++j) b[rhs(i, j)] -= factor * b[rhs(k, j)];
    }
  }
  for (int i = n - 1; i >= 0; --i)
    for (int j = 0; j < columns; ++j) {
      double sum = b[rhs(i, j)];
      for (int k = i + 1; k < n; ++k) sum -= a[at(i, k)] * b[rhs(k, j)];
      b[rhs(i, j)] = sum / a[at(i, i)];
    }
  return true;
}

}  // namespace krogh::linalg
