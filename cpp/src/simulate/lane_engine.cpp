// Engine of the point solver: memory, filling of lanes, the step loop, failures.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/lane_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/base/isa.hpp>

#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int scalar_rows = 21;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

LaneEngine::LaneEngine(const PointContext& context)
    : context_(context),
      program_(*context.program),
      layout_(program_.layout()),
      lanes_(context.lanes),
      n_(program_.num_states()),
      num_directions_(static_cast<int>(context.options->sensitivities.size())),
      is_exact_(context.method == Method::propagator) {
  const std::size_t width = idx(lanes_);
  const model::TangentProgram* tangent = context.tangents;
  const int count = context.linear_form != nullptr ? context.linear_form->num_registers
                    : tangent != nullptr           ? tangent->num_registers
                                                   : layout_.count;
  const int slots = context.stepper.slots;
  num_registers_ = count;
  const int behind = context.drive != nullptr ? context.drive->num_registers : 0;
  registers_ = AlignedBuffer(idx(std::max(count + slots * n_, behind)) * width);
  if (context.drive != nullptr)
    for (const auto& [r, value] : context.drive->constants)
      for (int l = 0; l < lanes_; ++l) reg(r, l) = value;
  for (const auto& [r, value] : program_.constants())
    for (int l = 0; l < lanes_; ++l) reg(r, l) = value;
  if (tangent != nullptr)
    for (const auto& [r, value] : tangent->constants)
      for (int l = 0; l < lanes_; ++l) reg(r, l) = value;
  if (context.linear_form != nullptr)
    for (const auto& [r, value] : context.linear_form->constants)
      for (int l = 0; l < lanes_; ++l) reg(r, l) = value;

  rows_ = AlignedBuffer(idx(scalar_rows) * width);
  double* next = rows_.data();
  for (double** row : {&block_.time,
                       &block_.remaining,
                       &block_.step,
                       &block_.step_used,
                       &block_.error,
                       &block_.error_before,
                       &block_.restart,
                       &block_.accepted,
                       &block_.max_step,
                       &block_.stale,
                       &block_.busy,
                       &block_.evaluations,
                       &theta_,
                       &block_.stiff_steps,
                       &block_.calm_steps,
                       &rows_of_.stop_time,
                       &rows_of_.next_observation,
                       &rows_of_.observe_until,
                       &rows_of_.num_accepted,
                       &rows_of_.num_rejected,
                       &rows_of_.num_evaluations}) {
    *row = next;
    next += lanes_;
  }
  const std::size_t vector = idx(n_) * width;
  vectors_ = AlignedBuffer(vector * 8);
  block_.y = vectors_.data();
  block_.y_new = block_.y + vector;
  block_.dense = block_.y_new + vector;
  block_.first_slope = block_.dense + 3 * vector;
  block_.last_slope = block_.first_slope + vector;
  block_.balance = block_.last_slope + vector;
  block_.stage_values = registers_.data() + idx(count) * width;

  block_.lanes = lanes_;
  block_.num_states = n_;
  block_.registers = registers_.data();
  block_.tables = program_.tables().data();
  block_.time_register = layout_.time;
  block_.state_register = layout_.states;
  block_.input_rate_register = layout_.input_rates;
  block_.inverse_step_register = layout_.inverse_step;
  block_.sum_register = layout_.sums;
  block_.solution_register = layout_.solution;
  block_.slope_register = layout_.slopes;
  block_.time_slope_register = layout_.time_slopes;
  const auto& inputs = context.drive != nullptr ? context.step_input_states : context.input_states;
  block_.input_states = inputs.data();
  block_.num_input_states = static_cast<int>(inputs.size());
  const model::NativeTapes& native = *context.native;
  block_.rhs = &native.rhs;
  block_.rhs_jacobian = &native.rhs_jacobian;
  block_.solve = &native.solve;
  for (const model::Entry& e : program_.jacobian()) {
    entry_rows_.push_back(e.row);
    entry_columns_.push_back(e.column);
  }
  block_.num_entries = static_cast<int>(entry_rows_.size());
  block_.rows = entry_rows_.data();
  block_.columns = entry_columns_.data();
  block_.jacobian_registers = program_.jacobian_registers().data();
  for (std::size_t k = 0; k < native.stages.size(); ++k)
    (k == 0 ? block_.factor : block_.stage[k]) = &native.stages[k];
  block_.atol = context.atol.data();
  block_.rtol = context.options->rtol * context.tolerance_share;
  block_.control = context.control;
  rows_of_.max_steps = static_cast<double>(context.options->max_steps);

  if (tangent != nullptr) {
    const std::size_t all = vector * idx(num_directions_);
    tangent_memory_ = AlignedBuffer(all * idx(slots + 7));
    tangents_.count = num_directions_;
    tangents_.num_entries = static_cast<int>(tangent->rows.size());
    tangents_.rows = tangent->rows.data();
    tangents_.columns = tangent->columns.data();
    tangents_.jacobian_registers = tangent->jacobian_registers.data();
    tangents_.curvature_registers = tangent->curvature_registers.data();
    tangents_.source_offsets = tangent->source_offsets.data();
    tangents_.source_rows = tangent->source_rows.data();
    tangents_.source_registers = tangent->source_registers.data();
    tangents_.source_curvature_registers = tangent->source_curvature_registers.data();
    tangents_.direction_register = tangent->direction_register;
    tangents_.first_order = &native.first_order;
    tangents_.second_order = &native.second_order;
    tangents_.s = tangent_memory_.data();
    tangents_.s_new = tangents_.s + all;
    tangents_.stage_values = tangents_.s_new + all;
    tangent_dense_ = tangents_.stage_values + all * idx(slots);
    tangent_point_ = tangent_dense_ + 3 * all;
    tangent_rates_ = tangent_point_ + all;
    tangents_.input_rates = tangent_rates_;
  }
  lanes_state_.resize(width);
  metrics_.resize(width);
  if (is_exact_) start_propagators();
  // Idle lanes integrate something harmless: a state at rest would do, zero is at hand.
  for (int l = 0; l < lanes_; ++l) {
    block_.remaining[l] = block_.step[l] = block_.max_step[l] = 1.0;
    block_.error_before[l] = 1.0;
    for (int s = 0; s < program_.num_surfaces(); ++s) reg(layout_.modes + s, l) = 1.0;
  }
}

