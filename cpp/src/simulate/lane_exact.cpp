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

void LaneEngine::start_propagators() {
  propagators_ = std::make_unique<PropagatorCache>(program_, lanes_, context_.input_states,
                                                   *context_.linear_form);
  calm_.assign(idx(lanes_), 0.0);
  exact_rows_ = AlignedBuffer(idx(lanes_) * idx(5 * program_.num_outputs() + n_ + 3));
  std::fill_n(exact_rows_.data(), exact_rows_.size(), 0.0);
  // Lanes that never hold a subject are moved as well; their values must stay numbers.
  std::fill_n(vectors_.data(), vectors_.size(), 0.0);
}

Motion LaneEngine::motion() {
  return {.y = block_.y,
          .y_new = block_.y_new,
          .tangents = tangents_.s,
          .tangents_new = tangents_.s_new,
          .tangent_rates = tangent_rates_,
          .integrals = exact_rows_.data()};
}

void LaneEngine::swap_motion() {
  std::swap(block_.y, block_.y_new);
  std::swap(tangents_.s, tangents_.s_new);
}

/// Moves all lanes: in one go where they are in step (one schedule for all), else lane by lane.
void LaneEngine::advance_exactly() {
  int first = -1;
  bool in_step = context_.schedule->is_shared() && num_directions_ == 0;
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
             "overflow, or a rate that is not finite (division by zero in its parameters)");
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
  const auto num_active = std::count_if(lanes_state_.begin(), lanes_state_.end(),
                                        [](const Lane& lane) { return lane.is_active; });
  const bool has_windows = !context_.options->windows.empty();
  std::int64_t taken = 0;
  std::int64_t moves = 0;
  while (taken < longest_run) {
    const bool is_inside =
        record != end && record->kind == RecordKind::observe && is_before(record->time, stop);
    const double target = is_inside ? record->time : stop;
    if (target > now) {
      if (num_active == lanes_ && !has_windows) {
        propagators_->advance_all(registers_.data(), target - now, motion());
        swap_motion();
      } else {
        for (int l = 0; l < lanes_; ++l) {
          theta_[l] = lane(l).is_active ? target - now : 0.0;
          block_.time[l] = now;
        }
        move_in_panels(theta_);
      }
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
  std::vector<double> targets(idx(lanes_));
  for (int l = 0; l < lanes_; ++l) {
    Lane& lane = this->lane(l);
    theta_[l] = 0.0;
    targets[idx(l)] = block_.time[l];
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
    targets[idx(l)] = target;
    if (theta_[l] > 0.0) ++lane.stats.accepted;
  }
  move_in_panels(theta_);
  for (int l = 0; l < lanes_; ++l) {
    if (!lane(l).is_active) continue;
    block_.time[l] = targets[idx(l)];
    block_.remaining[l] = rows_of_.stop_time[l] - targets[idx(l)];
  }
  if (ready_.empty()) return;
  for (int l : ready_) {
    for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
    for (int q = 0; q < num_directions_ * n_; ++q) at(tangent_point_, q, l) = at(tangents_.s, q, l);
    reg(layout_.time, l) = block_.time[l];
  }
  emit(ready_);
}

}  // namespace krogh::simulate
