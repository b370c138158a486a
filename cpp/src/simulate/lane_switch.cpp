// Subjects that leave the explicit method: stiff from the start, or found stiff on the way.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include <krogh/base/isa.hpp>

#include "simulate/lane_engine.hpp"
#include "simulate/method_choice.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// As in DOPRI5 (Hairer & Wanner 1996, IV.2).
constexpr double stiff_steps_to_switch = 15.0;

/// One column of a matrix with `lanes` columns.
std::vector<double> column(const double* rows, std::int64_t count, int lanes, int lane) {
  std::vector<double> values(idx(count));
  for (std::int64_t r = 0; r < count; ++r) values[idx(r)] = rows[r * lanes + lane];
  return values;
}

void put_column(const std::vector<double>& values, double* rows, int lanes, int lane) {
  for (std::size_t r = 0; r < values.size(); ++r)
    rows[static_cast<std::ptrdiff_t>(r) * lanes + lane] = values[r];
}

}  // namespace

/// From now on only these subjects are worked on, in their order.
void PointContext::set_queue(std::vector<std::int64_t> subjects,
                             std::vector<SuspendedLane> under_way) {
  has_queue = true;
  queue = std::move(subjects);
  resumed = std::move(under_way);
  std::sort(queue.begin(), queue.end());
  std::sort(resumed.begin(), resumed.end(), [](const SuspendedLane& a, const SuspendedLane& b) {
    return a.lane.subject < b.lane.subject;
  });
}

/// Which of the lanes are stiff: spectral radius times longest interval above the screen's limit at
/// one of three states. These are the initial one; the same with the subject's largest doses on top
/// of it; and, looked at first, where a linearly implicit Euler step of a quarter of the longest
/// interval leads from there, which carries the doses on to the states that they act on.
std::vector<char> LaneEngine::find_stiff(const std::vector<int>& lanes,
                                         const StiffnessScreen& screen) {
  std::vector<double> bound(idx(lanes_));
  std::vector<char> is_stiff(idx(lanes_), 0);
  auto list_of = [&](int l) { return context_.schedule->is_shared() ? 0 : lane(l).subject; };
  auto place = [&](bool is_dosed) {
    for (int l : lanes) {
      reg(layout_.time, l) = block_.time[l];
      for (int i = 0; i < n_; ++i) {
        const int f = program_.dose_registers()[idx(i)][0];
        const double dose = is_dosed ? screen.largest_dose[idx(list_of(l) * n_ + i)] : 0.0;
        reg(layout_.states + i, l) =
            at(block_.y, i, l) + (f < 0 || dose == 0.0 ? dose : dose * reg(f, l));
      }
    }
  };
  auto judge = [&] {
    KROGH_DISPATCH(bound_spectrum)(block_, bound.data());
    // What is not a number is as stiff as can be.
    for (int l : lanes)
      if (!(bound[idx(l)] * screen.longest_interval[idx(list_of(l))] <= screen.limit))
        is_stiff[idx(l)] = 1;
    return std::all_of(lanes.begin(), lanes.end(), [&](int l) { return is_stiff[idx(l)] != 0; });
  };
  place(true);
  block_.rhs_jacobian->run(registers_.data());
  for (int l : lanes) {
    reg(layout_.inverse_step, l) = 4.0 / screen.longest_interval[idx(list_of(l))];
    for (int i = 0; i < n_; ++i) reg(layout_.sums + i, l) = -reg(layout_.slopes + i, l);
  }
  block_.factor->run(registers_.data());
  for (int l : lanes)
    for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) += at(block_.stage_values, i, l);
  if (judge()) return is_stiff;
  for (const bool is_dosed : {true, false}) {
    place(is_dosed);
    if (judge()) break;
  }
  return is_stiff;
}

void LaneEngine::sort_by_stiffness(const StiffnessScreen& screen,
                                   const std::function<bool()>& keep_going) {
  while (!context_.stop.load(std::memory_order_relaxed)) {
    std::vector<int> starting;
    for (int l = 0; l < lanes_; ++l)
      if (!is_drained_ && load(l)) starting.push_back(l);
    if (starting.empty()) return;
    begin(starting);
    const std::vector<char> is_stiff = find_stiff(starting, screen);
    {
      const std::lock_guard<std::mutex> lock(context_.hand_over->mutex);
      for (int l : starting) {
        const std::int64_t subject = lane(l).subject;
        (is_stiff[idx(l)] != 0 ? context_.hand_over->stiff : context_.hand_over->calm)
            .push_back(subject);
        make_idle(l);
      }
    }
    if (keep_going && !keep_going()) context_.stop.store(true, std::memory_order_relaxed);
  }
}

/// Suspends the lanes whose steps stability has held for long enough.
void LaneEngine::hand_over_stiff() {
  for (int l = 0; l < lanes_; ++l)
    if (block_.stiff_steps[l] >= stiff_steps_to_switch && lane(l).is_active &&
        lane(l).crossing_surface < 0)
      suspend(l);
}

void LaneEngine::suspend(int l) {
  Lane& lane = this->lane(l);
  SuspendedLane suspended;
  // The other engine counts a Jacobian for every step: not for those made here.
  lane.stats.jacobians -= static_cast<std::int64_t>(rows_of_.num_accepted[l]) +
                          static_cast<std::int64_t>(rows_of_.num_rejected[l]);
  lane.stats.switches = 1;
  suspended.lane = lane;
  auto num_rows = [&](const AlignedBuffer& buffer) {
    return static_cast<std::int64_t>(buffer.size()) / lanes_;
  };
  suspended.registers = column(registers_.data(), num_registers_, lanes_, l);
  suspended.rows = column(rows_.data(), num_rows(rows_), lanes_, l);
  suspended.states = column(block_.y, n_, lanes_, l);
  if (num_directions_ > 0) {
    const std::int64_t size = std::int64_t{n_} * num_directions_;
    suspended.tangents = column(tangents_.s, size, lanes_, l);
    const std::vector<double> rates = column(tangent_rates_, size, lanes_, l);
    suspended.tangents.insert(suspended.tangents.end(), rates.begin(), rates.end());
  }
  suspended.metrics = metrics_[idx(l)];
  suspended.gathered = column(gathered_.data(), num_rows(gathered_), lanes_, l);
  make_idle(l);
  block_.stiff_steps[l] = 0.0;
  const std::lock_guard<std::mutex> lock(context_.hand_over->mutex);
  context_.hand_over->running.push_back(std::move(suspended));
}

/// Continues a subject where another engine left it, with that engine's last step as the first
/// proposal.
void LaneEngine::resume(int l, const SuspendedLane& suspended) {
  lane(l) = suspended.lane;
  put_column(suspended.registers, registers_.data(), lanes_, l);
  put_column(suspended.rows, rows_.data(), lanes_, l);
  put_column(suspended.states, block_.y, lanes_, l);
  if (num_directions_ > 0) {
    const std::ptrdiff_t size = std::ptrdiff_t{n_} * num_directions_;
    const auto middle = suspended.tangents.begin() + size;
    put_column({suspended.tangents.begin(), middle}, tangents_.s, lanes_, l);
    put_column({middle, suspended.tangents.end()}, tangent_rates_, lanes_, l);
  }
  start_metrics(l);
  metrics_[idx(l)] = suspended.metrics;
  put_column(suspended.gathered, gathered_.data(), lanes_, l);
  block_.accepted[l] = 0.0;
  block_.error_before[l] = 1.0;
  block_.stale[l] = 1.0;
}

}  // namespace krogh::simulate
