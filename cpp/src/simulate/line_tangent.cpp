// Loading and recording of tangents along lines, and the tangent of the diffusion operator.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_tangent.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <krogh/integrate/tableau.hpp>

#include "simulate/moved_conductance.hpp"

namespace krogh::simulate {
namespace {

constexpr int W = linalg::line_lanes;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Fills every row of a register file with its constant.
void set_constants(const LineCells& cells, const TangentModelPlan& plan) {
  for (const auto& [row, value] : plan.tapes->program.constants)
    for (int k = 0; k < cells.num_blocks; ++k)
      std::fill_n(cells.files + (idx(k) * idx(cells.file_rows) + idx(row)) * idx(cells.width),
                  cells.width, value);
}

/// Calls `use(cell, value)` for one state of a lane along a direction.
template <class Use>
void for_cells(const LineCells& cells, const TangentCells& tangents, int direction, int state,
               int lane, const Use& use) {
  const int per_block = cells.width / W;
  for (int block = 0; block < cells.num_blocks; ++block) {
    const double* from =
        tangents.tangents +
        ((std::int64_t{direction} * cells.num_blocks + block) * cells.num_states + state) *
            cells.width +
        lane;
    const int first = block * per_block;
    const int count = std::min(per_block, cells.num_cells - first);
    for (int c = 0; c < count; ++c) use(first + c, from[c * W]);
  }
}

/// A state of a cell at the start of the next step.
double value_of(const LineCells& cells, int state, int lane, std::int64_t cell) {
  const std::int64_t per_block = cells.width / W;
  const std::int64_t block = cell / per_block;
  return cells.files[(block * cells.file_rows + cells.y_row + state) * cells.width +
                     (cell % per_block) * W + lane];
}

}  // namespace

LineTangents::LineTangents(const LineTangentPlan& plan, const LineProblem& problem,
                           LineBlock& block)
    : plan_(plan), problem_(problem), directions_(problem.directions), block_(block) {
  LineTangentBlock& t = tangent_;
  t.num_directions = plan.num_directions;
  t.num_slots = plan.num_slots;
  t.tissue = plan.tissue.cells();
  t.operators = plan.operators.data();
  t.inputs = plan.inputs.data();
  set_constants(block.tissue, plan.tissue);
  if (block.plasma != nullptr) {
    t.plasma = &plasma_;
    plasma_.cells = plan.plasma.front().cells();
    plasma_.factors = plan.factors.data();
    set_constants(block.plasma->cells, plan.plasma.front());
  }
  place_rows();
}

/// All memory of the group in one piece.
void LineTangents::place_rows() {
  LineTangentBlock& t = tangent_;
  const LineBlock& b = block_;
  const std::size_t vector = idx(b.tissue.num_kept) * W;
  const std::size_t cells = idx(b.tissue.num_cells) * vector;
  const std::size_t chains = idx(b.transport.num_chains), walls = 2 * chains * vector;
  const std::size_t inputs = idx(b.num_inputs) * W;
  const std::size_t terms = inputs * idx(b.num_terms);
  const std::size_t exchanges = problem_.plasma.exchange.size() * W;
  const auto directions = idx(t.num_directions), slots = idx(t.num_slots);
  const auto operators = idx(plan_.num_operators), moved = idx(plan_.num_moved_inputs);
  std::vector<std::pair<double**, std::size_t>> parts{
      {&t.conductances, operators * (cells + chains * vector)},
      {&t.convections, b.has_velocity ? 2 * operators * (cells + chains * vector) : 0},
      {&t.relative_fractions, operators * cells},
      {&t.relative_volumes, operators * idx(b.tissue.num_cells) * W},
      {&t.rates, moved * terms},
      {&t.amplitudes, moved * terms},
      {&t.bases, moved * inputs},
      {&t.slopes, moved * inputs},
      {&t.ages, 4 * W},
      {&t.decays, 4 * terms},
      {&t.outside, 4 * inputs},
      {&t.moving, 4 * cells},
      {&t.transported, slots * cells},
      {&t.carried, slots * cells},
      {&t.wall_flow, slots * walls},
      {&t.ledger_stages, slots * 4 * walls},
      {&t.free, cells},
      {&t.concentrations, inputs + exchanges},
      {&t.ledger, directions * walls}};
  auto add_model = [&](TangentCells& target, const LineCells& of, const TangentModelPlan& plan) {
    const std::size_t rows = idx(of.num_blocks) * idx(of.width);
    parts.emplace_back(&target.moves, plan.moves.size() * rows);
    parts.emplace_back(&target.tangents, directions * rows * idx(of.num_states));
  };
  add_model(t.tissue, b.tissue, plan_.tissue);
  if (b.plasma != nullptr) {
    const LineCells& blood = b.plasma->cells;
    const auto factors = idx(plan_.num_moved_factors);
    add_model(plasma_.cells, blood, plan_.plasma.front());
    parts.emplace_back(&plasma_.outside, factors * exchanges);
    parts.emplace_back(&plasma_.uptake, factors * chains * exchanges);
    parts.emplace_back(&plasma_.rates, directions * idx(blood.num_states) * W);
    parts.emplace_back(&plasma_.states, 4 * idx(blood.num_kept) * W);
    parts.emplace_back(&plasma_.brought, slots * idx(blood.num_kept) * W);
  }
  std::size_t size = 0;
  for (const auto& [pointer, count] : parts) size += (count + 7) / 8 * 8;
  memory_ = AlignedBuffer(size);
  double* next = memory_.data();
  for (const auto& [pointer, count] : parts) {
    *pointer = next;
    next += (count + 7) / 8 * 8;
  }
}

double* LineTangents::place(const LineCells& cells, const TangentCells& tangents, int direction,
                            int state, int lane, std::int64_t cell) {
  const std::int64_t per_block = cells.width / W;
  const std::int64_t block = std::int64_t{direction} * cells.num_blocks + cell / per_block;
  return tangents.tangents + (block * cells.num_states + state) * cells.width +
         (cell % per_block) * W + lane;
}

void LineTangents::load(int lane, std::int64_t line) {
  const LineBlock& b = block_;
  load_operator(lane, line);
  load_inputs(lane, line);
  load_model(b.tissue, tangent_.tissue, plan_.tissue, directions_.initial,
             !problem_.initial.empty(), lane, line);
  const std::int64_t walls = std::int64_t{2} * b.transport.num_chains * b.tissue.num_kept;
  for (std::int64_t q = 0; q < plan_.num_directions * walls; ++q)
    tangent_.ledger[q * W + lane] = 0.0;
  if (b.plasma == nullptr) return;
  load_model(b.plasma->cells, plasma_.cells, plan_.plasma.front(), directions_.plasma_initial,
             !problem_.plasma.initial.empty(), lane, line);
  load_factors(lane, line);
}

void LineTangents::load_inputs(int lane, std::int64_t line) {
  const LineBlock& b = block_;
  const std::int64_t inputs = b.num_inputs, terms = inputs * b.num_terms;
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t moved = plan_.inputs[idx(k)];
    if (moved < 0) continue;
    for (std::int64_t q = 0; q < terms; ++q) {
      const std::int64_t at = (moved * terms + q) * W + lane;
      tangent_.amplitudes[at] = 0.0;
      tangent_.rates[at] = directions_.rates.empty() ? 0.0
                                                     : tangent_of(directions_.rates, line, k,
                                                                  directions_.count, terms)[q];
    }
    for (std::int64_t q = 0; q < inputs; ++q)
      tangent_.bases[(moved * inputs + q) * W + lane] =
          tangent_.slopes[(moved * inputs + q) * W + lane] = 0.0;
  }
}

