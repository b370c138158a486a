// Loading of lines, stops, records and failures.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {
namespace {

constexpr int W = linalg::line_lanes;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Steps below this share of the time no longer move the clock.
constexpr double smallest_step = 16.0 * std::numeric_limits<double>::epsilon();

}  // namespace

LineEngine::LineEngine(LineContext& context)
    : context_(context), problem_(*context.problem), lanes_(idx(W)) {
  LineBlock& b = block_;
  b.tissue.num_cells = problem_.num_cells;
  for (const MobileState& m : problem_.mobile) mobile_.push_back(m.state);
  b.tissue.num_kept = static_cast<int>(mobile_.size());
  b.tissue.kept = mobile_.data();
  starts_ = {0};
  const std::vector<std::int32_t> whole{problem_.num_cells};
  for (const std::int32_t cells : problem_.branches.empty() ? whole : problem_.branches) {
    starts_.push_back(starts_.back() + cells);
    for (std::size_t w = 0; w < 2; ++w)
      for (const MobileState& m : problem_.mobile)
        wall_inputs_.push_back(m.walls[w] == space::WallKind::closed ? -1 : m.inputs[w]);
  }
  b.transport.num_chains = static_cast<int>(starts_.size()) - 1;
  b.transport.starts = starts_.data();
  b.transport.block_size = b.tissue.num_kept;
  b.num_inputs = problem_.num_inputs;
  b.num_terms = problem_.num_terms;
  b.rtol = context.options->rtol;
  b.peak = std::min(10.0, 0.1 / b.rtol);
  b.control = context.control;
  set_cells(
      b.tissue, files_, *context.program, *context.tapes, context.tolerance,
      context.tangents != nullptr ? context.tangents->tissue.num_rows() : context.tapes->file_rows);
  place_rows();
  if (context.plasma_tapes != nullptr) place_plasma();
  if (!problem_.vessel.flow.empty()) place_vessel();
  b.wall_inputs = wall_inputs_.data();
  if (context.tangents != nullptr)
    tangents_ = std::make_unique<LineTangents>(*context.tangents, problem_, b);
}

void LineEngine::set_cells(LineCells& cells, AlignedBuffer& memory, const model::Program& program,
                           const model::LineTapes& tapes, const LineTolerance& tolerance,
                           int file_rows) {
  const model::RegisterLayout& layout = program.layout();
  cells.width = tapes.width;
  cells.num_blocks = (cells.num_cells * W + cells.width - 1) / cells.width;
  cells.num_states = program.num_states();
  cells.file_rows = file_rows;
  cells.time_row = layout.time;
  cells.state_row = layout.states;
  cells.inverse_step_row = layout.inverse_step;
  cells.sum_row = layout.sums;
  cells.slope_row = layout.slopes;
  cells.time_slope_row = layout.time_slopes;
  cells.schur_row = tapes.line.schur;
  cells.reduced_row = tapes.line.reduced;
  cells.y_row = tapes.y_row;
  cells.rhs_jacobian = &tapes.native.rhs_jacobian;
  cells.first = &tapes.first;
  cells.stage = &tapes.stage;
  for (std::size_t s = 0; s < 4; ++s) {
    cells.stage_rows[s] = tapes.stage_rows[s];
    cells.expand[s] = &tapes.expand[s];
  }
  cells.atol = tolerance.atol.data();
  cells.may_be_negative = tolerance.may_be_negative.data();
  memory = AlignedBuffer(idx(cells.num_blocks) * idx(cells.file_rows) * idx(cells.width));
  cells.files = memory.data();
  for (const auto* constants : {&program.constants(), &tapes.line.constants})
    for (const auto& [row, value] : *constants)
      for (int k = 0; k < cells.num_blocks; ++k)
        std::fill_n(memory.data() + (idx(k) * idx(cells.file_rows) + idx(row)) * idx(cells.width),
                    cells.width, value);
}

