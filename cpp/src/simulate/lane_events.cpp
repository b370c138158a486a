// Records of a subject as the engine meets them: doses, infusions, resets, observations.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/base/isa.hpp>

#include "simulate/lane_engine.hpp"
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

using model::Record;
using model::RecordKind;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

/// After a step: counts it, ends it early on switching surfaces, takes the outputs inside it.
void LaneEngine::work_through_step() {
  dense_is_ready_ = false;
  if (KROGH_DISPATCH(tally_step)(block_, rows_of_)) give_up_lanes();
  if (program_.num_surfaces() > 0) locate_crossings();
  if (!context_.options->windows.empty()) take_metrics();
  observe_inside_step();
  KROGH_DISPATCH(commit_step)(block_, rows_of_, num_directions_ > 0 ? &tangents_ : nullptr);
  if (program_.num_surfaces() == 0) return;
  for (int l = 0; l < lanes_; ++l)
    if (lane(l).is_active && block_.accepted[l] > 0.0 && lane(l).crossing_surface >= 0 &&
        block_.remaining[l] <= 0.0)
      cross(l);
}

/// Ends lanes that took too many steps, or whose step has become too small to go on.
void LaneEngine::give_up_lanes() {
  for (int l = 0; l < lanes_; ++l) {
    if (!lane(l).is_active) continue;
    const double steps = rows_of_.num_accepted[l] + rows_of_.num_rejected[l];
    if (steps > rows_of_.max_steps) {
      fail(l, Status::max_steps_reached, -1, "too many steps");
      block_.accepted[l] = 0.0;
    } else if (!(block_.accepted[l] > 0.0) &&
               block_.step[l] < 1e-14 * std::max(std::abs(block_.time[l]), 1e-270)) {
      name_failure(l);
    }
  }
}

/// Takes the outputs at observations inside the step, one per lane and round.
void LaneEngine::observe_inside_step() {
  for (;;) {
    // Which lanes are ready is as good as random: no branch on it.
    ready_.resize(idx(lanes_));
    std::size_t count = 0;
    for (int l = 0; l < lanes_; ++l) {
      ready_[count] = l;
      count += rows_of_.next_observation[l] <= rows_of_.observe_until[l] ? 1 : 0;
    }
    ready_.resize(count);
    if (ready_.empty()) return;
    for (int l : ready_)
      theta_[l] =
          std::min((rows_of_.next_observation[l] - block_.time[l]) / block_.step_used[l], 1.0);
    prepare_dense();
    for (int l : ready_) reg(layout_.time, l) = rows_of_.next_observation[l];
    context_.stepper.state_inside(block_, theta_);
    if (num_directions_ > 0)
      KROGH_DISPATCH(interpolate)(tangents_.s, tangents_.s_new, tangent_dense_, theta_,
                                  n_ * num_directions_, lanes_, tangent_point_);
    emit(ready_);
  }
}

/// Takes the outputs of the given lanes from the state registers and moves past the observation.
void LaneEngine::emit(const std::vector<int>& lanes) {
  context_.native->outputs.run(registers_.data());
  const PointOutput& output = *context_.output;
  const int num_outputs = program_.num_outputs();
  const model::TangentProgram* tangent = context_.tangents;
  if (tangent != nullptr) context_.native->tangent_outputs.run(registers_.data());
  for (int l : lanes) {
    Lane& lane = this->lane(l);
    double* row = output.values.data() + lane.observation * num_outputs;
    for (int m = 0; m < num_outputs; ++m) row[m] = reg(layout_.outputs + m, l);
    if (tangent != nullptr && !output.sensitivities.empty()) {
      double* d = output.sensitivities.data() + lane.observation * num_outputs * num_directions_;
      std::fill(d, d + num_outputs * num_directions_, 0.0);
      for (const auto& e : tangent->output_states)
        for (int k = 0; k < num_directions_; ++k)
          d[e.row * num_directions_ + k] +=
              reg(e.value, l) * at(tangent_point_, k * n_ + e.column, l);
      for (int k = 0; k < num_directions_; ++k)
        for (const auto& source : tangent->output_parameters[idx(k)])
          d[source.row * num_directions_ + k] += reg(source.value, l);
    }
    ++lane.observation;
    ++lane.cursor;
    expect_observation(l);
  }
}

