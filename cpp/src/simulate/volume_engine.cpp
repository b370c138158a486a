// Steps, stops and records of a volume run.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <krogh/integrate/tableau.hpp>

#include "simulate/volume_stabilized.hpp"

namespace krogh::simulate {
namespace {

/// Steps below this share of the time no longer move the clock.
constexpr double smallest_step = 16.0 * std::numeric_limits<double>::epsilon();
constexpr double safety = 0.9, largest_growth = 4.0, largest_shrink = 0.2;

}  // namespace

void VolumeEngine::start(Member& self) {
  const model::RegisterLayout& layout = program_.layout();
  VolumeBlock& b = self.block;
  b.step = 1.0;
  self.file = AlignedBuffer(idx(tapes_->file_rows) * idx(b.width));
  b.file = self.file.data();
  self.outside.assign(idx(num_entries_), 0.0);
  self.unit.assign(idx(b.num_mobile), 1.0);
  b.outside = self.outside.data();
  self.change.assign(idx(b.num_exchanges), 0.0);
  b.change = self.change.data();
  if (problem_.plasma.program != nullptr) self.plasma.emplace(problem_, options_);
  self.kept.assign(idx(num_kept_), 0.0);
  self.taken.assign(problem_.plasma.exchange.size(), 0.0);
  self.answered.assign(idx(std::int64_t{num_kept_} * b.num_exchanges), 0.0);
  b.kept = self.kept.data();
  b.unit = self.unit.data();
  auto row = [&](std::int64_t r) { return b.file + r * b.width; };
  for (const auto* constants : {&program_.constants(), &tapes_->line.constants})
    for (const auto& [r, value] : *constants) std::fill_n(row(r), b.width, value);
  for (int p = 0; p < program_.num_parameters(); ++p)
    std::fill_n(row(layout.parameters + p), b.width, problem_.parameters[idx(p)]);
  b.program_prologue->run(b.file);
  b.line_prologue->run(b.file);
  self.scale.assign(idx(b.num_states), 0.0);
  self.lowest.assign(idx(b.num_states), 0.0);
  self.highest.assign(idx(b.num_states), 0.0);
  const std::int64_t booked = num_entries_ + b.num_feeds;
  self.fed.assign(idx(b.num_feeds), 0.0);
  self.ledger.assign(idx(booked), 0.0);
  self.entering.assign(idx(num_entries_), 0.0);
  for (std::vector<double>& of_stage : self.stage_ledger) of_stage.assign(idx(booked), 0.0);
  if (hooks_.resume != nullptr) {
    restore(self);
    return;
  }
  place_start(self);
  b.time = problem_.begin;
  const double longest = options_.max_step > 0.0 ? options_.max_step : std::max(span_, 1e-300);
  self.step = options_.first_step > 0.0 ? options_.first_step : longest;
  self.restart = !(options_.first_step > 0.0);
  arrive(self);
}

void VolumeEngine::run(Team& team, int member, const std::function<bool()>& report) {
  Member self{.team = team,
              .number = member,
              .report = report,
              .block = block_,
              .file = {},
              .room = {},
              .outside = {},
              .unit = {},
              .inputs = VolumeInputs(problem_),
              .plasma = {}};
  start(self);
  Status status = Status::success;
  const VolumeBlock& b = self.block;
  while (self.next_record < problem_.record_times.size()) {
    if (self.stats.accepted + self.stats.rejected >= options_.max_steps) {
      status = Status::max_steps_reached;
      break;
    }
    double used = 0.0;
    bool at_stop = false;
    const VolumeStats before = self.stats;
    const double proposal = self.step;
    const Attempt outcome = [&] {
      if (!goes_on(self)) return Attempt::stopped;
      self.in_attempt = true;
      choose_step(self, used, at_stop);
      return is_stabilized() ? attempt_stabilized(self) : attempt(self);
    }();
    self.in_attempt = false;
    if (outcome == Attempt::stopped || is_abandoned_) {
      status = Status::stopped;
      self.stats = before;  // as if the step had not been begun
      self.step = proposal;
      break;
    }
    if (outcome == Attempt::accepted) {
      ++self.stats.accepted;
      std::swap(self.block.y, self.block.stages[3]);
      if (self.plasma) self.plasma->accept();
      self.block.time = at_stop ? self.stop_time : b.time + used;
      if (member == 0) progress_ = span_ > 0.0 ? (b.time - problem_.begin) / span_ : 1.0;
      if (at_stop) arrive(self);
      if (member == 0) keep(self);
      continue;
    }
    ++self.stats.rejected;
    const double largest = std::max(std::abs(b.time), std::abs(self.stop_time));
    if (self.step >= smallest_step * largest && !(options_.fixed_step > 0.0)) continue;
    status = outcome == Attempt::not_finite   ? Status::not_finite
             : outcome == Attempt::not_solved ? Status::linear_solve_failed
                                              : Status::step_too_small;
    break;
  }
  team.wait();
  if (member != 0) return;
  result_.status = status;
  result_.stats = self.stats;
  result_.time = b.time;
  result_.num_connected = num_connected_;
  result_.num_threads = team.size();
  if (status != Status::success || hooks_.keep_end) result_.reached = state_of(self);
  if (status != Status::success && status != Status::stopped) find_culprit(self, status);
}

/// Everything that happens at the present time: pulses, kinks, records; then the next stop.
void VolumeEngine::arrive(Member& self) {
  const double t = self.block.time;
  bool came = self.inputs.move_to(t);
  if (self.plasma) came = self.plasma->move_to(t) || came;
  if (came && !(options_.first_step > 0.0)) self.restart = true;
  while (self.next_knot < knots_.size() && knots_[self.next_knot] <= t) ++self.next_knot;
  const std::vector<VolumeChange>& changes = problem_.changes;
  for (; self.next_change < changes.size() && changes[self.next_change].time <= t;
       ++self.next_change)
    turn(self);
  const std::span<const double> jumps = problem_.jump_times;
  for (; self.next_jump < jumps.size() && jumps[self.next_jump] <= t; ++self.next_jump) jump(self);
  while (self.next_record < problem_.record_times.size() &&
         problem_.record_times[self.next_record] <= t) {
    record(self);
    ++self.next_record;
  }
  double stop = std::numeric_limits<double>::infinity();
  if (self.next_record < problem_.record_times.size())
    stop = problem_.record_times[self.next_record];
  if (self.next_knot < knots_.size()) stop = std::min(stop, knots_[self.next_knot]);
  if (self.next_jump < jumps.size()) stop = std::min(stop, jumps[self.next_jump]);
  if (self.next_change < changes.size()) stop = std::min(stop, changes[self.next_change].time);
  if (self.plasma) stop = std::min(stop, self.plasma->next_stop());
  self.stop_time = std::min(stop, self.inputs.next_stop());
}

/// Lets the caller change states at a stated time.
void VolumeEngine::jump(Member& self) {
  const VolumeBlock& b = self.block;
  const std::int64_t n = b.num_voxels;
  self.team.wait();
  if (self.number == 0) {
    const auto count = static_cast<std::int64_t>(problem_.jump_states.size());
    std::vector<double> values(idx(count * n));
    for (std::int64_t i = 0; i < count; ++i)
      b.each_place(problem_.jump_states[idx(i)], 0, n,
                   [&](std::int64_t k, std::int64_t at) { values[idx(i * n + k)] = b.y[at]; });
    problem_.jump(static_cast<std::int64_t>(self.next_jump), values);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int32_t state = problem_.jump_states[idx(i)];
      b.each_place(state, 0, n, [&](std::int64_t k, std::int64_t at) {
        const double value = values[idx(i * n + k)];
        if (inside_[idx(k)] == 0) return;
        if (!std::isfinite(value))
          throw InvalidInput("jump " + std::to_string(self.next_jump) + " leaves '" +
                             program_.spec().state_names[idx(state)] + "' not finite in voxel " +
                             std::to_string(k));
        b.y[at] = value;
      });
    }
  }
  self.team.wait();
  for (const std::int32_t i : problem_.jump_states)
    b.each_place(i, 0, n, [&](std::int64_t k, std::int64_t at) {
      if (inside_[idx(k)] != 0) self.scale[idx(i)] = std::max(self.scale[idx(i)], b.y[at]);
    });
  if (!(options_.first_step > 0.0)) self.restart = true;
}