/// Memory of the group, in one piece per kind.
void LineEngine::place_rows() {
  LineBlock& b = block_;
  const std::size_t cells = idx(b.tissue.num_cells), mobile = idx(b.tissue.num_kept);
  const std::size_t chains = idx(b.transport.num_chains);
  const std::size_t vector = cells * mobile * W;
  const std::size_t walls = 2 * chains * mobile * W;
  const std::size_t faces = vector + chains * mobile * W;
  b.has_velocity = !problem_.velocity.empty();
  cells_ = AlignedBuffer(vector * (8 + mobile) + 3 * faces + 2 * cells * W);
  Pieces take_cells(cells_);
  b.transport.lower = take_cells(vector);
  b.transport.upper = take_cells(vector);
  b.transport.outward = take_cells(vector);
  b.transport.ratio = take_cells(vector);
  b.inverse_fraction = take_cells(vector);
  b.conductance = take_cells(faces);
  b.convection = take_cells(2 * faces);
  b.moving = take_cells(vector);
  b.carried = take_cells(vector);
  b.unknowns = take_cells(vector);
  b.transport.blocks = take_cells(vector * mobile);
  b.inverse_volume = take_cells(cells * W);
  b.volume = take_cells(cells * W);
  std::size_t outside = problem_.plasma.exchange.size() * W;  // behind the inputs
  if (!problem_.vessel.flow.empty()) outside += chains * mobile * W;
  const std::size_t inputs = idx(b.num_inputs) * W, terms = idx(b.num_terms);
  const std::size_t states = idx(b.tissue.num_states) * W;
  rows_ = AlignedBuffer(8 * walls + (2 * terms + 2) * inputs + 3 * (inputs + outside) + 4 * states +
                        10 * W);
  Pieces take(rows_);
  b.transport.walls = take(walls);
  b.inflow = take(walls);
  b.ledger = take(walls);
  b.ledger_new = take(walls);
  b.ledger_stages = take(4 * walls);
  b.rates = take(inputs * terms);
  b.amplitudes = take(inputs * terms);
  b.bases = take(inputs);
  b.slopes = take(inputs);
  b.concentrations = take(inputs + outside);
  b.derivatives = take(inputs + outside);
  b.changes = take(inputs + outside);
  for (double** row : {&b.tissue.scale, &b.tissue.highest, &b.tissue.lowest, &b.tissue.squares})
    *row = take(states);
  for (double** row : {&b.references, &b.time, &b.remaining, &b.step, &b.step_used, &b.max_step,
                       &b.restart, &b.error, &b.accepted, &b.at_stop})
    *row = take(W);
  for (int l = 0; l < W; ++l) b.remaining[l] = b.step[l] = b.max_step[l] = 1.0;
}

double* LineEngine::place(const LineCells& cells, int row, int lane, std::int64_t cell) {
  const std::int64_t per_block = cells.width / W;
  const std::int64_t block = cell / per_block;
  return cells.files + (block * cells.file_rows + row) * cells.width + (cell % per_block) * W +
         lane;
}

void LineEngine::run(const std::function<bool()>& report) {
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  while (!context_.stop.load(std::memory_order_relaxed) && fill()) {
    for (int l = 0; l < W; ++l)
      if (lanes_[idx(l)].line >= 0) block_.remaining[l] = lanes_[idx(l)].stop_time - block_.time[l];
    KROGH_DISPATCH(line_step)(tableau, block_);
    for (int l = 0; l < W; ++l)
      if (lanes_[idx(l)].line < 0) block_.accepted[l] = 0.0;
    if (tangents_) tangents_->step();
    KROGH_DISPATCH(line_commit)(block_);
    for (int l = 0; l < W; ++l)
      if (lanes_[idx(l)].line >= 0) after_step(l);
    if (report && !report()) context_.stop.store(true);
  }
}

/// Loads idle lanes; false when none is busy.
bool LineEngine::fill() {
  bool any = false;
  for (int l = 0; l < W; ++l) {
    Lane& lane = lanes_[idx(l)];
    while (lane.line < 0) {
      const std::int64_t line = context_.next_line.fetch_add(1);
      if (line >= problem_.num_lines) {
        context_.next_line.store(problem_.num_lines);
        break;
      }
      load(l, line);
    }
    any = any || lane.line >= 0;
    if (lane.line >= 0) continue;
    // An idle lane repeats what it did last, harmlessly.
    block_.remaining[l] = block_.step[l] = block_.max_step[l] = 1.0;
    block_.restart[l] = 0.0;
  }
  return any;
}

