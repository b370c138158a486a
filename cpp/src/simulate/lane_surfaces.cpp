// Switching surfaces: conditions held fixed within a step, located exactly, then crossed.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <krogh/base/isa.hpp>

#include "simulate/lane_engine.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr int most_crossings_at_once = 64;
constexpr int most_refinements = 60;
constexpr double same_crossing = 1e-10;  // share of a step within which crossings are one

}  // namespace

/// Sides of all surfaces but one from the lane's present state. A value of exactly zero counts as
/// the side of select's second branch.
void LaneEngine::reset_modes(int l, int except) {
  const int count = program_.num_surfaces();
  if (count == 0) return;
  for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
  reg(layout_.time, l) = block_.time[l];
  // A condition may contain selects of its own; as many passes settle any nesting.
  for (int pass = 0; pass < count; ++pass) {
    context_.native->surfaces.run(registers_.data());
    bool changed = false;
    for (int s = 0; s < count; ++s) {
      if (s == except) continue;
      const double side = reg(layout_.surfaces + s, l) > 0.0 ? 1.0 : -1.0;
      changed = changed || side != reg(layout_.modes + s, l);
      reg(layout_.modes + s, l) = side;
    }
    if (!changed) break;
  }
}

/// Finds lanes whose step ends on another side of a surface than it began. Such a step is given up
/// and repeated up to the crossing, which the continuous output of the step has located.
void LaneEngine::locate_crossings() {
  const int count = program_.num_surfaces();
  auto evaluate_at = [&](const double* theta) {
    KROGH_DISPATCH(interpolate)(block_.y, block_.y_new, block_.dense, theta, n_, lanes_,
                                registers_.data() + std::ptrdiff_t{layout_.states} * lanes_);
    for (int l = 0; l < lanes_; ++l)
      reg(layout_.time, l) = block_.time[l] + theta[l] * block_.step_used[l];
    context_.native->surfaces.run(registers_.data());
  };
  auto is_across = [&](int l) {
    for (int s = 0; s < count; ++s)
      if (reg(layout_.surfaces + s, l) * reg(layout_.modes + s, l) < 0.0 &&
          !(s == lane(l).crossing_surface && block_.step_used[l] >= block_.remaining[l]))
        return true;
    return false;
  };
  prepare_dense();
  std::fill(theta_, theta_ + lanes_, 1.0);
  evaluate_at(theta_);
  std::vector<int> crossing;
  for (int l = 0; l < lanes_; ++l)
    if (lane(l).is_active && block_.accepted[l] > 0.0 && is_across(l)) crossing.push_back(l);
  if (crossing.empty()) return;
  // Bisection on "some surface has been crossed" finds the first crossing of each lane.
  std::vector<double> low(idx(lanes_), 0.0), high(idx(lanes_), 1.0);
  for (int k = 0; k < most_refinements; ++k) {
    for (int l : crossing) theta_[l] = 0.5 * (low[idx(l)] + high[idx(l)]);
    evaluate_at(theta_);
    for (int l : crossing) (is_across(l) ? high : low)[idx(l)] = theta_[l];
  }
  for (int l : crossing) theta_[l] = high[idx(l)];
  evaluate_at(theta_);
  for (int l : crossing) {
    Lane& lane = this->lane(l);
    // Several surfaces may be crossed at one time. A step that was cut at the first of them ends,
    // to within rounding, on the others too: it stands, and cross() looks at all sides afresh.
    if (lane.crossing_surface >= 0 && block_.step_used[l] >= block_.remaining[l] &&
        1.0 - high[idx(l)] < same_crossing)
      continue;
    int first = -1;
    for (int s = 0; s < count && first < 0; ++s)
      if (reg(layout_.surfaces + s, l) * reg(layout_.modes + s, l) < 0.0 &&
          !(s == lane.crossing_surface && block_.step_used[l] >= block_.remaining[l]))
        first = s;
    const double length = high[idx(l)] * block_.step_used[l];
    const double start = block_.time[l];
    block_.accepted[l] = 0.0;
    rows_of_.observe_until[l] = -std::numeric_limits<double>::infinity();
    rows_of_.num_accepted[l] -= 1.0;
    rows_of_.num_rejected[l] += 1.0;
    lane.crossing_surface = first;
    if (length <= 1e-14 * std::abs(start) || length == 0.0) {
      cross(l);
      continue;
    }
    rows_of_.stop_time[l] = start + length;
    block_.remaining[l] = length;
    block_.step[l] = length;
    block_.restart[l] = 0.0;
  }
}

