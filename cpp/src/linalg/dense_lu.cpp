// Small dense systems by Eigen.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/dense_lu.hpp"

#include <cmath>

#include <Eigen/LU>

namespace krogh::linalg {

bool solve_dense(std::vector<double>& a, std::vector<double>& b, int n, int columns) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<Matrix> matrix(a.data(), n, n);
  Eigen::Map<Matrix> right(b.data(), n, columns);
  const Eigen::PartialPivLU<Eigen::Ref<Matrix>> lu(matrix);  // in the memory of `a`
  for (int k = 0; k < n; ++k) {
    const double scale = matrix.row(k).tail(n - k).cwiseAbs().maxCoeff();
    if (!(std::abs(matrix(k, k)) > 1e-15 * scale) || !std::isfinite(scale)) return false;
  }
  right = lu.solve(right);
  return true;
}

}  // namespace krogh::linalg