/// Works through what is due at the lane's present time. Derived doses come before records, records
/// in their order. @return true where an observation waits for its outputs to be taken.
bool LaneEngine::process_due(int l) {
  Lane& lane = this->lane(l);
  while (lane.is_active) {
    const double now = block_.time[l];
    if (context_.drive != nullptr) settle_drive(l);
    if (!lane.pending.empty() && lane.pending.front().time <= now + coincidence(now)) {
      fire_pending(l);
      continue;
    }
    if (lane.cursor >= lane.size) {
      finish(l, Status::success);
      return false;
    }
    const Record& record = lane.records[lane.cursor];
    if (record.time > now) break;
    switch (record.kind) {
      case RecordKind::observe: return true;
      case RecordKind::other: break;
      case RecordKind::set_parameter: set_parameter(l, record.target, record.amount); break;
      case RecordKind::dose: give_record_dose(l, record); break;
      case RecordKind::reset:
      case RecordKind::reset_dose:
        block_.time[l] = record.time;
        lane.pending.clear();
        forget_doses(l);
        for (const std::int32_t p : context_.switches)
          if (p >= 0) reg(layout_.parameters + p, l) = 1.0;
        if (!context_.switches.empty()) {
          run_prologue();
          if (propagators_) propagators_->invalidate(l);
        }
        reset_states(l);
        if (!program_.spec().steady_initial.empty() && !steady_initial(l)) {
          fail(l, Status::steady_state_failed, -1, "the initial steady state was not found");
          break;
        }
        if (record.kind == RecordKind::reset_dose) give_record_dose(l, record);
        break;
      case RecordKind::turn_off: switch_state(l, record.target, false); break;
      case RecordKind::turn_on: switch_state(l, record.target, true); break;
    }
    ++lane.cursor;
  }
  if (lane.is_active) update_stop(l);
  return false;
}

void LaneEngine::set_parameter(int l, int parameter, double value) {
  if (reg(layout_.parameters + parameter, l) == value) return;
  reg(layout_.parameters + parameter, l) = value;
  // Rerunning for the whole block changes nothing in lanes whose parameters are as before.
  run_prologue();
  if (propagators_) propagators_->invalidate(l);
  if (context_.drive != nullptr && !begin_drive(l)) return;
  // Values given at the start are part of the subject, not something that happens to it.
  if (block_.time[l] > lane(l).records[0].time) {
    settle_after_jump(l, {}, -1, {}, {});
  } else {
    reset_modes(l, -1);
  }
  mark_discontinuity(l);
}

bool LaneEngine::is_on(int l, int state) {
  const auto& switches = context_.switches;
  return switches.empty() || switches[idx(state)] < 0 ||
         reg(layout_.parameters + switches[idx(state)], l) != 0.0;
}

/// A state that is off is empty and stays so, whatever would flow or run into it, until a record
/// turns it on or a dose goes there (NONMEM's EVID 2 with a negative compartment number).
void LaneEngine::switch_state(int l, int state, bool on) {
  if (is_on(l, state) == on) return;
  reg(layout_.parameters + context_.switches[idx(state)], l) = on ? 1.0 : 0.0;
  run_prologue();
  if (propagators_) propagators_->invalidate(l);
  if (!on) {
    Lane& lane = this->lane(l);
    at(block_.y, state, l) = 0.0;
    for (int k = 0; k < num_directions_; ++k) at(tangents_.s, k * n_ + state, l) = 0.0;
    std::erase_if(lane.pending, [&](const Pending& pending) {
      return pending.is_end && lane.doses[idx(pending.dose)].state == state;
    });
    refresh_rates(l);
  }
  settle_after_jump(l, {}, -1, {}, {});
  mark_discontinuity(l);
}