/// The lane stands on its crossing surface: changes sides, and does what the model wants done.
void LaneEngine::cross(int l) {
  Lane& lane = this->lane(l);
  const int surface = lane.crossing_surface;
  lane.crossing_surface = -1;
  if (context_.drive != nullptr) settle_drive(l);
  const double now = block_.time[l];
  lane.crossings = now == lane.crossing_time ? lane.crossings + 1 : 1;
  lane.crossing_time = now;
  if (lane.crossings > most_crossings_at_once) {
    fail(l, Status::not_finite, -1,
         "the solution slides along a switching surface (it crosses it back and forth)");
    return;
  }
  double& mode = reg(layout_.modes + surface, l);
  const int direction = mode < 0.0 ? 1 : -1;
  std::vector<double> before, d_time;
  if (num_directions_ > 0) {
    before = slopes_at(l);
    d_time = crossing_time_derivative(l, surface, before);
  }
  mode = -mode;
  std::vector<int> fired;
  for (std::size_t e = 0; e < program_.spec().events.size(); ++e) {
    const int wanted = program_.spec().events[e].direction;
    if (program_.event_surfaces()[e] == surface && (wanted == 0 || wanted == direction))
      fired.push_back(static_cast<int>(e));
  }
  if (!settle_after_jump(l, std::move(fired), surface, std::move(before), d_time)) return;
  mark_discontinuity(l);
  update_stop(l);
}

/// After a jump at a time tau(p): does what `events` assign, looks at the sides of all surfaces
/// afresh, and goes on with the events whose condition the jump made true, until none is left.
/// The lane stands on `surface` (or -1) to within rounding, so its side stays as it was set unless
/// an assignment moves the lane away from it. Tangents jump with the slopes and the assignments.
/// @return false if the lane failed.
bool LaneEngine::settle_after_jump(int l, std::vector<int> events, int surface,
                                   std::vector<double> before, const std::vector<double>& d_time) {
  if (context_.drive != nullptr) start_drive(l);
  const int count = program_.num_surfaces();
  const bool moves = std::any_of(d_time.begin(), d_time.end(), [](double d) { return d != 0.0; });
  std::vector<double> sides(idx(count)), tangents;
  for (int round = 0;; ++round) {
    if (round > most_crossings_at_once) {
      fail(l, Status::not_finite, -1, "events at one point in time trigger each other without end");
      return false;
    }
    for (int s = 0; s < count; ++s) sides[idx(s)] = reg(layout_.modes + s, l);
    if (!events.empty()) {
      evaluate_surfaces(l);
      const double value = surface < 0 ? 0.0 : reg(layout_.surfaces + surface, l);
      assign(l, events, before, d_time, tangents);
      evaluate_surfaces(l);
      if (surface >= 0 && reg(layout_.surfaces + surface, l) != value) surface = -1;
    }
    reset_modes(l, surface);
    if (num_directions_ > 0 && (moves || !events.empty())) {
      std::vector<double> after = slopes_at(l);
      if (moves) shift_tangents(l, before, after, d_time);
      for (const int e : events)
        for (const auto& [state, value] : program_.spec().events[idx(e)].assignments)
          for (int k = 0; k < num_directions_; ++k)
            at(tangents_.s, k * n_ + state, l) =
                tangents[idx(k * n_ + state)] - (moves ? after[idx(state)] * d_time[idx(k)] : 0.0);
      before = std::move(after);
    }
    const std::vector<int> done = std::move(events);
    events.clear();
    for (std::size_t e = 0; e < program_.spec().events.size(); ++e) {
      // An event does not answer to its own assignment.
      if (std::find(done.begin(), done.end(), static_cast<int>(e)) != done.end()) continue;
      const int s = program_.event_surfaces()[e];
      const double side = reg(layout_.modes + s, l);
      const int wanted = program_.spec().events[e].direction;
      if (side != sides[idx(s)] && (wanted == 0 || wanted == (side > 0.0 ? 1 : -1)))
        events.push_back(static_cast<int>(e));
    }
    if (events.empty()) return true;
    if (num_directions_ > 0 && before.empty()) before = slopes_at(l);
  }
}

