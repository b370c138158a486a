// Steppers over the kernels of the selected instruction set.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/stepper.hpp"

#include <cstddef>

namespace krogh::integrate {
namespace {

/// Cubic Hermite interpolation in terms of h F_0, h F_1 and y_new - y: with d = y_new - y,
/// k_1 = h F_0 - d and k_2 = 2 d - h F_0 - h F_1 (Hairer, Norsett & Wanner 1993, II.6, eq. 6.7).
constexpr double hermite[3][8] = {{1.0, 0.0, -1.0}, {-1.0, -1.0, 2.0}, {}};

}  // namespace

Stepper stepper_of(const RosenbrockTableau& tableau) {
  return {.family = Stepper::Family::rosenbrock,
          .rosenbrock = &tableau,
          .order = tableau.order,
          .embedded_order = tableau.embedded_order,
          .slots = tableau.stages,
          .dense_stages = tableau.stages,
          .dense_weights = tableau.h};
}

Stepper stepper_of(const ExplicitTableau& tableau) {
  return {.family = Stepper::Family::explicit_runge_kutta,
          .runge_kutta = &tableau,
          .order = tableau.order,
          .embedded_order = tableau.embedded_order,
          .slots = tableau.stages,
          .dense_stages = tableau.stages,
          .dense_weights = tableau.h,
          .needs_jacobian = false};
}

Stepper stabilized_stepper() {
  // The estimate of RKC2 is asymptotically its true local error, of third order in the step.
  return {.family = Stepper::Family::stabilized,
          .order = 2,
          .embedded_order = 2,
          .slots = 5,
          .dense_stages = 3,
          .dense_weights = hermite};
}

void Stepper::step(LaneBlock& block, TangentBlock* tangents) const {
  switch (family) {
    case Family::rosenbrock: KROGH_DISPATCH(rosenbrock_step)(*rosenbrock, block, tangents); break;
    case Family::explicit_runge_kutta:
      KROGH_DISPATCH(explicit_step)(*runge_kutta, block, tangents);
      break;
    case Family::stabilized: KROGH_DISPATCH(stabilized_step)(block, tangents); break;
  }
}

void Stepper::state_inside(LaneBlock& block, const double* theta) const {
  double* states =
      block.registers + static_cast<std::ptrdiff_t>(block.state_register) * block.lanes;
  KROGH_DISPATCH(interpolate)(block.y, block.y_new, block.dense, theta, block.num_states,
                              block.lanes, states);
  if (family == Family::rosenbrock) KROGH_DISPATCH(rosenbrock_refine)(block, theta);
}

void Stepper::dense(const double* stage_values, int rows, int lanes, double* coefficients) const {
  KROGH_DISPATCH(dense_output)(dense_weights, dense_stages, stage_values, rows, lanes,
                               coefficients);
}

}  // namespace krogh::integrate
