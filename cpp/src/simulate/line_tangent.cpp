// Loading and recording of tangents along lines, and the tangent of the diffusion operator.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_tangent.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {
namespace {

constexpr int W = linalg::line_lanes;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Tangents of one line along one direction in an array with one set for all lines or one for each.
const double* tangent_of(std::span<const double> values, std::int64_t line, std::int64_t direction,
                         std::int64_t count, std::int64_t size) {
  const bool is_shared = static_cast<std::int64_t>(values.size()) == count * size;
  return values.data() + (is_shared ? 0 : line * count * size) + direction * size;
}

/// Whether any line moves by a value from `first` to before `last` of the direction's `size`.
bool moves_any(std::span<const double> values, std::int64_t direction, std::int64_t count,
               std::int64_t size, std::int64_t first, std::int64_t last) {
  for (std::size_t set = 0; set < values.size(); set += idx(count * size))
    for (std::int64_t k = first; k < last; ++k)
      if (values[set + idx(direction * size + k)] != 0.0) return true;
  return false;
}

bool moves_any(std::span<const double> values, std::int64_t direction, std::int64_t count,
               std::int64_t size) {
  return moves_any(values, direction, count, size, 0, size);
}

std::vector<std::int32_t> moved_parameters(const model::Program& program, const LineProblem& p,
                                           std::vector<std::pair<int, int>>& moves) {
  const LineDirections& d = p.directions;
  const int np = program.num_parameters();
  const auto fields = static_cast<std::int64_t>(p.field_parameters.size());
  std::vector<std::int64_t> field_of(idx(np), -1);
  for (std::int64_t f = 0; f < fields; ++f) field_of[idx(p.field_parameters[idx(f)])] = f;
  std::vector<std::int32_t> found;
  std::vector<std::pair<int, int>> all;
  for (int j = 0; j < np; ++j) {
    const std::int64_t f = field_of[idx(j)];
    for (int k = 0; k < d.count; ++k) {
      const bool does_move = f >= 0 ? moves_any(d.fields, k, d.count, fields * p.num_cells,
                                                f * p.num_cells, (f + 1) * p.num_cells)
                                    : moves_any(d.parameters, k, d.count, np, j, j + 1);
      if (!does_move) continue;
      if (found.empty() || found.back() != j) found.push_back(j);
      all.emplace_back(k, static_cast<int>(found.size()) - 1);
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  moves = std::move(all);
  return found;
}

int slots_of(int num_directions) { return num_directions >= 4 ? 4 : num_directions >= 2 ? 2 : 1; }

/// Terms of every direction, from those of the program over moved parameters.
void make_terms(const std::vector<model::LineTangentProgram::Term>& from,
                const std::vector<std::pair<int, int>>& moves, int num_directions,
                std::vector<TangentTerm>& terms, std::vector<int>& offsets) {
  offsets.push_back(0);
  std::size_t row = 0;
  for (int k = 0; k < num_directions; ++k) {
    for (; row < moves.size() && moves[row].first == k; ++row)
      for (const auto& term : from)
        if (term.column == moves[row].second)
          terms.push_back({.row = term.row,
                           .register_ = term.register_,
                           .moves = term.moves,
                           .sign = term.sign,
                           .other = static_cast<int>(row)});
    offsets.push_back(static_cast<int>(terms.size()));
  }
}

/// Derivative of the conductance A / (w_a / 2 p_a + w_b / 2 p_b) between two half cells, p = D eps,
/// along dp; free of divisions by p, which may be zero on one side.
double between_cells(double area, double width_a, double p_a, double dp_a, double width_b,
                     double p_b, double dp_b) {
  if (dp_a == 0.0 && dp_b == 0.0) return 0.0;
  const double sum = width_a * p_b + width_b * p_a;
  return 2.0 * area * (width_a * p_b * p_b * dp_a + width_b * p_a * p_a * dp_b) / (sum * sum);
}

/// As above for the wall: A / (1/P + w / 2p) of a membrane, A 2p / w of a fixed concentration.
double at_wall(space::WallKind kind, double area, double width, double p, double dp,
               double permeability, double d_permeability) {
  if (kind == space::WallKind::closed) return 0.0;
  if (kind == space::WallKind::fixed) return 2.0 * area * dp / width;
  if (dp == 0.0 && d_permeability == 0.0) return 0.0;
  const double sum = 2.0 * p + width * permeability;
  return area * (4.0 * p * p * d_permeability + 2.0 * width * permeability * permeability * dp) /
         (sum * sum);
}

void require_tangents(std::span<const double> values, const char* name, std::int64_t count,
                      std::int64_t size, std::int64_t lines) {
  const auto found = static_cast<std::int64_t>(values.size());
  if (found == 0) return;
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

/// The conductance of a face between two cells without diffusion has no derivative.
void require_diffusion(const LineProblem& p) {
  const LineDirections& d = p.directions;
  if (d.diffusivity.empty()) return;
  const std::int64_t n = p.num_cells;
  const std::int64_t size = static_cast<std::int64_t>(p.mobile.size()) * n;
  for (std::int64_t line = 0; line < p.num_lines; ++line) {
    const double* values =
        p.diffusivity.data() +
        (static_cast<std::int64_t>(p.diffusivity.size()) == size ? 0 : line * size);
    for (std::int64_t k = 0; k < d.count; ++k) {
      const double* moved = tangent_of(d.diffusivity, line, k, d.count, size);
      for (std::int64_t i = 0; i < size; ++i)
        if (values[i] == 0.0 && moved[i] != 0.0)
          throw InvalidInput("d_diffusivity moves a diffusivity of zero (line " +
                             std::to_string(line) + ", direction " + std::to_string(k) + ", cell " +
                             std::to_string(i % n) +
                             "): nothing passes there, and the derivative would be one-sided");
    }
  }
}

}  // namespace

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
  require_tangents(d.diffusivity, "d_diffusivity", d.count, m * n, lines);
  require_tangents(d.fraction, "d_fraction", d.count, m * n, lines);
  require_tangents(d.permeability, "d_permeability", d.count, m * 2, lines);
  require_tangents(d.rates, "d_rates", d.count, terms, lines);
  require_tangents(d.pulse_amplitudes, "d_pulse_amplitudes", d.count, p.num_pulses * terms, lines);
  require_tangents(d.table_values, "d_table_values", d.count,
                   p.num_inputs * static_cast<std::int64_t>(p.table_times.size()), lines);
  require_diffusion(p);
  auto require_room = [](std::span<double> found, const char* name, std::int64_t expected) {
    if (found.size() != idx(expected))
      throw InvalidInput(std::string(name) + ": found room for " + std::to_string(found.size()) +
                         " values, expected " + std::to_string(expected));
  };
  const auto records = static_cast<std::int64_t>(p.record_times.size()) * lines * d.count;
  require_room(output.sensitivities, "sensitivities",
               records * static_cast<std::int64_t>(options.recorded.size()) * n);
  require_room(output.content_sensitivities, "content_sensitivities",
               records * program.num_states());
  require_room(output.entered_sensitivities, "entered_sensitivities", records * m * 2);
}

LineTangentPlan::LineTangentPlan(const model::Program& model, const model::LineProgram& line,
                                 const LineProblem& problem, int width, std::int32_t y_row,
                                 std::int32_t stage_rows, std::int32_t first_register)
    : num_directions(problem.directions.count),
      num_parameters(model.num_parameters()),
      num_slots(slots_of(problem.directions.count)),
      parameters(moved_parameters(model, problem, moves)),
      program(model, line, integrate::ros34pw2(), parameters, num_slots, y_row, stage_rows,
              first_register) {
  const LineDirections& d = problem.directions;
  const expr::RegisterRange temporaries{static_cast<std::uint32_t>(program.first_temporary),
                                        static_cast<std::uint32_t>(program.num_registers)};
  auto ready = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(model.view(tape), width, temporaries);
  };
  prologue = ready(program.prologue);
  start_entries = ready(program.start_entries);
  for (const auto& tape : program.linear) linear.push_back(ready(tape));
  for (std::size_t i = 0; i < 4; ++i) {
    curvatures[i] = ready(program.curvatures[i]);
    entries[i] = ready(program.entries[i]);
  }
  for (const auto& tape : program.begin) begin.push_back(ready(tape));
  for (std::size_t i = 0; i < 3; ++i)
    for (const auto& tape : program.advance[i]) advance[i].push_back(ready(tape));
  for (const auto& tape : program.end) end.push_back(ready(tape));
  make_terms(program.sources, moves, num_directions, sources, source_offsets);
  make_terms(program.time_sources, moves, num_directions, time_sources, time_source_offsets);
  make_terms(program.initial, moves, num_directions, initial, initial_offsets);
  for (const auto& term : program.time_slopes)
    time_slopes.push_back(
        {.row = term.row, .register_ = term.register_, .sign = term.sign, .other = term.column});
  const std::int64_t n = problem.num_cells;
  const auto m = static_cast<std::int64_t>(problem.mobile.size());
  const std::int64_t terms = std::int64_t{problem.num_inputs} * problem.num_terms;
  const auto points = static_cast<std::int64_t>(problem.table_times.size());
  for (int k = 0; k < num_directions; ++k) {
    const bool moves_operator = moves_any(d.diffusivity, k, d.count, m * n) ||
                                moves_any(d.fraction, k, d.count, m * n) ||
                                moves_any(d.permeability, k, d.count, m * 2);
    const bool moves_input =
        moves_any(d.rates, k, d.count, terms) ||
        moves_any(d.pulse_amplitudes, k, d.count, problem.num_pulses * terms) ||
        moves_any(d.table_values, k, d.count, problem.num_inputs * points);
    operators.push_back(moves_operator ? num_operators++ : -1);
    inputs.push_back(moves_input ? num_moved_inputs++ : -1);
  }
}

LineTangents::LineTangents(const LineTangentPlan& plan, const LineProblem& problem,
                           LineBlock& block)
    : plan_(plan), problem_(problem), directions_(problem.directions), block_(block) {
  LineTangentBlock& t = tangent_;
  t.num_directions = plan.num_directions;
  t.num_slots = plan.num_slots;
  t.saved_row = plan.program.saved;
  t.own_row = plan.program.own;
  t.set_rows = plan.program.set_rows;
  t.slot_row = plan.program.slots;
  t.slot_rows = plan.program.slot_rows;
  t.linear_row = plan.program.linear_row;
  for (std::size_t k = 0; k < 2; ++k) t.reduced_rows[k] = plan.program.reduced[k];
  for (std::size_t i = 0; i < 4; ++i) {
    t.curvatures[i] = &plan.curvatures[i];
    t.entries[i] = &plan.entries[i];
  }
  t.start_entries = &plan.start_entries;
  t.linear = plan.linear.data();
  t.begin = plan.begin.data();
  for (std::size_t i = 0; i < 3; ++i) t.advance[i] = plan.advance[i].data();
  t.end = plan.end.data();
  t.sources = {plan.sources.data(), plan.source_offsets.data()};
  t.time_sources = {plan.time_sources.data(), plan.time_source_offsets.data()};
  t.time_slopes = plan.time_slopes.data();
  t.num_time_slopes = static_cast<int>(plan.time_slopes.size());
  t.operators = plan.operators.data();
  t.inputs = plan.inputs.data();
  place_rows();
  for (const auto& [row, value] : plan.program.constants)
    for (int k = 0; k < block_.num_blocks; ++k)
      std::fill_n(block_.files + (idx(k) * idx(block_.file_rows) + idx(row)) * idx(block_.width),
                  block_.width, value);
}

/// All memory of the group in one piece.
void LineTangents::place_rows() {
  LineTangentBlock& t = tangent_;
  const LineBlock& b = block_;
  const std::size_t vector = idx(b.num_mobile) * W;
  const std::size_t cells = idx(b.num_cells) * vector;
  const std::size_t inputs = idx(b.num_inputs) * W;
  const std::size_t terms = inputs * idx(b.num_terms);
  const std::size_t rows = idx(b.num_blocks) * idx(b.width);
  const auto directions = idx(t.num_directions), slots = idx(t.num_slots);
  const auto operators = idx(plan_.num_operators), moved = idx(plan_.num_moved_inputs);
  std::vector<std::pair<double**, std::size_t>> parts{
      {&t.moves, plan_.moves.size() * rows},
      {&t.tangents, directions * rows * idx(b.num_states)},
      {&t.conductances, operators * (cells + vector)},
      {&t.relative_fractions, operators * cells},
      {&t.rates, moved * terms},
      {&t.amplitudes, moved * terms},
      {&t.bases, moved * inputs},
      {&t.slopes, moved * inputs},
      {&t.ages, 4 * W},
      {&t.decays, 4 * terms},
      {&t.outside, 4 * inputs},
      {&t.moving, 4 * cells},
      {&t.carried, slots * cells},
      {&t.transported, slots * cells},
      {&t.free, cells},
      {&t.wall_flow, slots * 2 * vector},
      {&t.ledger_stages, slots * 8 * vector},
      {&t.ledger, directions * 2 * vector}};
  std::size_t size = 0;
  for (const auto& [pointer, count] : parts) size += (count + 7) / 8 * 8;
  memory_ = AlignedBuffer(size);
  double* next = memory_.data();
  for (const auto& [pointer, count] : parts) {
    *pointer = next;
    next += (count + 7) / 8 * 8;
  }
}

std::int64_t LineTangents::num_places() const {
  return std::int64_t{block_.num_blocks} * block_.width / W;
}

double* LineTangents::place(int direction, int state, int lane, std::int64_t cell) const {
  const std::int64_t per_block = block_.width / W;
  const std::int64_t block = std::int64_t{direction} * block_.num_blocks + cell / per_block;
  return tangent_.tangents + (block * block_.num_states + state) * block_.width +
         (cell % per_block) * W + lane;
}

void LineTangents::load(int lane, std::int64_t line, const space::Grid& grid) {
  load_operator(lane, line, grid);
  load_moves(lane, line);
  load_states(lane, line);
  const LineBlock& b = block_;
  const std::int64_t inputs = b.num_inputs, terms = inputs * b.num_terms;
  for (int k = 0; k < plan_.num_directions; ++k) {
    for (int q = 0; q < 2 * b.num_mobile; ++q)
      tangent_.ledger[(k * 2 * b.num_mobile + q) * W + lane] = 0.0;
    const int moved = plan_.inputs[idx(k)];
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

void LineTangents::load_operator(int lane, std::int64_t line, const space::Grid& grid) {
  const LineDirections& d = directions_;
  const std::int64_t n = block_.num_cells, m = block_.num_mobile;
  auto set_of = [line](std::span<const double> values, std::int64_t size) {
    return values.data() + (static_cast<std::int64_t>(values.size()) == size ? 0 : line * size);
  };
  const double* diffusivity = set_of(problem_.diffusivity, m * n);
  const double* fraction = set_of(problem_.fraction, m * n);
  const double* permeability = set_of(problem_.permeability, m * 2);
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t place = plan_.operators[idx(k)];
    if (place < 0) continue;
    auto moved = [&](std::span<const double> values, std::int64_t size, std::int64_t position) {
      return values.empty() ? 0.0 : tangent_of(values, line, k, d.count, size)[position];
    };
    for (std::int64_t j = 0; j < m; ++j) {
      const MobileState& state = problem_.mobile[idx(j)];
      auto width = [&](std::int64_t c) { return grid.faces[idx(c + 1)] - grid.faces[idx(c)]; };
      auto p = [&](std::int64_t c) { return diffusivity[j * n + c] * fraction[j * n + c]; };
      auto dp = [&](std::int64_t c) {
        return moved(d.diffusivity, m * n, j * n + c) * fraction[j * n + c] +
               moved(d.fraction, m * n, j * n + c) * diffusivity[j * n + c];
      };
      for (std::int64_t c = 0; c < n; ++c)
        tangent_.relative_fractions[((place * n + c) * m + j) * W + lane] =
            moved(d.fraction, m * n, j * n + c) / fraction[j * n + c];
      for (std::int64_t face = 0; face <= n; ++face) {
        double& target = tangent_.conductances[((place * (n + 1) + face) * m + j) * W + lane];
        const double area = grid.areas[idx(face)];
        const bool is_wall = face == 0 || face == n;
        const std::int64_t cell = face == 0 ? 0 : face - 1;
        const std::size_t wall = face == 0 ? 0 : 1;
        target =
            is_wall ? at_wall(state.walls[wall], area, width(cell), p(cell), dp(cell),
                              permeability[2 * j + static_cast<std::int64_t>(wall)],
                              moved(d.permeability, m * 2, 2 * j + static_cast<std::int64_t>(wall)))
                    : between_cells(area, width(cell), p(cell), dp(cell), width(face), p(face),
                                    dp(face));
      }
    }
  }
}

void LineTangents::load_moves(int lane, std::int64_t line) {
  const LineDirections& d = directions_;
  const LineBlock& b = block_;
  const std::int64_t n = b.num_cells;
  const auto& fields = problem_.field_parameters;
  const auto num_fields = static_cast<std::int64_t>(fields.size());
  for (std::size_t row = 0; row < plan_.moves.size(); ++row) {
    const auto [direction, position] = plan_.moves[row];
    const std::int32_t parameter = plan_.parameters[idx(position)];
    const auto field = std::find(fields.begin(), fields.end(), parameter);
    const double* values =
        field != fields.end()
            ? tangent_of(d.fields, line, direction, d.count, num_fields * n) +
                  (field - fields.begin()) * n
            : tangent_of(d.parameters, line, direction, d.count, plan_.num_parameters) + parameter;
    double* target =
        tangent_.moves + idx(static_cast<std::int64_t>(row)) * idx(b.num_blocks) * idx(b.width);
    for (std::int64_t c = 0; c < num_places(); ++c)
      target[c * W + lane] = field != fields.end() ? values[std::min(c, n - 1)] : *values;
  }
}

/// The first states; the model's own follow from its parameters.
void LineTangents::load_states(int lane, std::int64_t line) {
  const LineDirections& d = directions_;
  const LineBlock& b = block_;
  const std::int64_t n = b.num_cells;
  for (int k = 0; k < b.num_blocks; ++k)
    plan_.prologue.run(b.files + static_cast<std::int64_t>(k) * b.file_rows * b.width);
  for (int k = 0; k < plan_.num_directions; ++k) {
    const double* given =
        d.initial.empty() ? nullptr : tangent_of(d.initial, line, k, d.count, b.num_states * n);
    for (int i = 0; i < b.num_states; ++i)
      for (std::int64_t c = 0; c < num_places(); ++c)
        *place(k, i, lane, c) = given == nullptr ? 0.0 : given[i * n + std::min(c, n - 1)];
    if (!problem_.initial.empty()) continue;
    for (int q = plan_.initial_offsets[idx(k)]; q < plan_.initial_offsets[idx(k) + 1]; ++q) {
      const TangentTerm& term = plan_.initial[idx(q)];
      for (std::int64_t c = 0; c < num_places(); ++c) {
        const std::int64_t per_block = b.width / W;
        const std::int64_t block = c / per_block;
        const std::int64_t at = (c % per_block) * W + lane;
        const double move = tangent_.moves[(term.other * b.num_blocks + block) * b.width + at];
        const double derivative = b.files[(block * b.file_rows + term.register_) * b.width + at];
        if (move != 0.0) *place(k, term.row, lane, c) += term.sign * derivative * move;
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

void LineTangents::step() {
  KROGH_DISPATCH(line_tangent_step)(integrate::ros34pw2(), block_, tangent_);
}

std::pair<std::int32_t, std::int32_t> LineTangents::record(
    int lane, std::int64_t line, std::int64_t record, const std::vector<std::int32_t>& recorded,
    const std::vector<double>& volumes, const LineOutput& output) const {
  const LineBlock& b = block_;
  const std::int64_t n = b.num_cells;
  const auto num_records = static_cast<std::int64_t>(problem_.record_times.size());
  const auto count = static_cast<std::int64_t>(recorded.size());
  std::pair<std::int32_t, std::int32_t> failure{-1, -1};
  for (int k = 0; k < plan_.num_directions; ++k) {
    const std::int64_t at = (line * num_records + record) * plan_.num_directions + k;
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < n; ++c)
        output.sensitivities[idx((at * count + r) * n + c)] = *place(k, recorded[idx(r)], lane, c);
    for (int i = 0; i < b.num_states; ++i) {
      double sum = 0.0;
      for (std::int64_t c = 0; c < n; ++c) {
        const double value = *place(k, i, lane, c);
        sum += volumes[idx(c)] * value;
        if (!std::isfinite(value) && failure.first < 0) failure = {i, static_cast<std::int32_t>(c)};
      }
      output.content_sensitivities[idx(at * b.num_states + i)] = sum;
    }
    for (int j = 0; j < b.num_mobile; ++j)
      for (int w = 0; w < 2; ++w)
        output.entered_sensitivities[idx((at * b.num_mobile + j) * 2 + w)] =
            tangent_.ledger[((k * 2 + w) * b.num_mobile + j) * W + lane];
  }
  return failure;
}

}  // namespace krogh::simulate
