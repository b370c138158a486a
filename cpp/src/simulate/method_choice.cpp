// Choice of method, step control, first judgement of stiffness.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/method_choice.hpp"

#include <algorithm>
#include <cmath>

#include <krogh/integrate/tableau.hpp>

#include "model/linear_form.hpp"

namespace krogh::simulate {
namespace {

using model::Record;
using model::RecordKind;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

bool is_dose(const Record& record) {
  return record.kind == RecordKind::dose || record.kind == RecordKind::reset_dose;
}

}  // namespace

/// Tolerances at which each order pays off, on the TMDD population (bench).
Method choose_method(const model::Program& program, const PointOptions& options) {
  if (options.method != Method::automatic) return options.method;
  if (program.is_linear() &&
      (options.windows.empty() || model::LinearForm::has_linear_outputs(program)))
    return Method::propagator;
  return options.rtol > 3e-4 ? Method::rodas4 : Method::rodas5p;
}

bool may_start_explicitly(Method method, const PointOptions& options,
                          const model::Schedule& schedule) {
  const auto& records = schedule.records();
  return options.method == Method::automatic && method != Method::propagator &&
         options.fixed_step == 0.0 &&
         std::none_of(records.begin(), records.end(),
                      [](const Record& r) { return is_dose(r) && r.steady > 0; });
}

/// Propagators take no steps of their own; they only need the memory of some stepper.
integrate::Stepper stepper_of(Method method) {
  switch (method) {
    case Method::rodas4: return integrate::stepper_of(integrate::rodas4());
    case Method::rodas5p: return integrate::stepper_of(integrate::rodas5p());
    case Method::ros34pw2: return integrate::stepper_of(integrate::ros34pw2());
    case Method::explicit5: return integrate::stepper_of(integrate::tsit5());
    case Method::rkc2: return integrate::stabilized_stepper();
    case Method::automatic:
    case Method::mixed:
    case Method::propagator: break;
  }
  return integrate::stepper_of(integrate::ros34pw2());
}

/// Measured as attempted steps at equal achieved error (TMDD population, five stiff problems, three
/// smooth ones). Implicit methods: the elementary controller with safety 0.75 needs 2 to 14 % fewer
/// than with 0.9 and has a fifth of its rejections; the proportional-integral one (exponents 0.7
/// and 0.4 over the order of the estimate, safety 0.9: Gustafsson 1991, ACM TOMS 17:533,
/// doi 10.1145/210232.210242) needs up to 50 % more at loose tolerances, for its effective target
/// is 0.17 of the limit, and H211b with b = 4 (Soderlind 2003, doi 10.1145/641876.641877) 15 to
/// 25 % more between doses a few steps apart. Explicit method: the proportional-integral one needs
/// 0 to 25 % fewer than the elementary one.
integrate::StepControl control_of(const integrate::Stepper& stepper, const PointOptions& options) {
  integrate::StepControl control;
  const double order = std::min(stepper.order, stepper.embedded_order) + 1.0;
  const bool is_explicit = stepper.family == integrate::Stepper::Family::explicit_runge_kutta;
  control.safety = is_explicit ? 0.8 : 0.75;
  control.exponent = (is_explicit ? 0.7 : 1.0) / order;
  control.memory = (is_explicit ? 0.4 : 0.0) / order;
  control.fixed_step = options.fixed_step;
  return control;
}

/// An explicit step costs a third to a half of an implicit one, and between two doses the implicit
/// methods take about 2 rtol^(-1/5) steps (measured: 12 to 28 at 1e-4, 26 to 56 at 1e-6, 62 to 145
/// at 1e-8). Stiff is what would hold the explicit method to more than twice as many by its
/// stability, whose interval on the negative real axis is 3.5.
StiffnessScreen make_screen(const model::Schedule& schedule, int num_states, double rtol) {
  StiffnessScreen screen;
  screen.limit = 3.5 * 2.0 * 2.0 * std::pow(rtol, -0.2);
  const std::int64_t lists = schedule.num_lists();
  screen.largest_dose.assign(idx(lists * num_states), 0.0);
  screen.longest_interval.assign(idx(lists), 0.0);
  for (std::int64_t s = 0; s < lists; ++s) {
    double* const largest = screen.largest_dose.data() + s * num_states;
    double& longest = screen.longest_interval[idx(s)];
    const Record* const end = schedule.end(s);
    const Record* last = schedule.begin(s);
    for (const Record* r = last; r != end; ++r) {
      if (is_dose(*r)) largest[r->target] = std::max(largest[r->target], r->amount);
      if (r->kind == RecordKind::observe && r + 1 != end) continue;
      longest = std::max(longest, r->time - last->time);
      last = r;
    }
  }
  return screen;
}

}  // namespace krogh::simulate