/// Gives the assigned states their new values, all taken at the state before. `tangents` receives
/// their total derivatives dh/dp + dh/dy s + (dh/dy f + dh/dt) dtau/dp.
void LaneEngine::assign(int l, const std::vector<int>& events, const std::vector<double>& before,
                        const std::vector<double>& d_time, std::vector<double>& tangents) {
  tangents.assign(idx(n_ * num_directions_), 0.0);
  auto for_each_assignment = [&](auto&& act) {
    for (const int e : events)
      for (std::size_t a = 0; a < program_.event_values()[idx(e)].size(); ++a)
        act(idx(e), a, program_.event_values()[idx(e)][a].first);
  };
  if (num_directions_ > 0) {
    const auto& derivatives = context_.tangents->assignments;
    std::vector<double> along_time(idx(n_), 0.0);
    if (!d_time.empty()) {
      evaluate_crossing_derivatives(l, before, 1.0);
      for_each_assignment([&](std::size_t e, std::size_t a, int state) {
        const std::int32_t r = derivatives[e][a].along;
        along_time[idx(state)] = r < 0 ? 0.0 : reg(r, l);
      });
    }
    std::vector<double> direction(idx(n_));
    for (int k = 0; k < num_directions_; ++k) {
      for (int i = 0; i < n_; ++i) direction[idx(i)] = at(tangents_.s, k * n_ + i, l);
      evaluate_crossing_derivatives(l, direction, 0.0);
      for_each_assignment([&](std::size_t e, std::size_t a, int state) {
        const std::int32_t r = derivatives[e][a].along;
        const std::int32_t p = derivatives[e][a].by_parameter[idx(k)];
        tangents[idx(k * n_ + state)] =
            (r < 0 ? 0.0 : reg(r, l)) + (p < 0 ? 0.0 : reg(p, l)) +
            (d_time.empty() ? 0.0 : along_time[idx(state)] * d_time[idx(k)]);
      });
    }
  }
  evaluate_surfaces(l);
  std::vector<std::pair<int, double>> values;
  for_each_assignment([&](std::size_t e, std::size_t a, int state) {
    values.emplace_back(state, reg(program_.event_values()[e][a].second, l));
  });
  for (const auto& [state, value] : values) at(block_.y, state, l) = value;
}

/// Surfaces and the values that events assign, at the lane's present state.
void LaneEngine::evaluate_surfaces(int l) {
  for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
  reg(layout_.time, l) = block_.time[l];
  context_.native->surfaces.run(registers_.data());
}

/// Derivatives of surfaces and assigned values at the lane's present state along a direction.
void LaneEngine::evaluate_crossing_derivatives(int l, const std::vector<double>& direction,
                                               double time_direction) {
  for (int i = 0; i < n_; ++i) {
    reg(layout_.states + i, l) = at(block_.y, i, l);
    reg(tangents_.direction_register + i, l) = direction[idx(i)];
  }
  reg(layout_.time, l) = block_.time[l];
  reg(tangents_.direction_register + n_, l) = time_direction;
  context_.native->crossings.run(registers_.data());
}

/// dtau/dp of a crossing g(y, t, p) = 0: -(g_y s + g_p)/(g_y f + g_t).
std::vector<double> LaneEngine::crossing_time_derivative(int l, int surface,
                                                         const std::vector<double>& slopes) {
  const auto& derivative = context_.tangents->surfaces[idx(surface)];
  auto value = [&](std::int32_t r) { return r < 0 ? 0.0 : reg(r, l); };
  std::vector<double> d_time(idx(num_directions_), 0.0);
  evaluate_crossing_derivatives(l, slopes, 1.0);
  const double rate = value(derivative.along);
  if (rate == 0.0) return d_time;  // the surface is touched, not crossed
  std::vector<double> direction(idx(n_));
  for (int k = 0; k < num_directions_; ++k) {
    for (int i = 0; i < n_; ++i) direction[idx(i)] = at(tangents_.s, k * n_ + i, l);
    evaluate_crossing_derivatives(l, direction, 0.0);
    d_time[idx(k)] = -(value(derivative.along) + value(derivative.by_parameter[idx(k)])) / rate;
  }
  return d_time;
}

}  // namespace krogh::simulate