void LineTangents::load_operator(int lane, std::int64_t line) {
  for (int k = 0; k < plan_.num_directions; ++k)
    for (int branch = 0; branch < block_.transport.num_chains; ++branch)
      if (plan_.operators[idx(k)] >= 0) load_branch(lane, line, k, branch);
}

/// The operator's tangent in one branch.
void LineTangents::load_branch(int lane, std::int64_t line, int direction, int branch) {
  const LineDirections& d = directions_;
  const std::int64_t all = block_.tissue.num_cells, m = block_.tissue.num_kept;
  const std::int64_t branches = block_.transport.num_chains;
  const std::int64_t first = block_.transport.starts[branch];
  const std::int64_t n = block_.transport.starts[branch + 1] - first;
  const std::int64_t place = plan_.operators[idx(direction)];
  const double* diffusivity = tangent_of(problem_.diffusivity, line, 0, 1, m * all) + first;
  const double* fraction = tangent_of(problem_.fraction, line, 0, 1, m * all) + first;
  const double* permeability =
      tangent_of(problem_.permeability, line, 0, 1, branches * m * 2) + branch * m * 2;
  const double* faces = tangent_of(problem_.faces, line, 0, 1, all + branches) + first + branch;
  const space::Grid grid = space::make_grid(problem_.geometry, {faces, faces + n + 1});
  auto moved = [&](std::span<const double> values, std::int64_t size, std::int64_t position) {
    return values.empty() ? 0.0 : tangent_of(values, line, direction, d.count, size)[position];
  };
  auto moved_face = [&](std::int64_t face) {
    return moved(d.faces, all + branches, first + branch + face);
  };
  auto area = [&](std::int64_t face) {
    return area_of(problem_.geometry, grid.areas[idx(face)], faces[face], moved_face(face));
  };
  // The volume between two faces changes by their areas times what they move.
  for (std::int64_t c = 0; c < n; ++c)
    tangent_.relative_volumes[(place * all + first + c) * W + lane] =
        (grid.areas[idx(c + 1)] * moved_face(c + 1) - grid.areas[idx(c)] * moved_face(c)) /
        grid.volumes[idx(c)];
  for (std::int64_t j = 0; j < m; ++j) {
    const MobileState& state = problem_.mobile[idx(j)];
    auto cell = [&](std::int64_t c) {
      const std::int64_t at = j * all + c;
      return HalfCell{.width = {faces[c + 1] - faces[c], moved_face(c + 1) - moved_face(c)},
                      .p = {diffusivity[at] * fraction[at],
                            moved(d.diffusivity, m * all, at + first) * fraction[at] +
                                moved(d.fraction, m * all, at + first) * diffusivity[at]}};
    };
    for (std::int64_t c = 0; c < n; ++c)
      tangent_.relative_fractions[((place * all + first + c) * m + j) * W + lane] =
          moved(d.fraction, m * all, j * all + first + c) / fraction[j * all + c];
    double* conductance =
        tangent_.conductances + ((place * (all + branches) + first + branch) * m + j) * W + lane;
    for (std::int64_t face = 1; face < n; ++face)
      conductance[face * m * W] = between_cells(area(face), cell(face - 1), cell(face));
    std::array<bool, 2> is_open{};
    for (std::int64_t w = 0; w < 2; ++w) {
      const std::int64_t face = w == 0 ? 0 : n;
      is_open[idx(w)] = state.walls[idx(w)] != space::WallKind::closed;
      conductance[face * m * W] =
          at_wall(state.walls[idx(w)], area(face), cell(w == 0 ? 0 : n - 1),
                  {permeability[2 * j + w],
                   moved(d.permeability, branches * m * 2, (branch * m + j) * 2 + w)});
    }
    if (!block_.has_velocity) continue;
    const space::DiffusionOperator still = space::diffusion_operator(
        grid, {diffusivity + j * all, idx(n)}, {fraction + j * all, idx(n)},
        {state.walls[0], permeability[2 * j]}, {state.walls[1], permeability[2 * j + 1]});
    const std::int64_t row = j * (all + branches) + first + branch;
    const double* velocity = tangent_of(problem_.velocity, line, 0, 1, m * (all + branches)) + row;
    const std::int64_t size = (all + branches) * m * W;
    for (std::int64_t face = 0; face <= n; ++face) {
      double* outward =
          tangent_.convections + 2 * place * size + ((first + branch + face) * m + j) * W + lane;
      outward[0] = outward[size] = 0.0;
      if ((face == 0 && !is_open[0]) || (face == n && !is_open[1])) continue;
      const Moved across = area(face);
      const Moved flow{across.value * velocity[face],
                       across.tangent * velocity[face] +
                           across.value * moved(d.velocity, m * (all + branches), row + face)};
      double& here = conductance[face * m * W];
      here = beside_flow(still.conductance[idx(face)], here, flow);
      outward[flow.value < 0.0 ? size : 0] = flow.value < 0.0 ? -flow.tangent : flow.tangent;
    }
  }
}

