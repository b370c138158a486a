// Steady states: at rest, under a constant infusion, and of periodic dosing (Newton on the period
// map with its exact derivative from the tangents).
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>

#include "linalg/dense_lu.hpp"
#include "simulate/lane_engine.hpp"
#include "simulate/point_setup.hpp"
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

using model::Record;
using model::RecordKind;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr int most_newton_steps = 60;

}  // namespace

/// States with a steady value. Those that act on no derivative (running integrals), nor on anything
/// that is not itself such a state, have none and keep theirs, as do compartments that are off.
std::vector<char> LaneEngine::states_that_act(int l) {
  std::vector<char> acts(idx(n_), 1);
  for (bool changed = true; changed;) {
    std::vector<char> now(acts.size(), 0);
    for (const model::Entry& e : program_.jacobian())
      if (acts[idx(e.row)] != 0 && acts[idx(e.column)] != 0) now[idx(e.column)] = 1;
    changed = now != acts;
    acts = now;
  }
  for (int i = 0; i < n_; ++i)
    if (!is_on(l, i)) acts[idx(i)] = 0;
  return acts;
}

/// Solves dy/dt + rate = 0 for the chosen states, the others held, by pseudo-transient
/// continuation (Kelley & Keyes 1998, SIAM J. Numer. Anal. 35:508, doi 10.1137/S0036142996304796):
/// implicit Euler steps whose length grows as the residual falls, which ends in Newton's method.
bool LaneEngine::solve_at_rest(int l, int input_state, double rate, std::vector<double>& y,
                               const std::vector<char>& is_solved, std::vector<double>& tangents,
                               const ActiveDose& dose) {
  std::vector<int> chosen;
  for (int i = 0; i < n_; ++i)
    if (is_solved[idx(i)]) chosen.push_back(i);
  const int m = static_cast<int>(chosen.size());
  std::vector<double> slopes(idx(n_)), jacobian(idx(n_) * idx(n_));
  auto evaluate = [&] {
    for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = y[idx(i)];
    reg(layout_.time, l) = block_.time[l];
    context_.native->rhs_jacobian.run(registers_.data());
    for (int i = 0; i < n_; ++i)
      slopes[idx(i)] = reg(layout_.slopes + i, l) + (i == input_state ? rate : 0.0);
    std::fill(jacobian.begin(), jacobian.end(), 0.0);
    for (std::size_t e = 0; e < program_.jacobian().size(); ++e) {
      const model::Entry& entry = program_.jacobian()[e];
      jacobian[idx(entry.row) * idx(n_) + idx(entry.column)] =
          reg(program_.jacobian_registers()[e], l);
    }
  };
  auto reduced = [&](double inverse_step) {
    std::vector<double> a(idx(m) * idx(m));
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j)
        a[idx(i) * idx(m) + idx(j)] = (i == j ? inverse_step : 0.0) -
                                      jacobian[idx(chosen[idx(i)]) * idx(n_) + idx(chosen[idx(j)])];
    return a;
  };
  auto residual = [&] {
    double largest = 0.0;
    for (int i : chosen)
      largest = std::max(largest,
                         std::abs(slopes[idx(i)]) / (context_.atol[idx(i)] + std::abs(y[idx(i)])));
    return largest;
  };
  evaluate();
  double before = residual();
  double step = before > 0.0 ? 0.1 / before : 1.0;
  bool is_found = before == 0.0;
  for (int k = 0; k < 400 && !is_found; ++k) {
    std::vector<double> a = reduced(1.0 / step);
    std::vector<double> delta(idx(m));
    for (int i = 0; i < m; ++i) delta[idx(i)] = slopes[idx(chosen[idx(i)])];
    if (!linalg::solve_dense(a, delta, m, 1)) return false;
    const std::vector<double> kept = y;
    double change = 0.0;
    for (int i = 0; i < m; ++i) {
      y[idx(chosen[idx(i)])] += delta[idx(i)];
      change = std::max(change, std::abs(delta[idx(i)]) / (context_.atol[idx(chosen[idx(i)])] +
                                                           std::abs(y[idx(chosen[idx(i)])])));
    }
    evaluate();
    const double now = residual();
    if (!std::isfinite(now)) {
      y = kept;
      evaluate();
      step *= 0.1;
      if (step < 1e-280) return false;
      continue;
    }
    // Newton's correction is below round-off of the state: converged.
    is_found = change < 1e-13 && step * std::max(now, 1e-300) < 1e290 && step > 1e3 / before;
    is_found = is_found || now == 0.0;
    step *= std::clamp(now > 0.0 ? before / now : 1e6, 0.5, 1e3) * 2.0;
    step = std::min(step, 1e250);
    before = std::max(now, 1e-300);
  }
  if (!is_found) {
    // Round-off may keep the correction above the threshold; accept what Newton cannot improve.
    std::vector<double> a = reduced(0.0);
    std::vector<double> delta(idx(m));
    for (int i = 0; i < m; ++i) delta[idx(i)] = slopes[idx(chosen[idx(i)])];
    if (!linalg::solve_dense(a, delta, m, 1)) return false;
    for (int i = 0; i < m; ++i)
      if (std::abs(delta[idx(i)]) >
          1e-9 * (context_.atol[idx(chosen[idx(i)])] + std::abs(y[idx(chosen[idx(i)])])))
        return false;
  }
  double& recorded = context_.result->steady_residual[idx(lane(l).subject)];
  std::vector<double> a = reduced(0.0);
  std::vector<double> delta(idx(m));
  for (int i = 0; i < m; ++i) delta[idx(i)] = slopes[idx(chosen[idx(i)])];
  if (!linalg::solve_dense(a, delta, m, 1)) return false;
  for (int i = 0; i < m; ++i)
    recorded = std::max(recorded, std::abs(delta[idx(i)]) / (context_.atol[idx(chosen[idx(i)])] +
                                                             std::abs(y[idx(chosen[idx(i)])])));
  if (num_directions_ == 0) return true;
  // Implicit function: J s = -(dF/dp + d(rate)/dp), states that are held keep their tangents.
  context_.native->first_order.run(registers_.data());
  std::vector<double> rhs(idx(m) * idx(num_directions_), 0.0);
  for (int k = 0; k < num_directions_; ++k) {
    std::vector<double> source(idx(n_), 0.0);
    for (int q = tangents_.source_offsets[k]; q < tangents_.source_offsets[k + 1]; ++q)
      source[idx(tangents_.source_rows[q])] += reg(tangents_.source_registers[q], l);
    if (input_state >= 0 && !dose.d_rate.empty()) source[idx(input_state)] += dose.d_rate[idx(k)];
    for (int i = 0; i < m; ++i) {
      double sum = source[idx(chosen[idx(i)])];
      for (int j = 0; j < n_; ++j)
        if (!is_solved[idx(j)])
          sum += jacobian[idx(chosen[idx(i)]) * idx(n_) + idx(j)] * tangents[idx(k * n_ + j)];
      rhs[idx(i) * idx(num_directions_) + idx(k)] = sum;
    }
  }
  a = reduced(0.0);
  if (!linalg::solve_dense(a, rhs, m, num_directions_)) return false;
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < m; ++i)
      tangents[idx(k * n_ + chosen[idx(i)])] = rhs[idx(i) * idx(num_directions_) + idx(k)];
  return true;
}

