// The plasma beside a group of lines: memory, loading, doses.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include "simulate/line_engine.hpp"

namespace krogh::simulate {
namespace {

constexpr int W = linalg::line_lanes;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

void LineEngine::place_plasma() {
  const LinePlasmaProblem& problem = problem_.plasma;
  LineBlock& b = block_;
  LinePlasma& p = plasma_;
  const int m = b.tissue.num_kept;
  b.plasma = &p;
  for (const std::int32_t state : context_.plasma_kept) plasma_kept_.push_back(state);
  p.num_exchanges = static_cast<int>(problem.exchange.size());
  for (const Exchange& e : problem.exchange) {
    const auto number = static_cast<int>(exchange_mobile_.size());
    exchange_mobile_.push_back(e.mobile);
    exchange_wall_.push_back(e.wall);
    const auto kept = std::find(plasma_kept_.begin(), plasma_kept_.end(), e.state);
    exchange_kept_.push_back(static_cast<int>(kept - plasma_kept_.begin()));
    for (int chain = 0; chain < b.transport.num_chains; ++chain)
      wall_inputs_[idx((2 * chain + e.wall) * m + e.mobile)] = b.num_inputs + number;
  }
  p.mobile = exchange_mobile_.data();
  p.wall = exchange_wall_.data();
  p.kept = exchange_kept_.data();
  LineCells& c = p.cells;
  c.num_cells = 1;
  c.num_kept = static_cast<int>(plasma_kept_.size());
  c.kept = plasma_kept_.data();
  set_cells(c, plasma_files_, *problem.program, *context_.plasma_tapes, context_.plasma_tolerance,
            context_.tangents != nullptr ? context_.tangents->plasma.front().num_rows()
                                         : context_.plasma_tapes->file_rows);
  const std::size_t exchanges = idx(p.num_exchanges) * W, kept = idx(c.num_kept) * W;
  const std::size_t states = idx(c.num_states) * W, chains = idx(b.transport.num_chains);
  // Through a vessel the tissue answers to its segments.
  const std::size_t vector = problem_.vessel.flow.empty() ? idx(b.tissue.num_cells) * idx(m) : 0;
  plasma_rows_ =
      AlignedBuffer((1 + chains) * exchanges + 5 * states + kept * (2 + idx(c.num_kept) + vector));
  Pieces take(plasma_rows_);
  p.outside = take(exchanges);
  p.uptake = take(chains * exchanges);
  for (double** row : {&p.rates, &c.scale, &c.highest, &c.lowest, &c.squares}) *row = take(states);
  p.carried = take(kept);
  p.unknowns = take(kept);
  p.inverse = take(kept * idx(c.num_kept));
  p.response = take(kept * vector);
}

void LineEngine::load_plasma(int l, std::int64_t line) {
  const LinePlasmaProblem& problem = problem_.plasma;
  const model::Program& program = *problem.program;
  const model::LineTapes& tapes = *context_.plasma_tapes;
  const model::RegisterLayout& layout = program.layout();
  LinePlasma& p = plasma_;
  LineCells& c = p.cells;
  const std::int64_t places = c.width / W;
  const double* parameters = set_of(problem.parameters, line, program.num_parameters());
  for (std::int64_t k = 0; k < places; ++k)
    for (int i = 0; i < program.num_parameters(); ++i)
      *place(c, layout.parameters + i, l, k) = parameters[i];
  tapes.native.prologue.run(c.files);
  tapes.prologue.run(c.files);
  if (problem.initial.empty()) tapes.native.initial.run(c.files);
  const double* initial = set_of(problem.initial, line, c.num_states);
  for (int i = 0; i < c.num_states; ++i) {
    const double value =
        problem.initial.empty() ? *place(c, layout.solution + i, l, 0) : initial[i];
    for (std::int64_t k = 0; k < places; ++k) *place(c, c.y_row + i, l, k) = value;
    c.scale[i * W + l] = std::max(0.0, value);
    p.rates[i * W + l] = 0.0;
  }
  const double* outside = set_of(problem.outside_factor, line, p.num_exchanges);
  const double* uptake = set_of(problem.uptake_factor, line, p.num_exchanges);
  const int chains = block_.transport.num_chains;
  const double* weights = nullptr;
  if (!problem_.branch_weights.empty()) weights = set_of(problem_.branch_weights, line, chains);
  for (int e = 0; e < p.num_exchanges; ++e) {
    p.outside[e * W + l] = outside[e];
    for (int chain = 0; chain < chains; ++chain)
      p.uptake[(chain * p.num_exchanges + e) * W + l] =
          uptake[e] * (weights != nullptr ? weights[chain] : 1.0);
  }
  lanes_[idx(l)].next_dose = problem.dose_offsets.empty() ? 0 : problem.dose_offsets[idx(line)];
}

std::int64_t LineEngine::last_dose(std::int64_t line) const {
  const auto& offsets = problem_.plasma.dose_offsets;
  return offsets.empty() ? 0 : offsets[idx(line + 1)];
}

void LineEngine::give_doses(int l) {
  const LinePlasmaProblem& problem = problem_.plasma;
  Lane& lane = lanes_[idx(l)];
  LineBlock& b = block_;
  LineCells& c = plasma_.cells;
  const std::int64_t last = last_dose(lane.line);
  for (; lane.next_dose < last && problem.dose_times[idx(lane.next_dose)] <= b.time[l];
       ++lane.next_dose) {
    const std::int32_t state = problem.dose_states[idx(lane.next_dose)];
    const double amount = problem.dose_amounts[idx(lane.next_dose)];
    const double before = *place(c, c.y_row + state, l, 0);
    bool is_felt = true;
    if (problem.dose_kinds[idx(lane.next_dose)] == DoseKind::bolus) {
      const double value = before + amount;
      for (std::int64_t k = 0; k < c.width / W; ++k) *place(c, c.y_row + state, l, k) = value;
      double& scale = c.scale[state * W + l];
      scale = std::max(scale, value);
    } else {
      plasma_.rates[state * W + l] += amount;
      // A kink that stays within the tolerance over the next step needs no small step behind it.
      is_felt = std::abs(amount) * b.step[l] > b.rtol * std::abs(before) + c.atol[state];
    }
    if (tangents_) tangents_->give_dose(l, lane.next_dose);
    if (is_felt && context_.options->first_step <= 0.0) b.restart[l] = 1.0;
  }
}

}  // namespace krogh::simulate