LaneEngine::~LaneEngine() = default;

void LaneEngine::run_prologue() {
  context_.native->prologue.run(registers_.data());
  if (context_.tangents != nullptr) context_.native->tangent_prologue.run(registers_.data());
  if (context_.linear_form != nullptr)
    expr::run_tape(program_.view(context_.linear_form->prologue), registers_.data(), lanes_);
  prologue_is_stale_ = false;
}

/// Puts the next subject of the queue into a lane; its states are set by start_lanes.
bool LaneEngine::load(int l) {
  Lane& lane = this->lane(l);
  for (;;) {
    const std::int64_t position = context_.next_subject.fetch_add(1, std::memory_order_relaxed);
    const auto waiting = static_cast<std::int64_t>(context_.queue.size());
    const std::int64_t fresh = context_.has_queue ? waiting : context_.num_subjects;
    if (position >= fresh) {
      const std::int64_t suspended = position - fresh;
      if (suspended < static_cast<std::int64_t>(context_.resumed.size())) {
        resume(l, context_.resumed[idx(suspended)]);
      } else {
        make_idle(l);
        is_drained_ = true;
      }
      return false;
    }
    const std::int64_t subject = context_.has_queue ? context_.queue[idx(position)] : position;
    const model::Schedule& schedule = *context_.schedule;
    lane.subject = subject;
    lane.records = schedule.begin(subject);
    lane.size = schedule.end(subject) - lane.records;
    lane.first_record = lane.records - schedule.records().data();
    lane.cursor = 0;
    const std::int64_t per_subject = schedule.num_observations(subject);
    lane.observation =
        schedule.is_shared() ? subject * per_subject : schedule.first_observation(subject);
    lane.orders = lane.crossings = 0;
    rows_of_.num_accepted[l] = rows_of_.num_rejected[l] = rows_of_.num_evaluations[l] = 0.0;
    block_.stiff_steps[l] = block_.calm_steps[l] = 0.0;
    lane.doses_seen = 0;
    lane.crossing_surface = -1;
    lane.pending.clear();
    lane.doses.clear();
    lane.stored_next.assign(idx(n_), 0);
    lane.stats = {};
    if (lane.size > 0) break;
    context_.result->status[idx(subject)] = Status::success;
    context_.result->methods[idx(subject)] = context_.method;
    context_.finished.fetch_add(1, std::memory_order_relaxed);
  }
  lane.is_active = true;
  block_.busy[l] = 1.0;
  block_.time[l] = lane.records[0].time;
  const auto given = static_cast<int>(context_.num_given_parameters);
  const double* values =
      context_.parameters.data() + (context_.has_one_parameter_set ? 0 : lane.subject * given);
  for (int p = 0; p < given; ++p) reg(layout_.parameters + p, l) = values[p];
  for (int p = given; p < program_.num_parameters(); ++p) reg(layout_.parameters + p, l) = 1.0;
  for (int i = 0; i < n_; ++i) reg(layout_.input_rates + i, l) = 0.0;
  return true;
}