/// Exchange with the plasma and its constant inputs.
void LineTangents::load_factors(int lane, std::int64_t line) {
  const LineDirections& d = directions_;
  const std::int64_t chains = block_.transport.num_chains;
  const std::int64_t exchanges = block_.plasma->num_exchanges;
  const int states = block_.plasma->cells.num_states;
  const double* weights = problem_.branch_weights.empty()
                              ? nullptr
                              : tangent_of(problem_.branch_weights, line, 0, 1, chains);
  for (int k = 0; k < plan_.num_directions; ++k) {
    for (int i = 0; i < states; ++i) plasma_.rates[(k * states + i) * W + lane] = 0.0;
    const std::int64_t place = plan_.factors[idx(k)];
    if (place < 0) continue;
    auto moved = [&](std::span<const double> values, std::int64_t e) {
      return values.empty() ? 0.0 : tangent_of(values, line, k, d.count, exchanges)[e];
    };
    for (std::int64_t e = 0; e < exchanges; ++e) {
      plasma_.outside[(place * exchanges + e) * W + lane] = moved(d.outside_factor, e);
      for (std::int64_t chain = 0; chain < chains; ++chain)
        plasma_.uptake[((place * chains + chain) * exchanges + e) * W + lane] =
            moved(d.uptake_factor, e) * (weights != nullptr ? weights[chain] : 1.0);
    }
  }
}