bool LaneEngine::steady_initial(int l) {
  std::vector<double> y(idx(n_)), tangents(idx(n_ * num_directions_));
  for (int i = 0; i < n_; ++i) y[idx(i)] = at(block_.y, i, l);
  for (int q = 0; q < n_ * num_directions_; ++q) tangents[idx(q)] = at(tangents_.s, q, l);
  const std::vector<char>& chosen = program_.spec().steady_initial;
  if (!(is_exact_ ? rest_exactly(l, -1, {}, chosen, y, tangents)
                  : solve_at_rest(l, -1, 0.0, y, chosen, tangents, {})))
    return false;
  for (int i = 0; i < n_; ++i) at(block_.y, i, l) = y[idx(i)];
  for (int q = 0; q < n_ * num_directions_; ++q) at(tangents_.s, q, l) = tangents[idx(q)];
  reset_modes(l, -1);
  return true;
}

/// One stretch of a periodic orbit from just before the dose: `length` of time with the dose at its
/// start and, where infusions overlap, those still running from earlier periods.
LaneEngine::Orbit LaneEngine::run_orbit(int l, const std::vector<double>& y, const ActiveDose& dose,
                                        double interval, double length) {
  const double start = block_.time[l];
  std::vector<Record> records;
  auto give = [&](double amount, double rate) {
    if (amount > 0.0)
      records.push_back({.time = start,
                         .kind = RecordKind::dose,
                         .target = dose.state,
                         .amount = amount,
                         .rate = rate});
  };
  if (dose.rate == 0.0) {
    give(dose.amount, 0.0);
  } else {
    const double overlapping = std::floor(dose.duration / interval);
    give(overlapping * dose.rate * interval, overlapping * dose.rate);
    give(dose.rate * (dose.duration - overlapping * interval), dose.rate);
  }
  records.push_back({.time = start + length, .kind = RecordKind::other});
  const auto size = static_cast<std::int64_t>(records.size());
  const model::Schedule schedule(std::move(records), {0, size}, true);
  std::vector<double> parameters(idx(program_.num_parameters()));
  for (std::size_t p = 0; p < parameters.size(); ++p)
    parameters[p] = reg(layout_.parameters + static_cast<int>(p), l);
  PointOptions options = *context_.options;
  options.windows.clear();
  options.windows_per_subject = 0;
  options.sensitivities = *context_.orbit_directions;
  Orbit orbit{.y = std::vector<double>(idx(n_)),
              .tangents = std::vector<double>(idx(n_) * options.sensitivities.size())};
  PointOutput output;
  output.final_states = orbit.y;
  PointResult result;
  PointContext inner;
  prepare_run(inner, program_, parameters, 1, schedule, options, output, result);
  inner.method = context_.method;
  inner.stepper = context_.stepper;
  inner.control = context_.control;
  inner.lanes = orbit_lanes;
  inner.switches = context_.switches;
  inner.ignores_dose_attributes = true;
  inner.initial_states = y;
  inner.tangents = context_.orbit_tangents;
  inner.native = context_.orbit_native;
  inner.final_tangents = orbit.tangents;
  LaneEngine engine(inner);
  engine.run([this] {
    if (context_.stop.load(std::memory_order_relaxed)) return false;
    if (keep_going_ == nullptr || (*keep_going_)()) return true;
    context_.stop.store(true, std::memory_order_relaxed);
    return false;
  });
  orbit.is_valid = result.status[0] == Status::success;
  lane(l).stats.accepted += result.stats[0].accepted;
  lane(l).stats.rejected += result.stats[0].rejected;
  return orbit;
}