void LineEngine::load(int l, std::int64_t line) {
  Lane& lane = lanes_[idx(l)];
  lane.line = line;
  lane.next_record = lane.next_pulse = lane.next_knot = 0;
  lane.stats = {};
  load_transport(l, line);
  load_states(l, line);
  load_inputs(l, line);
  if (block_.plasma != nullptr) load_plasma(l, line);
  if (block_.vessel != nullptr) load_vessel(l, line);
  if (tangents_) tangents_->load(l, line);
  LineBlock& b = block_;
  const LineOptions& options = *context_.options;
  b.time[l] = problem_.begin;
  const double span = problem_.record_times.back() - problem_.begin;
  b.max_step[l] = options.max_step > 0.0 ? options.max_step : std::max(span, 1e-300);
  b.step[l] = options.first_step > 0.0 ? options.first_step : b.max_step[l];
  b.restart[l] = options.first_step > 0.0 ? 0.0 : 1.0;
  const int walls = 2 * b.transport.num_chains * b.tissue.num_kept;
  for (int q = 0; q < walls; ++q) b.ledger[q * W + l] = 0.0;
  arrive(l);
}

/// Inputs as they are before the first pulse.
void LineEngine::load_inputs(int l, std::int64_t line) {
  LineBlock& b = block_;
  const std::int64_t terms = std::int64_t{b.num_inputs} * b.num_terms;
  const double* rates = set_of(problem_.rates, line, terms);
  auto* rate_rows = b.rates;
  auto* amplitude_rows = b.amplitudes;
  for (std::int64_t k = 0; k < terms; ++k) {
    rate_rows[k * W + l] = rates[k];
    amplitude_rows[k * W + l] = 0.0;
  }
  for (int k = 0; k < b.num_inputs; ++k) b.bases[k * W + l] = b.slopes[k * W + l] = 0.0;
  // Pulses before the begin are history: the first reference is the earliest of them.
  double reference = problem_.begin;
  if (problem_.num_pulses > 0)
    reference = std::min(reference, set_of(problem_.pulse_times, line, problem_.num_pulses)[0]);
  b.references[l] = reference;
}

void LineEngine::load_transport(int l, std::int64_t line) {
  for (int branch = 0; branch < block_.transport.num_chains; ++branch) load_branch(l, line, branch);
}

void LineEngine::load_branch(int l, std::int64_t line, int branch) {
  LineBlock& b = block_;
  const std::int64_t all = b.tissue.num_cells, m = b.tissue.num_kept;
  const std::int64_t branches = b.transport.num_chains;
  const std::int64_t first = starts_[idx(branch)];
  const std::int64_t n = starts_[idx(branch + 1)] - first;
  const double* faces = set_of(problem_.faces, line, all + branches) + first + branch;
  const space::Grid grid = space::make_grid(problem_.geometry, {faces, faces + n + 1});
  const double* diffusivity = set_of(problem_.diffusivity, line, m * all) + first;
  const double* fraction = set_of(problem_.fraction, line, m * all) + first;
  const double* permeability =
      set_of(problem_.permeability, line, branches * m * 2) + branch * m * 2;
  for (std::int64_t k = 0; k < n; ++k) {
    b.volume[(first + k) * W + l] = grid.volumes[idx(k)];
    b.inverse_volume[(first + k) * W + l] = 1.0 / grid.volumes[idx(k)];
  }
  for (std::int64_t j = 0; j < m; ++j) {
    const MobileState& state = problem_.mobile[idx(j)];
    const double* eps = fraction + j * all;
    std::span<const double> velocity;
    if (b.has_velocity)
      velocity = {set_of(problem_.velocity, line, m * (all + branches)) + j * (all + branches) +
                      first + branch,
                  idx(n + 1)};
    const space::DiffusionOperator op = space::diffusion_operator(
        grid, {diffusivity + j * all, idx(n)}, {eps, idx(n)}, {state.walls[0], permeability[2 * j]},
        {state.walls[1], permeability[2 * j + 1]}, velocity);
    for (std::int64_t k = 0; k <= n; ++k) {
      const std::int64_t at = ((first + branch + k) * m + j) * W + l;
      b.conductance[at] = op.conductance[idx(k)];
      b.convection[at] = std::max(op.convection[idx(k)], 0.0);
      b.convection[(all + branches) * m * W + at] = std::max(-op.convection[idx(k)], 0.0);
    }
    for (std::int64_t k = 0; k < n; ++k) {
      const std::int64_t at = ((first + k) * m + j) * W + l;
      b.transport.lower[at] = op.lower[idx(k)];
      b.transport.upper[at] = op.upper[idx(k)];
      b.transport.outward[at] = op.outward[idx(k)];
      b.transport.ratio[at] = op.ratio[idx(k)];
      b.inverse_fraction[at] = 1.0 / eps[k];
    }
    for (std::int64_t w = 0; w < 2; ++w)
      b.transport.walls[((2 * branch + w) * m + j) * W + l] = op.wall_loss[idx(w)];
  }
}