/// Takes over the transport that holds from now on.
void VolumeEngine::turn(Member& self) {
  self.team.wait();
  if (self.number == 0) {
    const VolumeChange& to = problem_.changes[self.next_change];
    if (std::any_of(to.velocity.begin(), to.velocity.end(), [](auto v) { return !v.empty(); }))
      now_.velocity = to.velocity;
    if (!to.exchange_rates.empty()) now_.exchange_rates = to.exchange_rates;
    if (!to.exchange_out_rates.empty()) now_.exchange_out_rates = to.exchange_out_rates;
    const std::vector<std::int32_t> connected = std::move(connected_);
    place_transport();
    if (connected_ != connected)
      throw InvalidInput("change " + std::to_string(self.next_change) +
                         " of transport joins or parts voxels that were not so before");
    place_followed();
    if (problem_.plasma.program != nullptr) place_plasma();
  }
  self.team.wait();
  const VolumeBlock& own = self.block;
  VolumeBlock fresh = block_;
  fresh.time = own.time;
  fresh.step = own.step;
  fresh.y = own.y;
  std::copy(std::begin(own.stages), std::end(own.stages), std::begin(fresh.stages));
  fresh.file = own.file;
  fresh.outside = own.outside;
  fresh.unit = own.unit;
  fresh.change = own.change;
  fresh.kept = own.kept;
  self.block = fresh;
  if (!(options_.first_step > 0.0)) self.restart = true;
}

