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
    expr::run_tape(program_.view(program_.tapes().surfaces), registers_.data(), lanes_);
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
  const expr::TapeView tape = program_.view(program_.tapes().surfaces);
  auto evaluate_at = [&](const double* theta) {
    KROGH_DISPATCH(interpolate)(block_.y, block_.y_new, block_.dense, theta, n_, lanes_,
                                registers_.data() + std::ptrdiff_t{layout_.states} * lanes_);
    for (int l = 0; l < lanes_; ++l)
      reg(layout_.time, l) = block_.time[l] + theta[l] * block_.step_used[l];
    expr::run_tape(tape, registers_.data(), lanes_);
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
  std::vector<double> before, surface_slopes;
  const bool has_tangents = num_directions_ > 0;
  std::vector<double> d_time;
  if (has_tangents) {
    before = slopes_at(l);
    d_time = crossing_time_derivative(l, surface, before);
  }
  mode = -mode;
  for (std::size_t e = 0; e < program_.spec().events.size(); ++e) {
    const model::Event& event = program_.spec().events[e];
    if (program_.event_surfaces()[e] != surface) continue;
    if (event.direction != 0 && event.direction != direction) continue;
    for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
    reg(layout_.time, l) = now;
    expr::run_tape(program_.view(program_.tapes().surfaces), registers_.data(), lanes_);
    for (const auto& [state, r] : program_.event_values()[e]) at(block_.y, state, l) = reg(r, l);
  }
  reset_modes(l, surface);
  if (has_tangents) shift_tangents(l, before, slopes_at(l), d_time);
  mark_discontinuity(l);
  update_stop(l);
}

/// dtau/dp of a crossing g(y, t, p) = 0: -(g_y s + g_p)/(g_y f + g_t), by central differences of g
/// along the tangents, whose step balances truncation and round-off.
std::vector<double> LaneEngine::crossing_time_derivative(int l, int surface,
                                                         const std::vector<double>& slopes) {
  const expr::TapeView tape = program_.view(program_.tapes().surfaces);
  double size = 0.0;
  for (int i = 0; i < n_; ++i) size = std::max(size, std::abs(at(block_.y, i, l)));
  auto along = [&](const std::vector<double>& direction, double time_direction) {
    double length = std::abs(time_direction);
    for (double d : direction) length = std::max(length, std::abs(d));
    if (length == 0.0) return 0.0;
    const double h = 6e-6 * std::max({size, std::abs(block_.time[l]), 1e-30}) / length;
    double value[2];
    for (int side = 0; side < 2; ++side) {
      const double sign = side == 0 ? -h : h;
      for (int i = 0; i < n_; ++i)
        reg(layout_.states + i, l) = at(block_.y, i, l) + sign * direction[idx(i)];
      reg(layout_.time, l) = block_.time[l] + sign * time_direction;
      expr::run_tape(tape, registers_.data(), lanes_);
      value[side] = reg(layout_.surfaces + surface, l);
    }
    return (value[1] - value[0]) / (2.0 * h);
  };
  const double rate = along(slopes, 1.0);
  std::vector<double> d_time(idx(num_directions_), 0.0);
  if (rate == 0.0) return d_time;
  for (int k = 0; k < num_directions_; ++k) {
    std::vector<double> tangent(idx(n_));
    for (int i = 0; i < n_; ++i) tangent[idx(i)] = at(tangents_.s, k * n_ + i, l);
    double change = along(tangent, 0.0);
    const Direction& direction = context_.options->sensitivities[idx(k)];
    if (direction.kind == Direction::Kind::parameter) {
      double& parameter = reg(layout_.parameters + direction.index, l);
      const double value = parameter;
      const double h = 6e-6 * std::max(std::abs(value), 1e-12);
      for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
      reg(layout_.time, l) = block_.time[l];
      double g[2];
      for (int side = 0; side < 2; ++side) {
        parameter = value + (side == 0 ? -h : h);
        run_prologue();
        expr::run_tape(tape, registers_.data(), lanes_);
        g[side] = reg(layout_.surfaces + surface, l);
      }
      parameter = value;
      run_prologue();
      change += (g[1] - g[0]) / (2.0 * h);
    }
    d_time[idx(k)] = -change / rate;
  }
  return d_time;
}

}  // namespace krogh::simulate
