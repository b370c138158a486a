// Checks of directions, and the terms that each of them has.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_tangent_plan.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Whether any line moves by a value of the direction's `size`.
bool moves_any(std::span<const double> values, std::int64_t direction, std::int64_t count,
               std::int64_t size) {
  for (std::size_t set = 0; set < values.size(); set += idx(count * size))
    for (std::int64_t k = 0; k < size; ++k)
      if (values[set + idx(direction * size + k)] != 0.0) return true;
  return false;
}

/// Directions and parameters that move in any line, by direction.
std::vector<std::pair<int, std::int32_t>> moves_of(const MovedParameters& moved) {
  std::vector<std::pair<int, std::int32_t>> found;
  const auto sets_of = [&](std::span<const double> values, std::int64_t size) {
    return static_cast<std::int64_t>(values.size()) / std::max<std::int64_t>(moved.count * size, 1);
  };
  const auto num_fields = static_cast<std::int64_t>(moved.field_parameters.size());
  const std::int64_t sets = std::max(sets_of(moved.parameters, moved.num_parameters),
                                     sets_of(moved.fields, num_fields * moved.num_cells));
  for (int k = 0; k < moved.count; ++k)
    for (std::int32_t j = 0; j < moved.num_parameters; ++j) {
      bool does_move = false;
      for (std::int64_t line = 0; line < sets && !does_move; ++line)
        for (const double v : moved.of(line, k, j)) does_move = does_move || v != 0.0;
      if (does_move) found.emplace_back(k, j);
    }
  return found;
}

/// Terms of every direction, from those of the program over moved parameters.
void make_terms(const std::vector<model::LineTangentProgram::Term>& from,
                const std::vector<std::pair<int, std::int32_t>>& moves,
                const std::vector<std::int32_t>& parameters, int num_directions,
                std::vector<TangentTerm>& terms, std::vector<int>& offsets) {
  offsets.push_back(0);
  std::size_t row = 0;
  for (int k = 0; k < num_directions; ++k) {
    for (; row < moves.size() && moves[row].first == k; ++row)
      for (const auto& term : from)
        if (parameters[idx(term.column)] == moves[row].second)
          terms.push_back({.row = term.row,
                           .register_ = term.register_,
                           .moves = term.moves,
                           .sign = term.sign,
                           .other = static_cast<int>(row)});
    offsets.push_back(static_cast<int>(terms.size()));
  }
}

void require_tangents(std::span<const double> values, const char* name, std::int64_t count,
                      std::int64_t size, std::int64_t lines) {
  const auto found = static_cast<std::int64_t>(values.size());
  if (values.data() == nullptr) return;  // not given
  const std::int64_t expected = count * size;
  if (found != expected && found != expected * lines)
    throw InvalidInput(std::string(name) + ": found " + std::to_string(found) +
                       " values, expected " + std::to_string(expected) + " or " +
                       std::to_string(expected * lines) + " (" + std::to_string(count) +
                       " directions, " + std::to_string(lines) + " lines)");
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw InvalidInput(std::string(name) + " must be finite, found " + std::to_string(values[i]) +
                         " in direction " +
                         std::to_string(static_cast<std::int64_t>(i) / size % count) +
                         " at position " + std::to_string(static_cast<std::int64_t>(i) % size));
}

/// The conductance of a face next to a cell without diffusion has no two-sided derivative.
void require_diffusion(const LineProblem& p) {
  const LineDirections& d = p.directions;
  if (d.diffusivity.empty()) return;
  const std::int64_t n = p.num_cells;
  const std::int64_t size = static_cast<std::int64_t>(p.mobile.size()) * n;
  for (std::int64_t line = 0; line < p.num_lines; ++line) {
    const double* values = tangent_of(p.diffusivity, line, 0, 1, size);
    for (std::int64_t k = 0; k < d.count; ++k) {
      const double* moved = tangent_of(d.diffusivity, line, k, d.count, size);
      for (std::int64_t i = 0; i < size; ++i)
        if (values[i] == 0.0 && moved[i] != 0.0)
          throw InvalidInput("d_diffusivity moves a diffusivity of zero (line " +
                             std::to_string(line) + ", direction " + std::to_string(k) + ", cell " +
                             std::to_string(i % n) +
                             "): it can grow only, so there is no derivative");
    }
  }
}

std::int64_t branches_of(const LineProblem& p) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(p.branches.size()), 1);
}

/// What has no tangents yet is refused rather than left out.
void require_tangents_of(const LineProblem& p) {
  const LineDirections& d = p.directions;
  if (d.count == 0) return;
  if (!p.vessel.flow.empty())
    throw InvalidInput("directions: a line with capillary segments (axial_flow) has no tangents");
  if (p.velocity.empty() && !d.velocity.empty())
    throw InvalidInput("d_velocity needs a velocity, which may be zero");
}