/// Parameters, what depends on them alone, and the states at the begin.
void LineEngine::load_states(int l, std::int64_t line) {
  LineCells& c = block_.tissue;
  const std::int64_t cells = c.num_cells;
  const std::int64_t places = std::int64_t{c.num_blocks} * c.width / W;
  const int np = context_.program->num_parameters();
  const model::RegisterLayout& layout = context_.program->layout();
  const model::LineTapes& tapes = *context_.tapes;
  const double* parameters = set_of(problem_.parameters, line, np);
  const auto num_fields = static_cast<std::int64_t>(problem_.field_parameters.size());
  const double* fields = set_of(problem_.fields, line, num_fields * cells);
  for (std::int64_t k = 0; k < places; ++k) {
    for (int p = 0; p < np; ++p) *place(c, layout.parameters + p, l, k) = parameters[p];
    for (std::int64_t f = 0; f < num_fields; ++f)
      *place(c, layout.parameters + problem_.field_parameters[idx(f)], l, k) =
          fields[f * cells + std::min(k, cells - 1)];
  }
  for (int k = 0; k < c.num_blocks; ++k) {
    double* file = c.files + static_cast<std::int64_t>(k) * c.file_rows * c.width;
    tapes.native.prologue.run(file);
    tapes.prologue.run(file);
    if (problem_.initial.empty()) tapes.native.initial.run(file);
  }
  const double* initial = set_of(problem_.initial, line, c.num_states * cells);
  for (int i = 0; i < c.num_states; ++i) {
    double largest = 0.0;
    for (std::int64_t k = 0; k < places; ++k) {
      const double value = problem_.initial.empty() ? *place(c, layout.solution + i, l, k)
                                                    : initial[i * cells + std::min(k, cells - 1)];
      *place(c, c.y_row + i, l, k) = value;
      largest = std::max(largest, value);
    }
    c.scale[i * W + l] = largest;
  }
}

/// Brings the inputs' reference to the lane's time, then adds what starts there.
void LineEngine::move_inputs(int l) {
  LineBlock& b = block_;
  Lane& lane = lanes_[idx(l)];
  const double t = b.time[l];
  auto* amplitudes = b.amplitudes;
  double* reference = b.references + l;
  const std::int64_t terms = std::int64_t{b.num_inputs} * b.num_terms;
  auto decay_to = [&](double time) {
    if (tangents_) tangents_->decay(l, time - *reference);
    for (std::int64_t k = 0; k < terms; ++k)
      amplitudes[k * W + l] *= std::exp(-b.rates[k * W + l] * (time - *reference));
    *reference = time;
  };
  const double* times = set_of(problem_.pulse_times, lane.line, problem_.num_pulses);
  const double* values = set_of(problem_.pulse_amplitudes, lane.line, problem_.num_pulses * terms);
  while (lane.next_pulse < problem_.num_pulses && times[lane.next_pulse] <= t) {
    decay_to(times[lane.next_pulse]);
    for (std::int64_t k = 0; k < terms; ++k)
      amplitudes[k * W + l] += values[lane.next_pulse * terms + k];
    if (tangents_) tangents_->add_pulse(l, lane.line, lane.next_pulse);
    ++lane.next_pulse;
    if (b.restart[l] == 0.0 && context_.options->first_step <= 0.0) b.restart[l] = 1.0;
  }
  decay_to(t);
  const auto points = static_cast<std::int64_t>(problem_.table_times.size());
  if (points == 0) return;
  const auto after = std::upper_bound(problem_.table_times.begin(), problem_.table_times.end(), t);
  const std::int64_t high =
      std::min<std::int64_t>(after - problem_.table_times.begin(), points - 1);
  const std::int64_t low = std::max<std::int64_t>(high - 1, 0);
  if (tangents_) tangents_->set_table(l, lane.line, low, high, t);
  const double* table = set_of(problem_.table_values, lane.line, b.num_inputs * points);
  for (int k = 0; k < b.num_inputs; ++k) {
    const double* y = table + k * points;
    const double width = problem_.table_times[idx(high)] - problem_.table_times[idx(low)];
    const double slope = width > 0.0 ? (y[high] - y[low]) / width : 0.0;
    b.slopes[k * W + l] = slope;
    b.bases[k * W + l] = y[low] + slope * (t - problem_.table_times[idx(low)]);
  }
}