/// States of lanes that have just been loaded, but for those at rest.
void LaneEngine::begin(const std::vector<int>& starting) {
  run_prologue();
  for (int l : starting) {
    if (propagators_) propagators_->invalidate(l);
    start_metrics(l);
    reset_states(l);
    if (!lane(l).is_active) continue;
    if (!context_.initial_states.empty()) {
      for (int i = 0; i < n_; ++i)
        at(block_.y, i, l) = context_.initial_states[idx(lane(l).subject * n_ + i)];
      // Given states do not depend on parameters.
      for (int k = 0; k < num_directions_; ++k) {
        const Direction& direction = context_.options->sensitivities[idx(k)];
        for (int i = 0; i < n_; ++i)
          at(tangents_.s, k * n_ + i, l) =
              direction.kind == Direction::Kind::initial && direction.index == i ? 1.0 : 0.0;
      }
      if (context_.drive != nullptr) start_drive(l);
      reset_modes(l, -1);
    }
    block_.step[l] = context_.options->first_step > 0.0 ? context_.options->first_step : infinity;
  }
}

void LaneEngine::start_lanes(std::vector<int>& starting) {
  if (starting.empty()) return;
  begin(starting);
  if (program_.spec().steady_initial.empty() || !context_.initial_states.empty()) return;
  for (int l : starting) {
    if (!steady_initial(l))
      fail(l, Status::steady_state_failed, -1, "the initial steady state was not found");
  }
}

/// States to their initial values, nothing running in.
void LaneEngine::reset_states(int l) {
  if (prologue_is_stale_) run_prologue();
  context_.native->initial.run(registers_.data());
  for (int i = 0; i < n_; ++i) {
    at(block_.y, i, l) = reg(layout_.solution + i, l);
    reg(layout_.input_rates + i, l) = 0.0;
  }
  if (context_.tangents != nullptr) {
    for (int k = 0; k < num_directions_; ++k) {
      const Direction& direction = context_.options->sensitivities[idx(k)];
      for (int i = 0; i < n_; ++i) {
        const bool is_own = direction.kind == Direction::Kind::initial && direction.index == i;
        at(tangents_.s, k * n_ + i, l) = is_own ? 1.0 : 0.0;
        at(tangent_rates_, k * n_ + i, l) = 0.0;
      }
      for (const auto& source : context_.tangents->initial[idx(k)])
        at(tangents_.s, k * n_ + source.row, l) += reg(source.value, l);
    }
  }
  if (context_.drive != nullptr && !begin_drive(l)) return;
  reset_modes(l, -1);
  mark_discontinuity(l);
}

/// The next step is chosen afresh; an earlier proposal is an upper bound.
void LaneEngine::mark_discontinuity(int l) {
  block_.restart[l] = context_.options->first_step > 0.0 ? 0.0 : 1.0;
  block_.stale[l] = 1.0;
  if (!(block_.step[l] > 0.0)) block_.step[l] = infinity;
  block_.error_before[l] = 1.0;
  if (is_exact_) calm_[idx(l)] = 0.0;
}

/// The windows of the subject that a lane holds.
std::span<const Window> LaneEngine::windows_of(int l) const {
  const std::span<const Window> all = context_.options->windows;
  const std::int64_t own = context_.options->windows_per_subject;
  return own > 0 ? all.subspan(idx(lanes_state_[idx(l)].subject * own), idx(own)) : all;
}

/// Where the lane has to stop next: an action, something pending, or its last record.
void LaneEngine::update_stop(int l) {
  Lane& lane = this->lane(l);
  double stop = infinity;
  if (lane.cursor < lane.size) {
    const std::int64_t action = context_.next_action[idx(lane.first_record + lane.cursor)];
    const std::int64_t position = action - lane.first_record;
    stop = position < lane.size ? lane.records[position].time : lane.records[lane.size - 1].time;
  }
  if (!lane.pending.empty()) stop = std::min(stop, lane.pending.front().time);
  // A step may not straddle a kink of the right-hand side or the edge of a window.
  const std::vector<double>& knots = program_.time_knots();
  const auto knot = std::upper_bound(knots.begin(), knots.end(), block_.time[l]);
  if (knot != knots.end()) stop = std::min(stop, *knot);
  for (const Window& window : windows_of(l))
    for (const double edge : {window.begin, window.end})
      if (edge > block_.time[l] && edge < stop) stop = edge;
  rows_of_.stop_time[l] = stop;
  expect_observation(l);
  block_.remaining[l] = stop - block_.time[l];
  block_.max_step[l] = context_.options->max_step > 0.0 ? context_.options->max_step : infinity;
}