/// Amount, rate and duration of a dose with its bioavailability, and their derivatives.
/// A rate that is given keeps its value and F scales the duration (NONMEM).
ActiveDose LaneEngine::resolve_dose(int l, const Record& record, double& lag,
                                    std::vector<double>& d_lag) {
  const auto& registers = program_.dose_registers()[idx(record.target)];
  const bool ignores = context_.ignores_dose_attributes;
  auto value = [&](int k, double otherwise) {
    return ignores || registers[idx(k)] < 0 ? otherwise : reg(registers[idx(k)], l);
  };
  const double bioavailability = value(0, 1.0);
  const double scale = value(4, 1.0);
  lag = value(1, 0.0);
  ActiveDose dose;
  dose.state = record.target;
  dose.amount = bioavailability * record.amount * scale;
  const bool is_constant = record.steady > 0 && record.interval == 0.0;
  if (record.rate > 0.0) {
    dose.rate = record.rate * scale;
    dose.duration = is_constant ? 0.0 : dose.amount / dose.rate;
  } else if (record.rate == -1.0) {
    dose.rate = value(3, std::nan("")) * scale;
    dose.duration = dose.amount / dose.rate;
  } else if (record.rate == -2.0) {
    dose.duration = value(2, std::nan(""));
    dose.rate = dose.amount / dose.duration;
  } else if (record.duration > 0.0) {
    dose.duration = record.duration;
    dose.rate = dose.amount / dose.duration;
  }
  const bool is_infusion = record.is_infusion();
  const bool keeps_duration = record.rate == -2.0 || record.duration > 0.0;
  const bool is_valid = bioavailability >= 0.0 && lag >= 0.0 && std::isfinite(dose.amount) &&
                        std::isfinite(lag) &&
                        (!is_infusion || (dose.rate > 0.0 && std::isfinite(dose.rate) &&
                                          (is_constant || dose.amount == 0.0 ||
                                           (dose.duration > 0.0 && std::isfinite(dose.duration)))));
  if (!is_valid) {
    const std::string cause = bioavailability >= 0.0 && lag >= 0.0
                                  ? "rate or duration of a dose is not positive and finite"
                                  : "bioavailability or lag of a dose is negative or not finite";
    fail(l, Status::not_finite, record.target, cause);
    return dose;
  }
  if (context_.tangents == nullptr) return dose;
  d_lag.assign(idx(num_directions_), 0.0);
  for (auto* list : {&dose.d_amount, &dose.d_time, &dose.d_rate, &dose.d_duration})
    list->assign(idx(num_directions_), 0.0);
  const std::int32_t ordinal = lane(l).doses_seen;
  for (int k = 0; k < num_directions_; ++k) {
    const Direction& direction = context_.options->sensitivities[idx(k)];
    const auto& rows = context_.tangents->doses[idx(k)][idx(record.target)];
    auto derivative = [&](int a) {
      return ignores || rows[idx(a)] < 0 ? 0.0 : reg(rows[idx(a)], l);
    };
    const bool is_own = direction.index == ordinal;
    auto along = [&](Direction::Kind kind) { return is_own && direction.kind == kind ? 1.0 : 0.0; };
    const double d_f = derivative(0) + along(Direction::Kind::bioavailability);
    const double d_scale = derivative(4);
    const double d_amount = (d_f * scale + bioavailability * d_scale) * record.amount +
                            bioavailability * scale * along(Direction::Kind::amount);
    const double d_own_duration = along(Direction::Kind::duration);
    d_lag[idx(k)] = derivative(1) + along(Direction::Kind::lag) + along(Direction::Kind::time);
    dose.d_time[idx(k)] = d_lag[idx(k)];
    if (!is_infusion) {
      dose.d_amount[idx(k)] = d_amount;
    } else if (keeps_duration) {
      const double d_duration = (record.rate == -2.0 ? derivative(2) : 0.0) + d_own_duration;
      dose.d_duration[idx(k)] = d_duration;
      dose.d_rate[idx(k)] = (d_amount - dose.rate * d_duration) / dose.duration;
    } else {
      const double given = record.rate == -1.0 ? value(3, 0.0) : record.rate;
      const double d_rate =
          (record.rate == -1.0 ? derivative(3) * scale : 0.0) + given * d_scale -
          d_own_duration * (dose.duration > 0.0 ? dose.rate / dose.duration : 0.0);
      dose.d_rate[idx(k)] = d_rate;
      dose.d_duration[idx(k)] = (d_amount - dose.duration * d_rate) / dose.rate;
    }
  }
  return dose;
}