MovedParameters of_tissue(const model::Program& program, const LineProblem& p) {
  return {.count = p.directions.count,
          .num_parameters = program.num_parameters(),
          .parameters = p.directions.parameters,
          .field_parameters = p.field_parameters,
          .fields = p.directions.fields,
          .num_cells = p.num_cells};
}

MovedParameters of_plasma(const LineProblem& p) {
  return {.count = p.directions.count,
          .num_parameters = p.plasma.program->num_parameters(),
          .parameters = p.directions.plasma_parameters,
          .field_parameters = {},
          .fields = {}};
}

int slots_of(int num_directions) { return num_directions >= 4 ? 4 : num_directions >= 2 ? 2 : 1; }

}  // namespace

std::span<const double> MovedParameters::of(std::int64_t line, std::int64_t direction,
                                            std::int32_t parameter) const {
  const auto field = std::find(field_parameters.begin(), field_parameters.end(), parameter);
  if (field != field_parameters.end()) {
    if (fields.empty()) return {};
    const auto size = static_cast<std::int64_t>(field_parameters.size()) * num_cells;
    return {tangent_of(fields, line, direction, count, size) +
                (field - field_parameters.begin()) * num_cells,
            idx(num_cells)};
  }
  if (parameters.empty()) return {};
  return {tangent_of(parameters, line, direction, count, num_parameters) + parameter, 1};
}

void validate_directions(const model::Program& program, const LineProblem& p,
                         const LineOptions& options, const LineOutput& output) {
  const LineDirections& d = p.directions;
  if (d.count < 0) throw InvalidInput("directions: the count must not be negative");
  const std::int64_t n = p.num_cells, lines = p.num_lines;
  const auto m = static_cast<std::int64_t>(p.mobile.size());
  const std::int64_t terms = std::int64_t{p.num_inputs} * p.num_terms;
  require_tangents(d.parameters, "d_parameters", d.count, program.num_parameters(), lines);
  require_tangents(d.fields, "d_fields", d.count,
                   static_cast<std::int64_t>(p.field_parameters.size()) * n, lines);
  require_tangents(d.initial, "d_initial", d.count, program.num_states() * n, lines);
  require_tangents(d.faces, "d_faces", d.count, n + branches_of(p), lines);
  require_tangents(d.diffusivity, "d_diffusivity", d.count, m * n, lines);
  require_tangents(d.fraction, "d_fraction", d.count, m * n, lines);
  const std::int64_t branches = branches_of(p);
  require_tangents(d.permeability, "d_permeability", d.count, branches * m * 2, lines);
  require_tangents(d.velocity, "d_velocity", d.count, m * (n + branches), lines);
  require_tangents(d.rates, "d_rates", d.count, terms, lines);
  require_tangents(d.pulse_amplitudes, "d_pulse_amplitudes", d.count, p.num_pulses * terms, lines);
  require_tangents(d.table_values, "d_table_values", d.count,
                   p.num_inputs * static_cast<std::int64_t>(p.table_times.size()), lines);
  const model::Program* blood = p.plasma.program;
  const int states = blood != nullptr ? blood->num_states() : 0;
  const auto exchanges = static_cast<std::int64_t>(p.plasma.exchange.size());
  require_tangents(d.plasma_parameters, "d_plasma_parameters", d.count,
                   blood != nullptr ? blood->num_parameters() : 0, lines);
  require_tangents(d.plasma_initial, "d_plasma_initial", d.count, states, lines);
  require_tangents(d.outside_factor, "d_outside_factor", d.count, exchanges, lines);
  require_tangents(d.uptake_factor, "d_uptake_factor", d.count, exchanges, lines);
  require_tangents(d.dose_amounts, "d_dose_amounts", d.count,
                   static_cast<std::int64_t>(p.plasma.dose_times.size()), 1);
  require_diffusion(p);
  require_tangents_of(p);
  auto require_room = [](std::span<double> found, const char* name, std::int64_t expected) {
    if (found.size() != idx(expected))
      throw InvalidInput(std::string(name) + ": found room for " + std::to_string(found.size()) +
                         " values, expected " + std::to_string(expected));
  };
  const auto records = static_cast<std::int64_t>(p.record_times.size()) * lines * d.count;
  require_room(output.sensitivities, "sensitivities",
               records * static_cast<std::int64_t>(options.recorded.size()) * n);
  require_room(output.content_sensitivities, "content_sensitivities",
               records * branches * program.num_states());
  require_room(output.entered_sensitivities, "entered_sensitivities", records * branches * m * 2);
  require_room(output.plasma_sensitivities, "plasma_sensitivities", records * states);
}

