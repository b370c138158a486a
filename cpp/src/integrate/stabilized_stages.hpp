// Coefficients of the stages of the stabilized method RKC2 for one step size.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace krogh::integrate {

/// One stage: Y_j = y + mu (Y_{j-1} - y) + nu (Y_{j-2} - y) + slope h F(Y_{j-1}) + first h F_0, at
/// the time t + elapsed h.
struct StabilizedStage {
  double mu = 0.0, nu = 0.0, slope = 0.0, first = 0.0, elapsed = 0.0;
};

/// The stages of one step in order (Sommeijer, Shampine & Verwer 1997, J. Comput. Appl. Math.
/// 88:315, doi 10.1016/S0377-0427(97)00219-7, eqs. (2.1)-(2.9)); formulas stand in
/// `stabilized.kernel.cpp`.
class StabilizedStages {
 public:
  /// @param count  stages of the step, at least 2.
  explicit StabilizedStages(std::int64_t count)
      : w0_(1.0 + 2.0 / (13.0 * static_cast<double>(count) * static_cast<double>(count))) {
    start();
    for (std::int64_t j = 2; j <= count; ++j) raise();
    w1_ = first_ / second_;
    start();
    b_ = b_before_ = 0.25 / (w0_ * w0_);
    elapsed_ = b_ * w1_;
  }

  /// Y_1 = y + elapsed h F_0.
  double elapsed_first() const { return elapsed_; }

  /// Stage 2, 3, ... of the step.
  StabilizedStage next() {
    StabilizedStage stage;
    const double damping = 1.0 - b_ * value_;
    raise();
    const double b_next = second_ / (first_ * first_);
    stage.mu = 2.0 * w0_ * (b_next / b_);
    stage.nu = -b_next / b_before_;
    stage.slope = 2.0 * w1_ * (b_next / b_);
    stage.first = -damping * stage.slope;
    stage.elapsed = stage.mu * elapsed_ + stage.nu * elapsed_before_ + (stage.slope + stage.first);
    elapsed_before_ = elapsed_;
    elapsed_ = stage.elapsed;
    b_before_ = b_;
    b_ = b_next;
    return stage;
  }

  /// Stages that are stable for h times the spectral radius: the limit is 0.653 (s^2 - 1).
  static double needed(double scaled_radius) {
    return std::fmax(2.0, 1.0 + std::ceil(std::sqrt(1.54 * scaled_radius + 1.0)));
  }

  /// Most stages whose round-off, which grows like their square, stays a tenth of the tolerance
  /// (section 3.2 of the same paper).
  static double most(double rtol) {
    return std::fmax(2.0,
                     std::floor(std::sqrt(rtol / (10.0 * std::numeric_limits<double>::epsilon()))));
  }

 private:
  /// Chebyshev polynomial of degree 1 at w0 with its derivatives, degree 0 before it.
  void start() {
    value_ = w0_;
    value_before_ = first_ = 1.0;
    first_before_ = second_ = second_before_ = 0.0;
  }
  void raise() {
    const double two = 2.0 * w0_;
    const double next = two * value_ - value_before_;
    const double next_first = two * first_ + (2.0 * value_ - first_before_);
    const double next_second = two * second_ + (4.0 * first_ - second_before_);
    value_before_ = value_;
    first_before_ = first_;
    second_before_ = second_;
    value_ = next;
    first_ = next_first;
    second_ = next_second;
  }

  double w0_, w1_ = 0.0;
  double value_ = 0.0, value_before_ = 0.0, first_ = 0.0, first_before_ = 0.0, second_ = 0.0,
         second_before_ = 0.0;
  double b_ = 0.0, b_before_ = 0.0, elapsed_ = 0.0, elapsed_before_ = 0.0;
};

}  // namespace krogh::integrate