/// Newton on the period map P: (I - dP/dy) delta = P(y) - y, from the rest state under the mean
/// input. Returns the state just before a dose, and its tangents by the implicit function theorem.
bool LaneEngine::solve_periodic(int l, const ActiveDose& dose, double interval,
                                std::vector<double>& y, std::vector<double>& tangents) {
  const std::vector<char> acts = states_that_act(l);
  std::vector<int> chosen;
  for (int i = 0; i < n_; ++i)
    if (acts[idx(i)]) chosen.push_back(i);
  const int m = static_cast<int>(chosen.size());
  const double total = dose.rate == 0.0 ? dose.amount : dose.rate * dose.duration;
  const std::vector<double> cold = y;
  {
    std::vector<double> unused(idx(n_ * num_directions_));
    std::vector<double> mean = y;
    if (solve_at_rest(l, dose.state, total / interval, mean, acts, unused, {}) &&
        std::all_of(mean.begin(), mean.end(), [](double v) { return v > -1e-6; }))
      y = mean;
  }
  double best = 1e300;
  Orbit orbit;
  // States far below their absolute tolerance come out of the integrator with errors of its size,
  // so that in the end atol/rtol stands beside them.
  double floor = 1.0;
  auto size = [&](int i) { return floor * context_.atol[idx(i)] + std::abs(y[idx(i)]); };
  auto distance = [&] {
    double largest = 0.0;
    for (int i : chosen)
      largest = std::max(largest, std::abs(orbit.y[idx(i)] - y[idx(i)]) / size(i));
    return largest;
  };
  constexpr int patience = 10;  // Newton steps before that
  const double goal = std::max(20.0 * context_.options->rtol, 1e-13);
  const double tightest = std::max(0.01 * context_.options->rtol, 1e-14);
  const int columns = static_cast<int>(context_.orbit_directions->size());
  auto monodromy = [&] {
    std::vector<double> a(idx(m) * idx(m));
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j)
        a[idx(i) * idx(m) + idx(j)] =
            (i == j ? 1.0 : 0.0) -
            orbit.tangents[idx(chosen[idx(j)]) * idx(n_) + idx(chosen[idx(i)])];
    return a;
  };
  // Whether rounding in one period leaves a state to be found: the correction itself may vanish
  // where the excess of a period is lost in the states.
  constexpr double round_off = 64.0 * std::numeric_limits<double>::epsilon();
  auto is_determined = [&] {
    std::vector<double> a = monodromy();
    std::vector<double> inverse(idx(m) * idx(m), 0.0);
    for (int i = 0; i < m; ++i) inverse[idx(i) * idx(m) + idx(i)] = 1.0;
    if (!linalg::solve_dense(a, inverse, m, m)) return false;
    for (int i = 0; i < m; ++i) {
      double shift = 0.0;
      for (int j = 0; j < m; ++j)
        shift += std::abs(inverse[idx(i) * idx(m) + idx(j)]) * round_off * size(chosen[idx(j)]);
      if (!(shift <= size(chosen[idx(i)]))) return false;
    }
    return true;
  };
  bool is_found = false;
  for (int k = 0; k < most_newton_steps; ++k) {
    orbit = run_orbit(l, y, dose, interval, interval);
    if (!orbit.is_valid) return false;
    if (k == patience) {
      floor = 1.0 / std::max(context_.options->rtol, 1e-14);
      best = 1e300;
    }
    const double now = distance();
    std::vector<double> a = monodromy();
    std::vector<double> delta(idx(m));
    for (int i = 0; i < m; ++i)
      delta[idx(i)] = orbit.y[idx(chosen[idx(i)])] - y[idx(chosen[idx(i)])];
    const bool is_regular = linalg::solve_dense(a, delta, m, 1);
    // Where input reaches the capacity of a saturable elimination, states grow until the excess of
    // one period is small beside them; Newton's correction, which then is as large as the state
    // itself (for Michaelis-Menten input at capacity exactly so), tells this from a steady state.
    double correction = 0.0;
    for (int i = 0; i < m; ++i)
      correction = std::max(correction, std::abs(delta[idx(i)]) / size(chosen[idx(i)]));
    const bool is_small = now <= tightest || (now <= goal && (now >= 0.5 * best || k > patience));
    if (is_small && is_regular && correction <= 0.01 && is_determined()) {
      is_found = true;
      break;
    }
    const bool has_improved = now < best;
    best = std::min(best, now);
    std::vector<double> next = orbit.y;  // one more period, should Newton not be usable
    if ((has_improved || k < 3) && is_regular) {
      std::vector<double> newton = y;
      bool is_sound = true;
      for (int i = 0; i < m; ++i) {
        newton[idx(chosen[idx(i)])] += delta[idx(i)];
        is_sound = is_sound && std::isfinite(delta[idx(i)]) &&
                   newton[idx(chosen[idx(i)])] > -1e3 * context_.atol[idx(chosen[idx(i)])] -
                                                     1e-6 * std::abs(y[idx(chosen[idx(i)])]);
      }
      if (is_sound) next = newton;
    }
    for (int i = 0; i < n_; ++i)
      if (!acts[idx(i)]) next[idx(i)] = cold[idx(i)];
    y = next;
  }
  if (!is_found) return false;
  double& recorded = context_.result->steady_residual[idx(lane(l).subject)];
  recorded = std::max(recorded, distance());
  if (num_directions_ == 0) return true;
  // Tangents: (I - M) s = dP/dp with the dose's own derivatives expressed by amount and duration
  // of the orbit's doses: at fixed rate the amount moves the end, at fixed amount the duration
  // moves end and rate together.
  std::vector<double> rhs(idx(m) * idx(num_directions_));
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < m; ++i)
      rhs[idx(i) * idx(num_directions_) + idx(k)] =
          orbit_change(orbit, dose, interval, k, chosen[idx(i)], columns);
  std::vector<double> a = monodromy();
  if (!linalg::solve_dense(a, rhs, m, num_directions_)) return false;
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < m; ++i)
      tangents[idx(k * n_ + chosen[idx(i)])] = rhs[idx(i) * idx(num_directions_) + idx(k)];
  return true;
}

