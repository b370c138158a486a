// The linear part that drives a nonlinear model: its states between events, exactly.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include <Eigen/Core>
#include <Eigen/LU>
#include <Eigen/QR>

#include "simulate/lane_engine.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Eigenvectors further from orthogonal than this lose too many digits of the states.
constexpr double worst_condition = 1e5;

/// Eigenvalues of a matrix, if all are real: the QR algorithm with the eigenvalue of the trailing
/// 2 x 2 block next to its corner as shift (Wilkinson 1965; Golub & Van Loan 2013, 7.5).
bool real_eigenvalues(Eigen::MatrixXd a, Eigen::VectorXd& values) {
  const double negligible = 1e-15 * a.norm();
  values.resize(a.rows());
  for (Eigen::Index size = a.rows(); size > 0; --size) {
    auto corner = a.topLeftCorner(size, size);
    for (int k = 0;
         size > 1 && corner.row(size - 1).head(size - 1).cwiseAbs().maxCoeff() > negligible; ++k) {
      if (k == 60) return false;
      const double half = 0.5 * (corner(size - 2, size - 2) - corner(size - 1, size - 1));
      const double square = half * half + corner(size - 2, size - 1) * corner(size - 1, size - 2);
      const double root = square > 0.0 ? std::sqrt(square) : 0.0;
      const double shift = corner(size - 1, size - 1) + half - (half < 0.0 ? -root : root);
      const Eigen::MatrixXd moved = corner - shift * Eigen::MatrixXd::Identity(size, size);
      const Eigen::HouseholderQR<Eigen::MatrixXd> qr(moved);
      const Eigen::MatrixXd q = qr.householderQ();
      const Eigen::MatrixXd next = q.transpose() * corner * q;
      corner = next;
    }
    values(size - 1) = corner(size - 1, size - 1);
  }
  return true;
}

}  // namespace

/// What a lane's linear part is made of, with the matrix it was found for.
struct LaneEngine::Modes {
  std::vector<double> matrix;  ///< A and b
  Eigen::VectorXd rates, forced;
  Eigen::MatrixXd vectors, to_modes, inverse;
};

/// Rates and vectors of the lane's linear part. @return false where they are not real or not well
/// apart: the subject is then left to the plain stepper.
bool LaneEngine::find_modes(int l) {
  const model::LinearDrive& drive = *context_.drive;
  const auto m = static_cast<Eigen::Index>(drive.states.size());
  expr::run_tape(program_.view(drive.tape), registers_.data(), lanes_);
  std::vector<double> matrix;
  for (const std::int32_t r : drive.matrix) matrix.push_back(reg(r, l));
  if (modes_.empty()) modes_.resize(idx(lanes_));
  if (!modes_[idx(l)]) modes_[idx(l)] = std::make_shared<Modes>();
  Modes& modes = *modes_[idx(l)];
  if (modes.matrix == matrix) return true;
  modes.matrix.clear();
  if (!std::all_of(matrix.begin(), matrix.end(), [](double v) { return std::isfinite(v); }))
    return false;
  Eigen::MatrixXd a(m, m);
  modes.forced.resize(m);
  for (Eigen::Index i = 0; i < m; ++i) {
    for (Eigen::Index j = 0; j < m; ++j) a(i, j) = matrix[idx(i * (m + 1) + j)];
    modes.forced(i) = matrix[idx(i * (m + 1) + m)];
  }
  if (!real_eigenvalues(a, modes.rates)) return false;
  // Vectors by inverse iteration next to each value.
  modes.vectors.resize(m, m);
  const double aside = 1e-13 * a.norm();
  for (Eigen::Index k = 0; k < m; ++k) {
    const Eigen::FullPivLU<Eigen::MatrixXd> near(a - (modes.rates(k) + aside) *
                                                         Eigen::MatrixXd::Identity(m, m));
    Eigen::VectorXd vector = Eigen::VectorXd::LinSpaced(m, 1.0, 2.0);
    for (int repeat = 0; repeat < 3; ++repeat) vector = near.solve(vector).normalized();
    modes.vectors.col(k) = vector;
    // (A - s) x = v with the vector v of a value r: x = v/(r - s).
    modes.rates(k) += aside + 1.0 / vector.dot(near.solve(vector));
  }
  const Eigen::FullPivLU<Eigen::MatrixXd> vectors(modes.vectors), system(a);
  if (!vectors.isInvertible() || !system.isInvertible()) return false;
  modes.to_modes = vectors.inverse();
  modes.inverse = system.inverse();
  if (!(modes.vectors.norm() * modes.to_modes.norm() <= worst_condition)) return false;
  modes.matrix = std::move(matrix);
  return true;
}

/// Weights of the modes from the lane's present linear states and infusions.
void LaneEngine::start_drive(int l) {
  const model::LinearDrive& drive = *context_.drive;
  const Modes& modes = *modes_[idx(l)];
  const auto m = static_cast<Eigen::Index>(drive.states.size());
  Eigen::VectorXd state(m), input = modes.forced;
  for (Eigen::Index i = 0; i < m; ++i) {
    state(i) = at(block_.y, drive.states[idx(i)], l);
    input(i) += reg(layout_.input_rates + drive.states[idx(i)], l);
  }
  const Eigen::VectorXd rest = -(modes.inverse * input);
  const Eigen::VectorXd weights = modes.to_modes * (state - rest);
  auto set = [&](int parameter, double value) { reg(layout_.parameters + parameter, l) = value; };
  set(drive.start, block_.time[l]);
  for (Eigen::Index i = 0; i < m; ++i) {
    set(drive.rates + static_cast<int>(i), modes.rates(i));
    set(drive.rest + static_cast<int>(i), rest(i));
    for (Eigen::Index k = 0; k < m; ++k)
      set(drive.weights + static_cast<int>(i * m + k), modes.vectors(i, k) * weights(k));
  }
  run_prologue();
}

/// The linear states at the lane's present time.
void LaneEngine::settle_drive(int l) {
  const model::LinearDrive& drive = *context_.drive;
  const int m = static_cast<int>(drive.states.size());
  auto get = [&](int parameter) { return reg(layout_.parameters + parameter, l); };
  const double since = block_.time[l] - get(drive.start);
  if (since == 0.0) return;
  for (int i = 0; i < m; ++i) {
    double sum = get(drive.rest + i);
    for (int k = 0; k < m; ++k)
      sum += get(drive.weights + i * m + k) * std::exp(get(drive.rates + k) * since);
    at(block_.y, drive.states[idx(i)], l) = sum;
  }
}

/// Modes and weights of a lane whose matrix may have changed; gives the subject up to the plain
/// stepper where there are none.
bool LaneEngine::begin_drive(int l) {
  if (find_modes(l)) {
    start_drive(l);
    return true;
  }
  (*context_.left_to_stepper)[idx(lane(l).subject)] = 1;
  finish(l, Status::stopped);
  return false;
}

}  // namespace krogh::simulate