/// A bolus that is there at once and changes nothing but its state: most doses of large batches.
bool LaneEngine::give_plain_bolus(int l, const Record& record) {
  if (record.is_infusion() || record.steady != 0 || record.additional != 0 || num_directions_ > 0 ||
      program_.num_surfaces() > 0 || !context_.switches.empty() || context_.drive != nullptr)
    return false;
  const auto& attributes = program_.spec().doses;
  if (!attributes.empty() && (attributes[idx(record.target)].time_parameter >= 0 ||
                              !attributes[idx(record.target)].adds_amount))
    return false;
  const auto& registers = program_.dose_registers()[idx(record.target)];
  const bool ignores = context_.ignores_dose_attributes;
  if (!ignores && registers[1] >= 0 && reg(registers[1], l) != 0.0) return false;
  const double bioavailability = ignores || registers[0] < 0 ? 1.0 : reg(registers[0], l);
  const double scale = ignores || registers[4] < 0 ? 1.0 : reg(registers[4], l);
  const double amount = bioavailability * record.amount * scale;
  if (!(bioavailability >= 0.0 && std::isfinite(amount))) return false;
  ++lane(l).doses_seen;
  at(block_.y, record.target, l) += amount;
  mark_discontinuity(l);
  return true;
}

void LaneEngine::give_record_dose(int l, const Record& record) {
  if (give_plain_bolus(l, record)) return;
  Lane& lane = this->lane(l);
  double lag = 0.0;
  std::vector<double> d_lag;
  const ActiveDose dose = resolve_dose(l, record, lag, d_lag);
  ++lane.doses_seen;
  if (!lane.is_active) return;
  if (record.steady > 0) switch_state(l, record.target, true);
  if (record.steady > 0 && !steady_dose(l, record, dose, lag)) return;
  if (record.steady > 0 && record.interval == 0.0) return;  // a constant infusion stops here
  lane.doses.push_back(dose);
  Pending train{.time = record.time + lag,
                .order = 0,
                .is_end = false,
                .dose = static_cast<int>(lane.doses.size()) - 1,
                .base = record.time + lag,
                .interval = record.interval,
                .next = 0,
                .total = 1 + record.additional};
  if (lag == 0.0) {
    arrive(l, train.dose, record.time);
    if (++train.next >= train.total) return;
    train.time = train.base + train.interval;
  }
  add_pending(l, train);
}

void LaneEngine::add_pending(int l, Pending pending) {
  Lane& lane = this->lane(l);
  pending.order = lane.orders++;
  const auto place = std::upper_bound(
      lane.pending.begin(), lane.pending.end(), pending, [](const Pending& a, const Pending& b) {
        return a.time < b.time || (a.time == b.time && a.order < b.order);
      });
  lane.pending.insert(place, pending);
}

void LaneEngine::fire_pending(int l) {
  Lane& lane = this->lane(l);
  Pending pending = lane.pending.front();
  lane.pending.erase(lane.pending.begin());
  if (pending.is_end) {
    end_infusion(l, pending.dose);
    return;
  }
  const int dose = pending.dose;
  const double time = pending.time;
  if (++pending.next < pending.total) {
    pending.time = pending.base + pending.next * pending.interval;  // multiplied, not accumulated
    add_pending(l, pending);
  }
  arrive(l, dose, time);
}

/// Slopes of the lane at its present state, infusions included.
std::vector<double> LaneEngine::slopes_at(int l) {
  for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
  reg(layout_.time, l) = block_.time[l];
  context_.native->rhs.run(registers_.data());
  std::vector<double> slopes(idx(n_));
  for (int i = 0; i < n_; ++i)
    slopes[idx(i)] = reg(layout_.slopes + i, l) + reg(layout_.input_rates + i, l);
  return slopes;
}

/// Saltation: an event at time tau(p) changes the slope from `before` to `after`, so the tangent
/// jumps by (before - after) dtau/dp (Rozenvasser 1967; Galan, Feehery & Barton 1999,
/// Appl. Numer. Math. 31:17, doi 10.1016/S0168-9274(98)00125-1).
void LaneEngine::shift_tangents(int l, const std::vector<double>& before,
                                const std::vector<double>& after,
                                const std::vector<double>& d_time) {
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < n_; ++i)
      at(tangents_.s, k * n_ + i, l) += (before[idx(i)] - after[idx(i)]) * d_time[idx(k)];
}