void VolumeEngine::record(Member& self) {
  const VolumeBlock& b = self.block;
  const std::int64_t n = b.num_voxels;
  const auto at = static_cast<std::int64_t>(self.next_record);
  const auto recorded = static_cast<std::int64_t>(options_.recorded.size());
  std::vector<double> contents(idx(b.num_states), 0.0);
  add_up(self, content_sums_, b.num_states, contents.data(),
         [&](const VolumePiece& piece, double* sums) {
           KROGH_DISPATCH(volume_contents)(b, piece, b.y, sums);
           for (std::int64_t r = 0; r < recorded; ++r) {
             const std::int32_t state = options_.recorded[idx(r)];
             double* to =
                 output_.values.data() + ((output_.one_record ? 0 : at) * recorded + r) * n;
             b.each_place(state, piece.first_row * b.shape[0], piece.end_row * b.shape[0],
                          [&](std::int64_t k, std::int64_t place) {
                            if (inside_[idx(k)] != 0) to[k] = b.y[place];
                          });
           }
         });
  self.team.wait();
  if (self.number != 0) return;
  std::copy(contents.begin(), contents.end(), output_.contents.data() + at * b.num_states);
  const std::int64_t exchanges = b.num_exchanges, sides = num_entries_ - exchanges;
  std::copy_n(self.ledger.begin() + num_entries_, b.num_feeds,
              output_.fed.data() + at * b.num_feeds);
  std::copy_n(self.ledger.begin(), exchanges, output_.exchanged.data() + at * exchanges);
  std::copy_n(self.ledger.begin() + exchanges, sides, output_.entered.data() + at * sides);
  if (self.plasma)
    std::copy(self.plasma->y().begin(), self.plasma->y().end(),
              output_.plasma.data() + at * self.plasma->num_states());
  if (hooks_.recorded) hooks_.recorded(at);
}

/// The proposal, or after a pulse a step from the sizes of state and slope (Hairer, Norsett &
/// Wanner, Solving ODEs I, 1993, II.4); never past the next stop.
void VolumeEngine::choose_step(Member& self, double& used, bool& at_stop) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const double remaining = self.stop_time - b.time;
  if (self.restart && !(options_.fixed_step > 0.0)) {
    place_outside(self, -1);
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      KROGH_DISPATCH(volume_moving)(tableau, b, piece, 0);
    });
    self.team.wait();
    follow(self, 0);
    double sums[2];
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
           });
    add_up(self, size_sums_, 2, sums, [&](const VolumePiece& piece, double* own) {
      KROGH_DISPATCH(volume_sizes)(b, piece, own);
    });
    const double count = static_cast<double>(num_inside_) * b.num_states;
    sums[0] /= count;
    sums[1] /= count;
    if (self.plasma) {
      take(self);
      self.plasma->sizes(b.time, self.taken.data(), sums[0], sums[1]);
    }
    const double size = std::sqrt(sums[0]), slope = std::sqrt(sums[1]);
    const double guess = size > 1e-5 && slope > 1e-5 ? 0.01 * (size / slope) : 1e-6 * remaining;
    self.step = std::min(self.step, guess);
  }
  double h = options_.fixed_step > 0.0 ? options_.fixed_step : self.step;
  if (options_.max_step > 0.0) h = std::min(h, options_.max_step);
  at_stop = h * 1.000001 >= remaining;
  const bool is_near = !(options_.fixed_step > 0.0) && 2.0 * h > remaining;
  used = at_stop ? remaining : (is_near ? 0.5 * remaining : h);
  b.step = used;
}