void LineTangents::load_model(const LineCells& cells, const TangentCells& tangents,
                              const TangentModelPlan& plan, std::span<const double> initial,
                              bool is_initial_given, int lane, std::int64_t line) {
  const std::int64_t n = cells.num_cells;
  const std::int64_t per_block = cells.width / W;
  const std::int64_t places = cells.num_blocks * per_block;
  for (std::size_t row = 0; row < plan.moves.size(); ++row) {
    const auto [direction, parameter] = plan.moves[row];
    const std::span<const double> values = plan.moved.of(line, direction, parameter);
    double* target =
        tangents.moves + static_cast<std::int64_t>(row) * cells.num_blocks * cells.width;
    for (std::int64_t c = 0; c < places; ++c)
      target[c * W + lane] = values.size() > 1 ? values[idx(std::min(c, n - 1))] : values[0];
  }
  for (int k = 0; k < cells.num_blocks; ++k)
    plan.tapes->prologue.run(cells.files +
                             static_cast<std::int64_t>(k) * cells.file_rows * cells.width);
  for (int k = 0; k < plan_.num_directions; ++k) {
    const double* given =
        initial.empty() ? nullptr
                        : tangent_of(initial, line, k, plan_.num_directions, cells.num_states * n);
    for (int i = 0; i < cells.num_states; ++i)
      for (std::int64_t c = 0; c < places; ++c)
        *place(cells, tangents, k, i, lane, c) =
            given == nullptr ? 0.0 : given[i * n + std::min(c, n - 1)];
    if (is_initial_given) continue;
    for (int q = plan.initial_offsets[idx(k)]; q < plan.initial_offsets[idx(k) + 1]; ++q) {
      const TangentTerm& term = plan.initial[idx(q)];
      for (std::int64_t c = 0; c < places; ++c) {
        const std::int64_t block = c / per_block, at = (c % per_block) * W + lane;
        const double move =
            tangents
                .moves[(std::int64_t{term.other} * cells.num_blocks + block) * cells.width + at];
        const double derivative =
            cells.files[(block * cells.file_rows + term.register_) * cells.width + at];
        if (move != 0.0)
          *place(cells, tangents, k, term.row, lane, c) += term.sign * derivative * move;
      }
    }
  }
}

void LineTangents::decay(int lane, double age) {
  const LineBlock& b = block_;
  const std::int64_t terms = std::int64_t{b.num_inputs} * b.num_terms;
  for (std::int64_t k = 0; k < plan_.num_moved_inputs; ++k)
    for (std::int64_t q = 0; q < terms; ++q) {
      const std::int64_t at = (k * terms + q) * W + lane;
      double& moved = tangent_.amplitudes[at];
      moved = (moved - b.amplitudes[q * W + lane] * tangent_.rates[at] * age) *
              std::exp(-b.rates[q * W + lane] * age);
    }
}

void LineTangents::add_pulse(int lane, std::int64_t line, std::int64_t pulse) {
  if (directions_.pulse_amplitudes.empty()) return;
  const std::int64_t terms = std::int64_t{block_.num_inputs} * block_.num_terms;
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t moved = plan_.inputs[idx(k)];
    if (moved < 0) continue;
    const double* values = tangent_of(directions_.pulse_amplitudes, line, k, directions_.count,
                                      problem_.num_pulses * terms) +
                           pulse * terms;
    for (std::int64_t q = 0; q < terms; ++q)
      tangent_.amplitudes[(moved * terms + q) * W + lane] += values[q];
  }
}

void LineTangents::set_table(int lane, std::int64_t line, std::int64_t low, std::int64_t high,
                             double t) {
  if (directions_.table_values.empty()) return;
  const std::int64_t inputs = block_.num_inputs;
  const auto points = static_cast<std::int64_t>(problem_.table_times.size());
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t moved = plan_.inputs[idx(k)];
    if (moved < 0) continue;
    const double* values =
        tangent_of(directions_.table_values, line, k, directions_.count, inputs * points);
    for (std::int64_t q = 0; q < inputs; ++q) {
      const double* y = values + q * points;
      const double width = problem_.table_times[idx(high)] - problem_.table_times[idx(low)];
      const double slope = width > 0.0 ? (y[high] - y[low]) / width : 0.0;
      const std::int64_t at = (moved * inputs + q) * W + lane;
      tangent_.slopes[at] = slope;
      tangent_.bases[at] = y[low] + slope * (t - problem_.table_times[idx(low)]);
    }
  }
}