void LineEngine::arrive(int l) {
  Lane& lane = lanes_[idx(l)];
  const double t = block_.time[l];
  if (block_.plasma != nullptr) give_doses(l);
  const auto num_records = static_cast<std::int64_t>(problem_.record_times.size());
  while (lane.next_record < num_records && problem_.record_times[idx(lane.next_record)] <= t) {
    record(l);
    if (lane.line < 0) return;
  }
  if (lane.next_record == num_records) {
    end(l, Status::success);
    return;
  }
  const auto num_knots = static_cast<std::int64_t>(context_.knots.size());
  const double* pulses = set_of(problem_.pulse_times, lane.line, problem_.num_pulses);
  const bool is_begin = t == problem_.begin;
  const bool has_pulse = lane.next_pulse < problem_.num_pulses && pulses[lane.next_pulse] <= t;
  bool has_knot = false;
  while (lane.next_knot < num_knots && context_.knots[idx(lane.next_knot)] <= t) {
    has_knot = true;
    ++lane.next_knot;
  }
  if (is_begin || has_pulse || has_knot) move_inputs(l);
  lane.stop_time = problem_.record_times[idx(lane.next_record)];
  if (lane.next_pulse < problem_.num_pulses)
    lane.stop_time = std::min(lane.stop_time, pulses[lane.next_pulse]);
  if (lane.next_knot < num_knots)
    lane.stop_time = std::min(lane.stop_time, context_.knots[idx(lane.next_knot)]);
  if (lane.next_dose < last_dose(lane.line))
    lane.stop_time = std::min(lane.stop_time, problem_.plasma.dose_times[idx(lane.next_dose)]);
}

void LineEngine::record(int l) {
  Lane& lane = lanes_[idx(l)];
  const LineBlock& b = block_;
  const LineCells& c = b.tissue;
  const LineOutput& out = *context_.output;
  const std::int64_t cells = c.num_cells;
  const auto num_records = static_cast<std::int64_t>(problem_.record_times.size());
  const std::int64_t at = lane.line * num_records + lane.next_record;
  const auto& recorded = context_.options->recorded;
  const auto count = static_cast<std::int64_t>(recorded.size());
  for (std::int64_t r = 0; r < count; ++r)
    for (std::int64_t k = 0; k < cells; ++k)
      out.values[idx((at * count + r) * cells + k)] = *place(c, c.y_row + recorded[idx(r)], l, k);
  const int branches = b.transport.num_chains;
  for (int branch = 0; branch < branches; ++branch) {
    const std::int64_t row = at * branches + branch;
    for (int i = 0; i < c.num_states; ++i) {
      double sum = 0.0;
      for (std::int64_t k = starts_[idx(branch)]; k < starts_[idx(branch + 1)]; ++k)
        sum += b.volume[k * W + l] * *place(c, c.y_row + i, l, k);
      out.contents[idx(row * c.num_states + i)] = sum;
    }
    for (int j = 0; j < c.num_kept; ++j)
      for (int w = 0; w < 2; ++w)
        out.entered[idx((row * c.num_kept + j) * 2 + w)] =
            b.ledger[((2 * branch + w) * c.num_kept + j) * W + l];
    for (int j = 0; j < c.num_kept && b.vessel != nullptr; ++j)
      out.vessel[idx(row * c.num_kept + j)] = b.vessel->y[(branch * c.num_kept + j) * W + l];
  }
  if (b.plasma != nullptr) {
    const LineCells& blood = b.plasma->cells;
    for (int i = 0; i < blood.num_states; ++i)
      out.plasma[idx(at * blood.num_states + i)] = *place(blood, blood.y_row + i, l, 0);
  }
  const std::int64_t record = lane.next_record++;
  if (!tangents_) return;
  LineFailure failure{.line = lane.line, .status = Status::not_finite, .time = b.time[l]};
  tangents_->record(l, lane.line, record, recorded, out, failure);
  if (failure.state < 0) return;
  (*context_.failures)[idx(lane.line)] = failure;
  end(l, Status::not_finite);
}