void LaneEngine::attempt_step() {
  integrate::TangentBlock* tangents = context_.tangents != nullptr ? &tangents_ : nullptr;
  context_.stepper.step(block_, tangents);
}

/// Coefficients of the dense output of the present step, unless they are there already.
void LaneEngine::prepare_dense() {
  if (dense_is_ready_) return;
  context_.stepper.dense(block_.stage_values, n_, lanes_, block_.dense);
  if (num_directions_ > 0)
    context_.stepper.dense(tangents_.stage_values, n_ * num_directions_, lanes_, tangent_dense_);
  dense_is_ready_ = true;
}

/// Notes when the lane's next record is due, if it is an observation.
void LaneEngine::expect_observation(int l) {
  const Lane& lane = this->lane(l);
  const bool is_next =
      lane.cursor < lane.size && lane.records[lane.cursor].kind == model::RecordKind::observe;
  double time = is_next ? lane.records[lane.cursor].time : infinity;
  // Rounding may put a derived dose just behind an observation that it shares the time with: such
  // an observation is left for the stop at the dose, which comes first.
  if (is_next && !lane.pending.empty() && lane.pending.front().time <= time + coincidence(time))
    time = infinity;
  rows_of_.next_observation[l] = time;
}

void LaneEngine::finish(int l, Status status) {
  Lane& lane = this->lane(l);
  PointResult& result = *context_.result;
  if (context_.drive != nullptr && status == Status::success) settle_drive(l);
  result.status[idx(lane.subject)] = status;
  result.methods[idx(lane.subject)] = context_.method;
  const auto accepted = static_cast<std::int64_t>(rows_of_.num_accepted[l]);
  const auto rejected = static_cast<std::int64_t>(rows_of_.num_rejected[l]);
  lane.stats.accepted += accepted;
  lane.stats.rejected += rejected;
  if (context_.stepper.needs_jacobian && !is_exact_) lane.stats.jacobians += accepted + rejected;
  lane.stats.rhs_evaluations += static_cast<std::int64_t>(rows_of_.num_evaluations[l]);
  result.stats[idx(lane.subject)] = lane.stats;
  const PointOutput& output = *context_.output;
  if (!output.final_states.empty())
    for (int i = 0; i < n_; ++i)
      output.final_states[idx(lane.subject * n_ + i)] =
          status == Status::success ? at(block_.y, i, l) : std::nan("");
  if (!context_.final_tangents.empty())
    for (int q = 0; q < n_ * num_directions_; ++q)
      context_.final_tangents[idx(lane.subject * n_ * num_directions_ + q)] = at(tangents_.s, q, l);
  if (!output.metrics.empty()) {
    const std::size_t size = metrics_[idx(l)].size();
    for (std::size_t k = 0; k < size; ++k)
      output.metrics[idx(lane.subject) * size + k] =
          status == Status::success ? metrics_[idx(l)][k] : std::nan("");
  }
  make_idle(l);
  context_.finished.fetch_add(1, std::memory_order_relaxed);
}

/// The lane holds no subject; its steps have a harmless length.
void LaneEngine::make_idle(int l) {
  lane(l).is_active = false;
  block_.busy[l] = 0.0;
  rows_of_.next_observation[l] = infinity;
  block_.remaining[l] = block_.step[l] = block_.max_step[l] = 1.0;
}

void LaneEngine::fail(int l, Status status, int state, const std::string& cause) {
  Lane& lane = this->lane(l);
  context_.result->failures[idx(lane.subject)] = {.subject = lane.subject,
                                                  .status = status,
                                                  .time = block_.time[l],
                                                  .state = state,
                                                  .cause = cause};
  finish(l, status);
  if (context_.options->stop_on_failure) context_.stop.store(true, std::memory_order_relaxed);
}