/// Change of component i at the end of an orbit along direction k, its start held.
double LaneEngine::orbit_change(const Orbit& orbit, const ActiveDose& dose, double interval, int k,
                                int i, int columns) const {
  auto tangent = [&](int column) { return orbit.tangents[idx(column * n_ + i)]; };
  double change = tangent(n_ + k);
  const int first_amount = columns - 4;
  if (dose.d_amount.empty()) return change;
  if (dose.rate == 0.0) return change + tangent(first_amount) * dose.d_amount[idx(k)];
  const double overlapping = std::floor(dose.duration / interval);
  const double rest = dose.duration - overlapping * interval;
  int which = 0;
  auto add = [&](double rate, double duration, double d_rate, double d_duration) {
    if (!(rate * duration > 0.0)) return;
    const double by_duration = -d_rate * duration / rate;
    const double by_amount = rate * (d_duration - by_duration);
    change += tangent(first_amount + 2 * which) * by_amount +
              tangent(first_amount + 2 * which + 1) * by_duration;
    ++which;
  };
  add(overlapping * dose.rate, interval, overlapping * dose.d_rate[idx(k)], 0.0);
  add(dose.rate, rest, dose.d_rate[idx(k)], dose.d_duration[idx(k)]);
  return change;
}

/// Replaces the lane's state by (SS = 1), or adds (SS = 2), the steady state of a dose, at the
/// phase at which the record stands; earlier doses that are still to come or still run are kept.
bool LaneEngine::steady_dose(int l, const Record& record, const ActiveDose& dose, double lag) {
  Lane& lane = this->lane(l);
  const bool replaces = record.steady == 1;
  const std::string capacity =
      "no steady state was found: is the input at or above the elimination capacity?";
  std::vector<double> present(idx(n_)), present_tangents(idx(n_ * num_directions_));
  for (int i = 0; i < n_; ++i) present[idx(i)] = at(block_.y, i, l);
  for (int q = 0; q < n_ * num_directions_; ++q) present_tangents[idx(q)] = at(tangents_.s, q, l);
  // Directions that move the record itself; what is left of d_time moves the arrival alone.
  std::vector<double> d_record(idx(num_directions_), 0.0);
  std::vector<double> d_lag = dose.d_time;
  for (int k = 0; k < num_directions_; ++k) {
    const Direction& direction = context_.options->sensitivities[idx(k)];
    if (direction.kind != Direction::Kind::time || direction.index != lane.doses_seen - 1) continue;
    d_record[idx(k)] = 1.0;
    d_lag[idx(k)] -= 1.0;
  }
  const bool record_moves =
      std::any_of(d_record.begin(), d_record.end(), [](double d) { return d != 0.0; });
  // Where the state is replaced, nothing that went before moves it.
  std::vector<double> before(idx(n_), 0.0);
  if (record_moves && !replaces) before = slopes_at(l);
  if (replaces) {
    lane.pending.clear();
    forget_doses(l);
    refresh_rates(l);
    reset_states(l);
  } else {
    std::vector<Pending> kept;
    kept.swap(lane.pending);
    refresh_rates(l);
    reset_states(l);
    kept.swap(lane.pending);
  }
  std::vector<double> y(idx(n_)), tangents(idx(n_ * num_directions_), 0.0);
  for (int i = 0; i < n_; ++i) y[idx(i)] = at(block_.y, i, l);
  double next_arrival = 0.0;
  bool is_found = false;
  if (record.interval == 0.0) {
    is_found = is_exact_
                   ? rest_exactly(l, dose.state, dose, states_that_act(l), y, tangents)
                   : solve_at_rest(l, dose.state, dose.rate, y, states_that_act(l), tangents, dose);
  } else {
    const double past = lag > 0.0 ? std::ceil(lag / record.interval) - 1.0 : 0.0;
    next_arrival = lag - past * record.interval;
    const double phase = lag > 0.0 ? record.interval - next_arrival : record.interval;
    is_found = is_exact_ ? periodic_exactly(l, dose, record.interval, phase, y, tangents)
                         : solve_periodic(l, dose, record.interval, y, tangents);
    if (is_found && !is_exact_ && lag > 0.0) {
      const Orbit orbit = run_orbit(l, y, dose, record.interval, phase);
      is_found = orbit.is_valid;
      if (is_found) advance_phase(orbit, dose, record.interval, y, tangents);
    }
    if (is_found && num_directions_ > 0)
      move_phase(l, y, dose, d_lag, record.interval, phase, tangents);
    lane.doses.push_back(dose);
    const int number = static_cast<int>(lane.doses.size()) - 1;
    for (double k = 1.0; k <= past; k += 1.0)
      add_pending(l, {.time = record.time + lag - k * record.interval,
                      .order = 0,
                      .is_end = false,
                      .dose = number,
                      .base = 0.0,
                      .interval = 0.0,
                      .next = 0,
                      .total = 1});
    if (dose.rate > 0.0)
      for (double j = 1.0; next_arrival - j * record.interval + dose.duration > 0.0; j += 1.0)
        add_pending(l, {.time = record.time + next_arrival - j * record.interval + dose.duration,
                        .order = 0,
                        .is_end = true,
                        .dose = number,
                        .base = 0.0,
                        .interval = 0.0,
                        .next = 0,
                        .total = 0});
  }
  if (!is_found && context_.stop.load(std::memory_order_relaxed)) {
    lane.is_active = false;  // stopped on the way, which is the status it has
    return false;
  }
  if (!is_found) {
    fail(l, Status::steady_state_failed, record.target, capacity);
    return false;
  }
  for (int i = 0; i < n_; ++i) at(block_.y, i, l) = y[idx(i)] + (replaces ? 0.0 : present[idx(i)]);
  for (int q = 0; q < n_ * num_directions_; ++q)
    at(tangents_.s, q, l) = tangents[idx(q)] + (replaces ? 0.0 : present_tangents[idx(q)]);
  refresh_rates(l);
  reset_modes(l, -1);
  if (record_moves) shift_tangents(l, before, slopes_at(l), d_record);
  mark_discontinuity(l);
  return true;
}

