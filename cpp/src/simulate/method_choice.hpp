// Which method runs, with which step control, and what says that a problem is stiff.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <vector>

#include <krogh/simulate/point.hpp>

#include "integrate/stepper.hpp"

namespace krogh::simulate {

/// The method asked for; for `automatic` the one that linear or stiff problems get.
Method choose_method(const model::Program& program, const PointOptions& options);

/// Whether subjects may start with the explicit method: an automatic choice that fell on an
/// implicit one, steps under error control, and no steady state of dosing (its period maps are
/// solved by the method of the call).
bool may_start_explicitly(Method method, const PointOptions& options,
                          const model::Schedule& schedule);

integrate::Stepper stepper_of(Method method);
integrate::StepControl control_of(const integrate::Stepper& stepper, const PointOptions& options);

/// What a subject's first judgement of stiffness needs of its list of records.
struct StiffnessScreen {
  double limit = 0.0;                    ///< on spectral radius times longest interval; stiff above
  std::vector<double> largest_dose;      ///< (lists, states), before bioavailability
  std::vector<double> longest_interval;  ///< (lists)
};

StiffnessScreen make_screen(const model::Schedule& schedule, int num_states, double rtol);

}  // namespace krogh::simulate