void LaneEngine::store_dose(int l, const ActiveDose& dose) {
  const auto& doses = program_.spec().doses;
  if (doses.empty() || doses[idx(dose.state)].time_parameter < 0) return;
  const model::DoseAttributes& attributes = doses[idx(dose.state)];
  int& slot = lane(l).stored_next[idx(dose.state)];
  reg(layout_.parameters + attributes.time_parameter + slot, l) = block_.time[l];
  reg(layout_.parameters + attributes.amount_parameter + slot, l) = dose.amount;
  slot = (slot + 1) % attributes.stored_slots;
  run_prologue();
  if (propagators_) propagators_->invalidate(l);
}

/// Empties the slots of stored doses: input functions stop delivering what was given before.
void LaneEngine::forget_doses(int l) {
  lane(l).stored_next.assign(idx(n_), 0);
  bool changed = false;
  for (const model::DoseAttributes& d : program_.spec().doses) {
    if (d.time_parameter < 0) continue;
    changed = true;
    for (int k = 0; k < d.stored_slots; ++k)
      reg(layout_.parameters + d.amount_parameter + k, l) = 0.0;
  }
  if (!changed) return;
  run_prologue();
  if (propagators_) propagators_->invalidate(l);
}

/// A dose reaches its compartment: a jump, or the start of an infusion.
void LaneEngine::arrive(int l, int number, double time) {
  Lane& lane = this->lane(l);
  const ActiveDose dose = lane.doses[idx(number)];
  if (!context_.ignores_dose_attributes) store_dose(l, dose);
  const auto& attributes = program_.spec().doses;
  const bool adds = attributes.empty() || attributes[idx(dose.state)].adds_amount;
  if (adds && dose.amount != 0.0) {
    switch_state(l, dose.state, true);
    const bool moves =
        std::any_of(dose.d_time.begin(), dose.d_time.end(), [](double d) { return d != 0.0; });
    std::vector<double> before;
    if (moves) before = slopes_at(l);
    if (dose.rate == 0.0) {
      at(block_.y, dose.state, l) += dose.amount;
      for (int k = 0; k < num_directions_; ++k)
        at(tangents_.s, k * n_ + dose.state, l) += dose.d_amount[idx(k)];
    } else {
      add_pending(l, {.time = time + dose.duration,
                      .order = 0,
                      .is_end = true,
                      .dose = number,
                      .base = 0.0,
                      .interval = 0.0,
                      .next = 0,
                      .total = 0});
      refresh_rates(l);
    }
    settle_after_jump(l, {}, -1, std::move(before), moves ? dose.d_time : std::vector<double>());
  } else {
    settle_after_jump(l, {}, -1, {}, {});
  }
  mark_discontinuity(l);
}

void LaneEngine::end_infusion(int l, int number) {
  const ActiveDose& dose = lane(l).doses[idx(number)];
  for (int k = 0; k < num_directions_; ++k)
    at(tangents_.s, k * n_ + dose.state, l) +=
        dose.rate * (dose.d_time[idx(k)] + dose.d_duration[idx(k)]);
  refresh_rates(l);
  if (context_.drive != nullptr) start_drive(l);
  mark_discontinuity(l);
}

/// Infusion rates from the infusions under way, summed afresh so that no residue stays behind.
void LaneEngine::refresh_rates(int l) {
  for (int i : context_.input_states) {
    reg(layout_.input_rates + i, l) = 0.0;
    for (int k = 0; k < num_directions_; ++k) at(tangent_rates_, k * n_ + i, l) = 0.0;
  }
  for (const Pending& pending : lane(l).pending) {
    if (!pending.is_end) continue;
    const ActiveDose& dose = lane(l).doses[idx(pending.dose)];
    reg(layout_.input_rates + dose.state, l) += dose.rate;
    for (int k = 0; k < num_directions_; ++k)
      at(tangent_rates_, k * n_ + dose.state, l) += dose.d_rate[idx(k)];
  }
}

}  // namespace krogh::simulate