/// State at rest of a linear model under the constant rate of a dose (input_state < 0: none).
bool LaneEngine::rest_exactly(int l, int input_state, const ActiveDose& dose,
                              const std::vector<char>& is_solved, std::vector<double>& y,
                              std::vector<double>& tangents) {
  PropagatorCache::Rates rates{std::vector<double>(idx(n_), 0.0),
                               std::vector<double>(idx(n_ * num_directions_), 0.0)};
  if (input_state >= 0) {
    rates.y[idx(input_state)] = dose.rate;
    for (int k = 0; k < num_directions_ && !dose.d_rate.empty(); ++k)
      rates.tangents[idx(k * n_ + input_state)] = dose.d_rate[idx(k)];
  }
  PropagatorCache::State state{y, tangents};
  if (!propagators_->rest(registers_.data(), l, rates, is_solved, state)) return false;
  y = state.y;
  tangents = state.tangents;
  return true;
}

/// Periodic state of a linear model at `phase` in (0, interval] after a dose; overlapping infusions
/// run on. The residual is what one more period changes.
bool LaneEngine::periodic_exactly(int l, const ActiveDose& dose, double interval, double phase,
                                  std::vector<double>& y, std::vector<double>& tangents) {
  const std::vector<char> acts = states_that_act(l);
  PropagatorCache::State state{y, tangents};
  if (!propagators_->periodic(registers_.data(), l, dose, interval, acts, state)) return false;
  const PropagatorCache::State next =
      propagators_->orbit(registers_.data(), l, dose, interval, interval, state);
  double& recorded = context_.result->steady_residual[idx(lane(l).subject)];
  for (int i = 0; i < n_; ++i)
    if (acts[idx(i)] != 0 && state.y[idx(i)] != 0.0)
      recorded = std::max(recorded,
                          std::abs(next.y[idx(i)] - state.y[idx(i)]) / std::abs(state.y[idx(i)]));
  if (phase < interval)
    state = propagators_->orbit(registers_.data(), l, dose, interval, phase, state);
  // Running integrals have no periodic value: they start from where they were.
  for (int i = 0; i < n_; ++i) {
    if (acts[idx(i)] == 0) continue;
    y[idx(i)] = state.y[idx(i)];
    for (int k = 0; k < num_directions_; ++k)
      tangents[idx(k * n_ + i)] = state.tangents[idx(k * n_ + i)];
  }
  return true;
}