TangentModelPlan::TangentModelPlan(const model::Program& program, const model::LineTapes& line,
                                   const std::vector<std::int32_t>& kept,
                                   const MovedParameters& given, int num_slots)
    : moved(given), moves(moves_of(given)) {
  std::vector<std::int32_t> parameters;
  for (const auto& [direction, parameter] : moves) parameters.push_back(parameter);
  std::sort(parameters.begin(), parameters.end());
  parameters.erase(std::unique(parameters.begin(), parameters.end()), parameters.end());
  tapes = &program.line_cache().tangents(program, kept, line.width, parameters, num_slots);
  const model::LineTangentProgram& of = tapes->program;
  make_terms(of.sources, moves, parameters, moved.count, sources, source_offsets);
  make_terms(of.time_sources, moves, parameters, moved.count, time_sources, time_source_offsets);
  make_terms(of.initial, moves, parameters, moved.count, initial, initial_offsets);
  for (const auto& term : of.time_slopes)
    time_slopes.push_back(
        {.row = term.row, .register_ = term.register_, .sign = term.sign, .other = term.column});
}

TangentCells TangentModelPlan::cells() const {
  const model::LineTangentProgram& of = tapes->program;
  TangentCells t;
  t.saved_row = of.saved;
  t.own_row = of.own;
  t.set_rows = of.set_rows;
  t.slot_row = of.slots;
  t.slot_rows = of.slot_rows;
  t.linear_row = of.linear_row;
  for (std::size_t k = 0; k < 2; ++k) t.reduced_rows[k] = of.reduced[k];
  t.start_entries = &tapes->start_entries;
  for (std::size_t i = 0; i < 4; ++i) {
    t.curvatures[i] = &tapes->curvatures[i];
    t.entries[i] = &tapes->entries[i];
  }
  t.linear = tapes->linear.data();
  t.begin = tapes->begin.data();
  for (std::size_t i = 0; i < 3; ++i) t.advance[i] = tapes->advance[i].data();
  t.end = tapes->end.data();
  t.sources = {sources.data(), source_offsets.data()};
  t.time_sources = {time_sources.data(), time_source_offsets.data()};
  t.time_slopes = time_slopes.data();
  t.num_time_slopes = static_cast<int>(time_slopes.size());
  t.depends_on_time = !time_slopes.empty() || !time_sources.empty();
  return t;
}

LineTangentPlan::LineTangentPlan(const model::Program& program,
                                 const std::vector<std::int32_t>& kept,
                                 const model::LineTapes& tapes,
                                 const std::vector<std::int32_t>& plasma_kept,
                                 const model::LineTapes* plasma_tapes, const LineProblem& p)
    : num_directions(p.directions.count),
      num_slots(slots_of(num_directions)),
      tissue(program, tapes, kept, of_tissue(program, p), num_slots) {
  const LineDirections& d = p.directions;
  if (plasma_tapes != nullptr)
    plasma.emplace_back(*p.plasma.program, *plasma_tapes, plasma_kept, of_plasma(p), num_slots);
  const std::int64_t n = p.num_cells;
  const auto m = static_cast<std::int64_t>(p.mobile.size());
  const std::int64_t terms = std::int64_t{p.num_inputs} * p.num_terms;
  const auto points = static_cast<std::int64_t>(p.table_times.size());
  const auto exchanges = static_cast<std::int64_t>(p.plasma.exchange.size());
  for (int k = 0; k < num_directions; ++k) {
    const bool moves_operator = moves_any(d.faces, k, d.count, n + branches_of(p)) ||
                                moves_any(d.velocity, k, d.count, m * (n + branches_of(p))) ||
                                moves_any(d.diffusivity, k, d.count, m * n) ||
                                moves_any(d.fraction, k, d.count, m * n) ||
                                moves_any(d.permeability, k, d.count, branches_of(p) * m * 2);
    const bool moves_input = moves_any(d.rates, k, d.count, terms) ||
                             moves_any(d.pulse_amplitudes, k, d.count, p.num_pulses * terms) ||
                             moves_any(d.table_values, k, d.count, p.num_inputs * points);
    const bool moves_factor = moves_any(d.outside_factor, k, d.count, exchanges) ||
                              moves_any(d.uptake_factor, k, d.count, exchanges);
    operators.push_back(moves_operator ? num_operators++ : -1);
    inputs.push_back(moves_input ? num_moved_inputs++ : -1);
    factors.push_back(moves_factor ? num_moved_factors++ : -1);
  }
}

}  // namespace krogh::simulate