/// End of the step, its error, and the next step.
VolumeEngine::Attempt VolumeEngine::judge(Member& self, double used) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const std::int64_t count = 2 + 2 * b.num_states, stride = sum_stride(count);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = finish_sums_.data() + p * stride;
    own[0] = own[1] = 0.0;
    std::fill_n(own + 2, b.num_states, infinity);
    std::fill_n(own + 2 + b.num_states, b.num_states, -infinity);
    if (is_stabilized()) {
      KROGH_DISPATCH(volume_stabilized_finish)
      (b, piece, b.time + used, b.stages[3], own, own + 1, own + 2, own + 2 + b.num_states);
    } else {
      KROGH_DISPATCH(volume_finish)
      (tableau, b, piece, own, own + 1, own + 2, own + 2 + b.num_states);
    }
  });
  if (!goes_on(self)) return Attempt::stopped;
  double squares = 0.0, largest = 0.0;
  std::fill(self.lowest.begin(), self.lowest.end(), infinity);
  std::fill(self.highest.begin(), self.highest.end(), -infinity);
  for (std::size_t p = 0; p < pieces_.size(); ++p) {
    const double* own = finish_sums_.data() + static_cast<std::int64_t>(p) * stride;
    squares += own[0];
    largest = std::max(largest, own[1]);
    for (std::int64_t i = 0; i < b.num_states; ++i) {
      self.lowest[idx(i)] = std::min(self.lowest[idx(i)], own[2 + i]);
      self.highest[idx(i)] = std::max(self.highest[idx(i)], own[2 + b.num_states + i]);
    }
  }
  const double mean = std::sqrt(squares / (static_cast<double>(num_inside_) * b.num_states));
  double error = std::isfinite(mean) ? std::max(mean, largest / peak_) : mean;
  bool is_positive = true;
  if (self.plasma) {
    const double of_plasma =
        is_stabilized()
            ? self.plasma->finish_stabilized(b.time + used, used, self.taken.data(), is_positive)
            : self.plasma->finish(is_positive);
    if (!std::isfinite(of_plasma) || of_plasma > error) error = of_plasma;
  }
  for (std::size_t i = 0; i < self.lowest.size(); ++i) {
    const double reached = std::max(self.scale[i], self.highest[i]);
    is_positive = is_positive &&
                  (may_be_negative_[i] != 0 || self.lowest[i] >= -(b.rtol * reached + atol_[i]));
  }
  const bool is_fixed = options_.fixed_step > 0.0;
  const bool finite = std::isfinite(error);
  const bool accepted = finite && (is_fixed || (error <= 1.0 && is_positive));
  double factor =
      safety * std::pow(std::max(finite ? error : 1.0, 1e-10), -1.0 / (tableau.embedded_order + 1));
  factor = std::clamp(factor, largest_shrink, largest_growth);
  if (!accepted) {
    factor = finite ? std::min(factor, is_positive ? 0.9 : 0.5) : 0.25;
  }
  const double proposal = used * factor;
  // A step cut short by a stop does not shrink the proposal that was made before it.
  const bool is_cut = accepted && !self.restart && used < 0.999 * self.step && factor >= 1.0;
  self.step = is_cut ? std::max(self.step, proposal) : proposal;
  self.restart = false;
  if (!accepted) return finite ? Attempt::refused : Attempt::not_finite;
  for (std::size_t i = 0; i < self.scale.size(); ++i)
    self.scale[i] = std::max(self.scale[i], self.highest[i]);
  for (std::size_t e = 0; e < self.ledger.size(); ++e) {
    if (is_stabilized()) self.ledger[e] += self.stage_ledger[3][e];
    for (int s = 0; s < 4 && !is_stabilized(); ++s)
      self.ledger[e] += tableau.m[s] * self.stage_ledger[s][e];
  }
  return Attempt::accepted;
}

}  // namespace krogh::simulate