void LineEngine::after_step(int l) {
  Lane& lane = lanes_[idx(l)];
  LineBlock& b = block_;
  if (b.accepted[l] > 0.0) {
    ++lane.stats.accepted;
    const bool at_stop = b.at_stop[l] > 0.0;
    b.time[l] = at_stop ? lane.stop_time : b.time[l] + b.step_used[l];
    if (at_stop) arrive(l);
  } else {
    ++lane.stats.rejected;
    const double largest = std::max(std::abs(b.time[l]), std::abs(lane.stop_time));
    if (b.step[l] < smallest_step * largest || context_.options->fixed_step > 0.0)
      give_up(l, b.accepted[l] < 0.0 ? Status::not_finite : Status::step_too_small);
  }
  if (lane.line >= 0 && lane.stats.accepted + lane.stats.rejected >= context_.options->max_steps)
    give_up(l, Status::max_steps_reached);
}

void LineEngine::end(int l, Status status) {
  Lane& lane = lanes_[idx(l)];
  const LineCells& c = block_.tissue;
  context_.result->status[idx(lane.line)] = status;
  context_.result->stats[idx(lane.line)] = lane.stats;
  std::span<double> final_states = context_.output->final_states;
  if (status == Status::success && !final_states.empty())
    for (int i = 0; i < c.num_states; ++i)
      for (std::int64_t k = 0; k < c.num_cells; ++k)
        final_states[idx((lane.line * c.num_states + i) * c.num_cells + k)] =
            *place(c, c.y_row + i, l, k);
  lane.line = -1;
  context_.finished.fetch_add(1, std::memory_order_relaxed);
}

void LineEngine::find_culprit(const LineCells& cells, int l, LineFailure& failure) const {
  for (int i = 0; i < cells.num_states && failure.state < 0; ++i)
    for (std::int64_t k = 0; k < cells.num_cells && failure.state < 0; ++k) {
      const double value = *place(cells, cells.state_row + i, l, k);
      const double limit = -block_.rtol * cells.scale[i * W + l] - cells.atol[i];
      if (std::isfinite(value) && (cells.may_be_negative[i] != 0 || value >= limit)) continue;
      failure.state = i;
      failure.cell = static_cast<std::int32_t>(k);
    }
}

void LineEngine::find_largest_error(int l, LineFailure& failure) const {
  double largest = 0.0;
  auto look = [&](const LineCells& cells, bool is_plasma) {
    for (int i = 0; i < cells.num_states; ++i) {
      const double mean = cells.squares[i * W + l] / cells.num_cells;
      if (!(mean > largest)) continue;
      largest = mean;
      failure.state = i;
      failure.is_plasma = is_plasma;
    }
  };
  look(block_.tissue, false);
  if (block_.plasma != nullptr) look(block_.plasma->cells, true);
}

void LineEngine::give_up(int l, Status status) {
  LineFailure failure{.line = lanes_[idx(l)].line, .status = status, .time = block_.time[l]};
  find_culprit(block_.tissue, l, failure);
  if (failure.state < 0 && block_.plasma != nullptr) {
    find_culprit(block_.plasma->cells, l, failure);
    failure.is_plasma = failure.state >= 0;
    failure.cell = -1;
  }
  if (failure.state < 0 && block_.vessel != nullptr) find_in_vessel(l, failure);
  if (failure.state >= 0 && status == Status::step_too_small) status = Status::below_zero;
  if (failure.state < 0) find_largest_error(l, failure);
  failure.status = status;
  (*context_.failures)[idx(failure.line)] = failure;
  end(l, status);
}

}  // namespace krogh::simulate