/// State and tangents at the end of a stretch of the orbit whose length is interval - lag.
void LaneEngine::advance_phase(const Orbit& orbit, const ActiveDose& dose, double interval,
                               std::vector<double>& y, std::vector<double>& tangents) {
  const int columns = static_cast<int>(context_.orbit_directions->size());
  if (num_directions_ > 0) {
    const std::vector<double> start = tangents;
    for (int k = 0; k < num_directions_; ++k)
      for (int i = 0; i < n_; ++i) {
        double sum = orbit_change(orbit, dose, interval, k, i, columns);
        for (int j = 0; j < n_; ++j)
          sum += orbit.tangents[idx(j * n_ + i)] * start[idx(k * n_ + j)];
        tangents[idx(k * n_ + i)] = sum;
      }
  }
  y = orbit.y;
}

/// A longer lag means an earlier phase of the orbit: dy/d(lag) = -dy/dt at phase, which lies in
/// (0, interval] after a dose.
void LaneEngine::move_phase(int l, const std::vector<double>& y, const ActiveDose& dose,
                            const std::vector<double>& d_lag, double interval, double phase,
                            std::vector<double>& tangents) {
  if (std::all_of(d_lag.begin(), d_lag.end(), [](double d) { return d == 0.0; })) return;
  std::vector<double> kept(idx(n_));
  for (int i = 0; i < n_; ++i) {
    kept[idx(i)] = at(block_.y, i, l);
    at(block_.y, i, l) = y[idx(i)];
  }
  reset_modes(l, -1);
  // Infusions of the orbit, counted here; the lane's own are those of the dose that is replaced.
  std::vector<double> slopes = slopes_at(l);
  for (int i = 0; i < n_; ++i) slopes[idx(i)] -= reg(layout_.input_rates + i, l);
  const double overlapping = std::floor(dose.duration / interval);
  const bool runs = phase < dose.duration - overlapping * interval;
  slopes[idx(dose.state)] += dose.rate * (overlapping + (runs ? 1.0 : 0.0));
  for (int i = 0; i < n_; ++i) at(block_.y, i, l) = kept[idx(i)];
  reset_modes(l, -1);
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < n_; ++i) tangents[idx(k * n_ + i)] -= slopes[idx(i)] * d_lag[idx(k)];
}

}  // namespace krogh::simulate