void LineTangents::give_dose(int lane, std::int64_t dose) {
  if (directions_.dose_amounts.empty()) return;
  const LinePlasmaProblem& problem = problem_.plasma;
  const LineCells& cells = block_.plasma->cells;
  const std::int32_t state = problem.dose_states[idx(dose)];
  for (int k = 0; k < plan_.num_directions; ++k) {
    const double amount = directions_.dose_amounts[idx(k) * problem.dose_times.size() + idx(dose)];
    if (problem.dose_kinds[idx(dose)] == DoseKind::bolus) {
      for (std::int64_t c = 0; c < cells.width / W; ++c)
        *place(cells, plasma_.cells, k, state, lane, c) += amount;
    } else {
      plasma_.rates[(std::int64_t{k} * cells.num_states + state) * W + lane] += amount;
    }
  }
}

void LineTangents::step() {
  KROGH_DISPATCH(line_tangent_step)(integrate::ros34pw2(), block_, tangent_);
}

void LineTangents::record(int lane, std::int64_t line, std::int64_t record,
                          const std::vector<std::int32_t>& recorded, const LineOutput& output,
                          LineFailure& failure) const {
  const LineBlock& b = block_;
  const LineCells& c = b.tissue;
  const TangentCells& tissue = tangent_.tissue;
  const std::int64_t n = c.num_cells, branches = b.transport.num_chains;
  const auto num_records = static_cast<std::int64_t>(problem_.record_times.size());
  const auto count = static_cast<std::int64_t>(recorded.size());
  auto check = [&failure](double value, int state, std::int64_t cell, bool is_plasma) {
    if (std::isfinite(value) || failure.state >= 0) return;
    failure.state = state;
    failure.cell = static_cast<std::int32_t>(cell);
    failure.is_plasma = is_plasma;
  };
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t at = (line * num_records + record) * plan_.num_directions + k;
    const std::int64_t operator_place = plan_.operators[idx(k)];
    for (std::int64_t r = 0; r < count; ++r) {
      double* target = output.sensitivities.data() + (at * count + r) * n;
      for_cells(c, tissue, k, recorded[idx(r)], lane,
                [target](std::int64_t q, double value) { target[q] = value; });
    }
    for (int i = 0; i < c.num_states; ++i) {
      double sums = 0.0;
      for (int branch = 0; branch < branches; ++branch)
        output.content_sensitivities[idx((at * branches + branch) * c.num_states + i)] = 0.0;
      int branch = 0;
      for_cells(c, tissue, k, i, lane, [&](std::int64_t q, double value) {
        while (q >= b.transport.starts[branch + 1]) ++branch;
        double& sum =
            output.content_sensitivities[idx((at * branches + branch) * c.num_states + i)];
        double moved = value;
        if (operator_place >= 0) {  // a cell that grows holds more
          const std::int64_t cell = operator_place * n + q;
          moved += tangent_.relative_volumes[cell * W + lane] * value_of(c, i, lane, q);
        }
        sum += b.volume[q * W + lane] * moved;
        sums += value;
      });
      if (!std::isfinite(sums))
        for_cells(c, tissue, k, i, lane,
                  [&](std::int64_t q, double value) { check(value, i, q, false); });
    }
    for (int branch = 0; branch < branches; ++branch)
      for (int j = 0; j < c.num_kept; ++j)
        for (int w = 0; w < 2; ++w) {
          const std::int64_t of_branch = (at * branches + branch) * c.num_kept + j;
          const std::int64_t wall =
              ((std::int64_t{k} * branches + branch) * 2 + w) * c.num_kept + j;
          output.entered_sensitivities[idx(of_branch * 2 + w)] = tangent_.ledger[wall * W + lane];
        }
    if (b.plasma == nullptr) continue;
    const LineCells& blood = b.plasma->cells;
    for (int i = 0; i < blood.num_states; ++i) {
      const double value = *place(blood, plasma_.cells, k, i, lane, 0);
      output.plasma_sensitivities[idx(at * blood.num_states + i)] = value;
      check(value, i, -1, true);
    }
  }
}

}  // namespace krogh::simulate
