// What the engine needs to know about a method, whatever its family.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "integrate/lane_block.hpp"

namespace krogh::integrate {

/// One of the step kernels with its coefficients.
struct Stepper {
  enum class Family { rosenbrock, explicit_runge_kutta, stabilized };

  Family family = Family::rosenbrock;
  const RosenbrockTableau* rosenbrock = nullptr;
  const ExplicitTableau* runge_kutta = nullptr;
  int order = 0;
  int embedded_order = 0;
  int slots = 0;         ///< rows of stage values per state
  int dense_stages = 0;  ///< of which the dense output uses that many
  const double (*dense_weights)[8] = nullptr;
  bool needs_jacobian = true;

  /// One step of all lanes.
  void step(LaneBlock& block, TangentBlock* tangents) const;
  /// States inside the step from the dense output, in the state registers; the times stand in the
  /// time register. Values of stages are lost.
  void state_inside(LaneBlock& block, const double* theta) const;
  /// Coefficients of the dense output of the last step, shape (3, rows).
  void dense(const double* stage_values, int rows, int lanes, double* coefficients) const;
};

Stepper stepper_of(const RosenbrockTableau& tableau);
Stepper stepper_of(const ExplicitTableau& tableau);
/// RKC2 of Sommeijer, Shampine & Verwer (1997); dense output by cubic Hermite interpolation.
Stepper stabilized_stepper();

}  // namespace krogh::integrate