/// Finds which species and which operation made the values of a lane not finite.
void LaneEngine::name_failure(int l) {
  for (int i = 0; i < n_; ++i)
    for (int m = 0; m < lanes_; ++m) reg(layout_.states + i, m) = at(block_.y, i, m);
  for (int m = 0; m < lanes_; ++m) reg(layout_.time, m) = block_.time[m];
  // What depends on parameters alone comes first: an infinite reciprocal is a division by zero.
  expr::TapeView tape = program_.view(program_.tapes().prologue);
  std::int32_t position = expr::first_failure(tape, registers_.data(), lanes_, l);
  if (position >= 0) {
    context_.native->rhs.run(registers_.data());
  } else {
    tape = program_.view(program_.tapes().rhs);
    position = expr::first_failure(tape, registers_.data(), lanes_, l);
  }
  int state = -1;
  auto find_state = [&] {
    for (int i = n_ - 1; i >= 0; --i)
      if (!std::isfinite(reg(layout_.slopes + i, l))) state = i;
  };
  find_state();
  // The state at hand is sound and no step leads on: what breaks lies just ahead along the slope.
  if (position < 0 && state < 0) {
    std::vector<double> slopes(idx(n_));
    for (int i = 0; i < n_; ++i)
      slopes[idx(i)] = reg(layout_.slopes + i, l) + reg(layout_.input_rates + i, l);
    constexpr int furthest = 40;  // doublings: from rounding of the clock to 1 % of it
    double ahead = std::max(std::abs(block_.time[l]), 1e-270) * 1e-14;
    for (int k = 0; k < furthest && position < 0; ++k, ahead *= 2.0) {
      for (int i = 0; i < n_; ++i)
        reg(layout_.states + i, l) = at(block_.y, i, l) + ahead * slopes[idx(i)];
      reg(layout_.time, l) = block_.time[l] + ahead;
      position = expr::first_failure(tape, registers_.data(), lanes_, l);
    }
    expr::run_tape(tape, registers_.data(), lanes_);
    find_state();
  }
  std::string cause = "the step size fell below what the clock resolves";
  if (position >= 0) {
    switch (static_cast<expr::Op>(tape.code[position].code)) {
      case expr::Op::div: cause = "division by zero"; break;
      case expr::Op::log:
      case expr::Op::log10:
      case expr::Op::log1p: cause = "logarithm of a number that is not positive"; break;
      case expr::Op::sqrt: cause = "square root of a negative number"; break;
      case expr::Op::pow: cause = "power without a real value, or overflow"; break;
      case expr::Op::lookup: cause = "argument outside the range of a table"; break;
      case expr::Op::asin:
      case expr::Op::acos: cause = "inverse sine or cosine outside [-1, 1]"; break;
      default: cause = "overflow"; break;
    }
  }
  fail(l, position >= 0 || state >= 0 ? Status::not_finite : Status::step_too_small, state, cause);
}

/// Works through everything due at the lanes' present times, with outputs taken in between.
void LaneEngine::work_through_due() {
  int due[expr::lane_counts[std::size(expr::lane_counts) - 1]];
  do {
    // Found without a branch on each lane; most steps end before anything is due.
    int count = 0;
    for (int l = 0; l < lanes_; ++l) {
      due[count] = l;
      count +=
          static_cast<int>(block_.busy[l] > 0.0) & static_cast<int>(block_.remaining[l] <= 0.0);
    }
    ready_.clear();
    for (int k = 0; k < count; ++k)
      if (process_due(due[k])) ready_.push_back(due[k]);
    for (int l : ready_) {
      for (int i = 0; i < n_; ++i) reg(layout_.states + i, l) = at(block_.y, i, l);
      reg(layout_.time, l) = block_.time[l];
      for (int q = 0; q < num_directions_ * n_; ++q)
        at(tangent_point_, q, l) = at(tangents_.s, q, l);
    }
    if (!ready_.empty()) emit(ready_);
  } while (!ready_.empty());
}

int LaneEngine::num_busy() const {
  double sum = 0.0;
  for (int l = 0; l < lanes_; ++l) sum += block_.busy[l];
  return static_cast<int>(sum);
}

/// Puts the next subjects into lanes that are free. @return whether there was one.
bool LaneEngine::refill() {
  if (is_drained_ || num_busy() == lanes_) return false;
  std::vector<int> starting;
  for (int l = 0; l < lanes_; ++l)
    if (!lane(l).is_active && !is_drained_ && load(l)) starting.push_back(l);
  start_lanes(starting);
  for (int l : starting) block_.remaining[l] = 0.0;
  return !starting.empty();
}

void LaneEngine::run(const std::function<bool()>& keep_going) {
  keep_going_ = keep_going ? &keep_going : nullptr;
  std::int64_t iterations = 0;
  for (;;) {
    while (refill()) work_through_due();
    if (num_busy() == 0) return;
    if (context_.stop.load(std::memory_order_relaxed)) return;
    if (keep_going && iterations++ % 8 == 0 && !keep_going()) {
      context_.stop.store(true, std::memory_order_relaxed);
      return;
    }
    if (is_exact_) {
      advance_exactly();
    } else {
      attempt_step();
      work_through_step();
    }
    work_through_due();
    if (context_.hand_over != nullptr) hand_over_stiff();
  }
}

}  // namespace krogh::simulate
