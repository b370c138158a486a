// Steps of linear models: every lane moves to its next observation or stop by an exact flow.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include "simulate/lane_engine.hpp"
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

using model::Record;
using model::RecordKind;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Observations taken in one go before the caller's hook is asked again.
constexpr std::int64_t longest_run = 1024;

/// Whether an observation is taken on the way to a stop; one that shares the time with it to within
/// rounding is left for the stop, where derived doses come first.
bool is_before(double time, double stop) { return time + coincidence(time) < stop; }

}  // namespace

/// Moves all lanes: in one go where they are in step (one schedule for all),
/// else lane by lane.
void LaneEngine::advance_exactly() {
  int first = -1;
  bool in_step = context_.schedule->is_shared();
  for (int l = 0; l < lanes_; ++l) {
    const Lane& lane = this->lane(l);
    if (!lane.is_active) continue;
    if (first < 0) first = l;
    in_step = in_step && lane.cursor == this->lane(first).cursor &&
              block_.time[l] == block_.time[first] &&
              rows_of_.stop_time[l] == rows_of_.stop_time[first];
  }
  if (in_step) {
    advance_in_step(first);
  } else {
    advance_apart();
  }
  for (int l = 0; l < lanes_; ++l) {
    if (!lane(l).is_active) continue;
    for (int i = 0; i < n_; ++i)
      if (!std::isfinite(at(block_.y, i, l))) {
        fail(l, Status::not_finite, i,
             "overflow, or a rate that is not finite (division by zero in its "
             "parameters)");
        break;
      }
  }
}

/// All active lanes stand at the same place of one list of records.
void LaneEngine::advance_in_step(int first) {
  const Lane& leader = lane(first);
  const Record* record = leader.records + leader.cursor;
  const Record* const end = leader.records + leader.size;
  const double stop = rows_of_.stop_time[first];
  const int num_outputs = program_.num_outputs();
  double now = block_.time[first];
  std::int64_t taken = 0;
  std::int64_t moves = 0;
  while (taken < longest_run) {
    const bool is_inside =
        record != end && record->kind == RecordKind::observe && is_before(record->time, stop);
    const double target = is_inside ? record->time : stop;
    if (target > now) {
      for (int l = 0; l < lanes_; ++l) theta_[l] = lane(l).is_active ? target - now : 0.0;
      propagators_->advance(registers_.data(), theta_, block_.y, block_.y_new);
      std::swap(block_.y, block_.y_new);
      now = target;
      ++moves;
    }
    if (!is_inside) break;
    std::copy_n(block_.y, std::ptrdiff_t{n_} * lanes_,
                registers_.data() + std::ptrdiff_t{layout_.states} * lanes_);
    std::fill_n(registers_.data() + std::ptrdiff_t{layout_.time} * lanes_, lanes_, now);
    context_.native->outputs.run(registers_.data());
    for (int l = 0; l < lanes_; ++l) {
      const Lane& lane = this->lane(l);
      if (!lane.is_active) continue;
      double* row = context_.output->values.data() + (lane.observation + taken) * num_outputs;
      for (int m = 0; m < num_outputs; ++m) row[m] = reg(layout_.outputs + m, l);
    }
    ++taken;
    ++record;
  }
  for (int l = 0; l < lanes_; ++l) {
    Lane& lane = this->lane(l);
    if (!lane.is_active) continue;
    lane.cursor += taken;
    lane.observation += taken;
    lane.stats.accepted += moves;
    block_.time[l] = now;
    block_.remaining[l] = stop - now;
  }
}

/// Every lane moves to its own next observation inside, or to its stop.
void LaneEngine::advance_apart() {
  ready_.clear();
  for (int l = 0; l < lanes_; ++l) {
    Lane& lane = this->lane(l);
    theta_[l] = 0.0;
    if (!lane.is_active) continue;
    const double stop = rows_of_.stop_time[l];
    double target = stop;
    if (lane.cursor < lane.size) {
      const Record& record = lane.records[lane.cursor];
      if (record.kind == RecordKind::observe && is_before(record.time, stop)) {
        target = record.time;
        ready_.push_back(l);
      }
    }
    theta_[l] = target - block_.time[l];
    block_.time[l] = target;
    block_.remaining[l] = stop - target;
    if (theta_[l] > 0.0) ++lane.stats.accepted;
  }
  propagators_->advance(registers_.data(), theta_, block_.y, block_.y_new);
  std::swap(block_.y, block_.y_new);
  if (ready_.empty()) return;
  for (int l : ready_) {
    for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
    reg(layout_.time, l) = block_.time[l];
  }
  emit(ready_);
}

}  // namespace krogh::simulate
