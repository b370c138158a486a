// What a line problem must be like.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_checks.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "linalg/block_tridiagonal.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Refuses an array that is neither one set of `size` values nor one for each line, or in which
/// `is_valid` fails.
template <class Test>
void require_sets(std::span<const double> values, const char* name, std::int64_t size,
                  std::int64_t lines, const char* condition, const Test& is_valid) {
  const auto found = static_cast<std::int64_t>(values.size());
  if (found != size && found != size * lines)
    throw InvalidInput(std::string(name) + ": found " + std::to_string(found) +
                       " values, expected " + std::to_string(size) + " or " +
                       std::to_string(size * lines) + " (" + std::to_string(lines) + " lines)");
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!is_valid(values[i]))
      throw InvalidInput(std::string(name) + " must be " + condition + ", found " +
                         std::to_string(values[i]) + " in set " + std::to_string(i / idx(size)) +
                         " at position " + std::to_string(i % idx(size)));
}

bool is_finite(double v) { return std::isfinite(v); }
bool is_not_negative(double v) { return std::isfinite(v) && v >= 0.0; }

/// Values that increase within each set of `size`.
void require_increasing(std::span<const double> values, const char* name, std::int64_t size,
                        bool strictly) {
  for (std::size_t i = 1; i < values.size(); ++i)
    if (i % idx(size) != 0 && !(strictly ? values[i] > values[i - 1] : values[i] >= values[i - 1]))
      throw InvalidInput(std::string(name) + " must increase, but in set " +
                         std::to_string(i / idx(size)) + " position " +
                         std::to_string(i % idx(size)) + " has " + std::to_string(values[i]) +
                         " after " + std::to_string(values[i - 1]));
}

void require_indices(const std::vector<std::int32_t>& indices, const char* name,
                     std::int64_t limit) {
  std::vector<char> seen(idx(limit), 0);
  for (const std::int32_t i : indices) {
    if (i < 0 || i >= limit)
      throw InvalidInput(std::string(name) + " names item " + std::to_string(i) + " of " +
                         std::to_string(limit));
    if (seen[idx(i)] != 0)
      throw InvalidInput(std::string(name) + " names item " + std::to_string(i) + " twice");
    seen[idx(i)] = 1;
  }
}

std::int64_t branches_of(const LineProblem& p) {
  return p.branches.empty() ? 1 : static_cast<std::int64_t>(p.branches.size());
}

/// Faces of all branches of all sets, cut apart.
std::vector<std::span<const double>> pieces_of(const LineProblem& p) {
  std::vector<std::span<const double>> pieces;
  const std::vector<std::int32_t> whole{p.num_cells};
  for (std::size_t at = 0; at < p.faces.size();)
    for (const std::int32_t cells : p.branches.empty() ? whole : p.branches) {
      pieces.push_back(p.faces.subspan(at, idx(cells + 1)));
      at += idx(cells + 1);
    }
  return pieces;
}

std::vector<double> first_faces(const LineProblem& p) {
  std::vector<double> found;
  for (const std::span<const double> piece : pieces_of(p)) found.push_back(piece.front());
  return found;
}

void validate_branches(const LineProblem& p) {
  std::int64_t total = 0;
  for (const std::int32_t cells : p.branches) {
    if (cells < 1) throw InvalidInput("branches: every branch needs at least 1 cell");
    total += cells;
  }
  if (!p.branches.empty() && total != p.num_cells)
    throw InvalidInput("branches have " + std::to_string(total) +
                       " cells together, but there are " + std::to_string(p.num_cells));
  const std::int64_t branches = branches_of(p);
  const bool is_round = p.geometry != space::Geometry::cartesian;
  require_sets(p.faces, "faces", p.num_cells + branches, p.num_lines,
               is_round ? "finite and not negative" : "finite",
               [=](double v) { return is_round ? is_not_negative(v) : is_finite(v); });
  for (const std::span<const double> piece : pieces_of(p))
    require_increasing(piece, "faces", static_cast<std::int64_t>(piece.size()), true);
  if (!p.branch_weights.empty())
    require_sets(p.branch_weights, "branch_weights", branches, p.num_lines,
                 "finite and not negative", is_not_negative);
}

void validate_vessel(const model::Program& program, const LineProblem& p) {
  const LineVesselProblem& v = p.vessel;
  if (v.flow.empty()) {
    if (!v.lengths.empty() || !v.radii.empty() || !v.initial.empty())
      throw InvalidInput("axial_lengths, axial_radii and axial_initial need axial_flow");
    return;
  }
  auto is_positive = [](double x) { return std::isfinite(x) && x > 0.0; };
  const std::int64_t branches = branches_of(p), lines = p.num_lines;
  if (p.geometry != space::Geometry::cylindrical)
    throw InvalidInput("axial_flow: only cylinders have a vessel along their axis");
  if (!p.branch_weights.empty())
    throw InvalidInput("branch_weights: with axial_flow the segments' lengths are the weights");
  require_sets(v.flow, "axial_flow", 1, lines, "finite and positive", is_positive);
  require_sets(v.lengths, "axial_lengths", branches, lines, "finite and positive", is_positive);
  if (!v.radii.empty())
    require_sets(v.radii, "axial_radii", branches, lines, "finite and positive", is_positive);
  if (v.radii.empty())
    for (const double first : first_faces(p))
      if (first == 0.0) throw InvalidInput("axial_radii are needed where the first face is 0");
  if (!v.initial.empty())
    require_sets(v.initial, "axial_initial", branches * static_cast<std::int64_t>(p.mobile.size()),
                 lines, "finite", is_finite);
  for (const Exchange& e : p.plasma.exchange)
    if (e.wall != 0)
      throw InvalidInput("exchange of '" +
                         program.spec().state_names[idx(p.mobile[idx(e.mobile)].state)] +
                         "': with axial_flow the plasma reaches the tissue by its inner wall only");
}

void validate_mobile(const model::Program& program, const LineProblem& p) {
  if (p.mobile.empty() || static_cast<std::int64_t>(p.mobile.size()) > max_mobile)
    throw InvalidInput("mobile: a line needs 1 to " + std::to_string(max_mobile) +
                       " states that move, found " + std::to_string(p.mobile.size()));
  std::vector<std::int32_t> states;
  for (const MobileState& m : p.mobile) states.push_back(m.state);
  require_indices(states, "mobile", program.num_states());
  for (const MobileState& m : p.mobile)
    for (std::size_t w = 0; w < 2; ++w) {
      if (m.inputs[w] < -1 || m.inputs[w] >= p.num_inputs)
        throw InvalidInput("the wall of '" + program.spec().state_names[idx(m.state)] +
                           "' names input " + std::to_string(m.inputs[w]) + " of " +
                           std::to_string(p.num_inputs));
      if (w == 0 && m.walls[w] != space::WallKind::closed &&
          p.geometry != space::Geometry::cartesian)
        for (const double first : first_faces(p))
          if (first == 0.0)
            throw InvalidInput("the inner wall of '" + program.spec().state_names[idx(m.state)] +
                               "' lies on the axis or center and must be closed");
    }
}

void validate_inputs(const LineProblem& p) {
  const std::int64_t lines = p.num_lines;
  if (p.num_inputs < 0 || p.num_terms < 0 || p.num_pulses < 0)
    throw InvalidInput("num_inputs, num_terms and num_pulses must not be negative");
  const std::int64_t terms = std::int64_t{p.num_inputs} * p.num_terms;
  require_sets(p.rates, "rates", terms, lines, "finite and not negative", is_not_negative);
  require_sets(p.pulse_times, "pulse_times", p.num_pulses, lines, "finite", is_finite);
  if (p.num_pulses > 0) require_increasing(p.pulse_times, "pulse_times", p.num_pulses, false);
  require_sets(p.pulse_amplitudes, "pulse_amplitudes", p.num_pulses * terms, lines, "finite",
               is_finite);
  const auto points = static_cast<std::int64_t>(p.table_times.size());
  if (points == 0) {
    if (!p.table_values.empty()) throw InvalidInput("table_values need table_times");
    return;
  }
  if (points < 2) throw InvalidInput("table_times: a table needs at least 2 points, found 1");
  require_sets(p.table_times, "table_times", points, 1, "finite", is_finite);
  require_increasing(p.table_times, "table_times", points, true);
  require_sets(p.table_values, "table_values", p.num_inputs * points, lines, "finite", is_finite);
  if (p.table_times.front() > p.begin || p.table_times.back() < p.record_times.back())
    throw InvalidInput("table_times must cover the run from " + std::to_string(p.begin) + " to " +
                       std::to_string(p.record_times.back()) + ", found " +
                       std::to_string(p.table_times.front()) + " to " +
                       std::to_string(p.table_times.back()));
}

/// Refuses what a model of cells or of the plasma may not have.
void require_kinetics(const model::Program& program, const std::string& initial, bool is_missing) {
  if (program.num_surfaces() > 0)
    throw InvalidInput("a line takes models without events and conditions (where, comparisons); " +
                       (initial == "initial" ? std::string("this one") : "that of the plasma") +
                       " has " + std::to_string(program.num_surfaces()));
  for (const char is_steady : program.spec().steady_initial)
    if (is_steady != 0 && is_missing)
      throw InvalidInput(initial +
                         ": a model that starts at its steady state needs given values here");
}

void validate_doses(const LineProblem& p) {
  const LinePlasmaProblem& plasma = p.plasma;
  const std::size_t count = plasma.dose_times.size();
  if (plasma.dose_states.size() != count || plasma.dose_amounts.size() != count ||
      plasma.dose_kinds.size() != count)
    throw InvalidInput("dose_times, dose_states, dose_amounts and dose_kinds must have one length");
  if (plasma.dose_offsets.empty()) {
    if (count > 0) throw InvalidInput("dose_times need dose_offsets");
    return;
  }
  const auto& offsets = plasma.dose_offsets;
  if (static_cast<std::int64_t>(offsets.size()) != p.num_lines + 1)
    throw InvalidInput("dose_offsets: found " + std::to_string(offsets.size()) +
                       " values, expected " + std::to_string(p.num_lines + 1));
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(count) ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    throw InvalidInput("dose_offsets must rise from 0 to the number of doses, " +
                       std::to_string(count));
  for (std::int64_t line = 0; line < p.num_lines; ++line)
    for (std::int64_t d = offsets[idx(line)]; d < offsets[idx(line + 1)]; ++d) {
      auto fail = [&](const std::string& what) {
        throw InvalidInput("dose " + std::to_string(d - offsets[idx(line)]) + " of line " +
                           std::to_string(line) + ": " + what);
      };
      const double time = plasma.dose_times[idx(d)];
      if (!std::isfinite(time) || !std::isfinite(plasma.dose_amounts[idx(d)]))
        fail("time and amount must be finite");
      if (time < p.begin)
        fail("its time " + std::to_string(time) + " lies before the begin " +
             std::to_string(p.begin));
      if (d > offsets[idx(line)] && time < plasma.dose_times[idx(d - 1)])
        fail("its time " + std::to_string(time) + " lies before that of the dose before it");
      const std::int32_t state = plasma.dose_states[idx(d)];
      if (state < 0 || state >= plasma.program->num_states())
        fail("there is no state " + std::to_string(state) + " in the plasma's model of " +
             std::to_string(plasma.program->num_states()));
      const DoseKind kind = plasma.dose_kinds[idx(d)];
      if (kind != DoseKind::bolus && kind != DoseKind::rate_change)
        fail("its kind must be 0 (bolus) or 1 (change of the input rate)");
    }
}

void validate_exchange(const model::Program& program, const LineProblem& p) {
  const LinePlasmaProblem& plasma = p.plasma;
  std::vector<char> taken(2 * p.mobile.size(), 0);
  for (const Exchange& e : plasma.exchange) {
    if (e.mobile < 0 || e.mobile >= static_cast<std::int32_t>(p.mobile.size()))
      throw InvalidInput("exchange names mobile state " + std::to_string(e.mobile) + " of " +
                         std::to_string(p.mobile.size()));
    const MobileState& mobile = p.mobile[idx(e.mobile)];
    const std::string& name = program.spec().state_names[idx(mobile.state)];
    if (e.wall != 0 && e.wall != 1)
      throw InvalidInput("exchange of '" + name + "': a wall is 0 (inner) or 1 (outer), found " +
                         std::to_string(e.wall));
    if (e.state < 0 || e.state >= plasma.program->num_states())
      throw InvalidInput("exchange of '" + name + "' names state " + std::to_string(e.state) +
                         " of the plasma's " + std::to_string(plasma.program->num_states()));
    const std::string wall = e.wall == 0 ? "inner" : "outer";
    if (mobile.walls[idx(e.wall)] == space::WallKind::closed)
      throw InvalidInput("exchange of '" + name + "': its " + wall + " wall is closed");
    if (mobile.inputs[idx(e.wall)] >= 0)
      throw InvalidInput("exchange of '" + name + "': its " + wall + " wall has an input already");
    char& is_taken = taken[idx(2 * e.mobile + e.wall)];
    if (is_taken != 0)
      throw InvalidInput("exchange of '" + name + "': its " + wall + " wall is named twice");
    is_taken = 1;
  }
}

void validate_plasma(const model::Program& program, const LineProblem& p) {
  const LinePlasmaProblem& plasma = p.plasma;
  if (plasma.program == nullptr) {
    if (!plasma.exchange.empty() || !plasma.dose_times.empty())
      throw InvalidInput("exchange and doses need a plasma model");
    return;
  }
  require_kinetics(*plasma.program, "plasma_initial", plasma.initial.empty());
  const std::int64_t lines = p.num_lines;
  require_sets(plasma.parameters, "plasma_parameters", plasma.program->num_parameters(), lines,
               "finite", is_finite);
  if (!plasma.initial.empty())
    require_sets(plasma.initial, "plasma_initial", plasma.program->num_states(), lines, "finite",
                 is_finite);
  validate_exchange(program, p);
  const auto count = static_cast<std::int64_t>(plasma.exchange.size());
  require_sets(plasma.outside_factor, "outside_factor", count, lines, "finite and not negative",
               is_not_negative);
  require_sets(plasma.uptake_factor, "uptake_factor", count, lines, "finite and not negative",
               is_not_negative);
  validate_doses(p);
}

}  // namespace

void validate_line_problem(const model::Program& program, const LineProblem& p) {
  require_kinetics(program, "initial", p.initial.empty());
  if (p.num_lines < 1) throw InvalidInput("num_lines must be at least 1");
  if (p.num_cells < 1) throw InvalidInput("num_cells must be at least 1");
  const std::int64_t n = p.num_cells, lines = p.num_lines;
  const auto m = static_cast<std::int64_t>(p.mobile.size());
  validate_branches(p);
  validate_mobile(program, p);
  require_sets(p.diffusivity, "diffusivity", m * n, lines, "finite and not negative",
               is_not_negative);
  require_sets(p.fraction, "fraction", m * n, lines, "larger than 0 and at most 1",
               [](double v) { return v > 0.0 && v <= 1.0; });
  require_sets(p.permeability, "permeability", branches_of(p) * m * 2, lines,
               "finite and not negative", is_not_negative);
  if (!p.velocity.empty())
    require_sets(p.velocity, "velocity", m * (n + branches_of(p)), lines, "finite", is_finite);
  require_sets(p.parameters, "parameters", program.num_parameters(), lines, "finite", is_finite);
  require_indices(p.field_parameters, "field_parameters", program.num_parameters());
  require_sets(p.fields, "fields", static_cast<std::int64_t>(p.field_parameters.size()) * n, lines,
               "finite", is_finite);
  if (!p.initial.empty())
    require_sets(p.initial, "initial", program.num_states() * n, lines, "finite", is_finite);
  if (p.record_times.empty()) throw InvalidInput("record_times: at least one is needed");
  const auto records = static_cast<std::int64_t>(p.record_times.size());
  require_sets(p.record_times, "record_times", records, 1, "finite", is_finite);
  require_increasing(p.record_times, "record_times", records, true);
  if (!std::isfinite(p.begin) || p.record_times.front() < p.begin)
    throw InvalidInput("record_times may not lie before the begin, found " +
                       std::to_string(p.record_times.front()) + " before " +
                       std::to_string(p.begin));
  validate_inputs(p);
  validate_plasma(program, p);
  validate_vessel(program, p);
}

void validate_line_options(const model::Program& program, const LineProblem& p,
                           const LineOptions& options, const LineOutput& output) {
  if (!(options.rtol > 0.0 && options.rtol < 1.0))
    throw InvalidInput("rtol must lie between 0 and 1, found " + std::to_string(options.rtol));
  if (!options.atol.empty())
    require_sets(options.atol, "atol", program.num_states(), 1, "finite and positive",
                 [](double v) { return std::isfinite(v) && v > 0.0; });
  for (const double v : {options.max_step, options.first_step, options.fixed_step})
    if (!is_not_negative(v))
      throw InvalidInput("max_step, first_step and fixed_step must be finite and not negative");
  if (options.max_steps < 1) throw InvalidInput("max_steps must be at least 1");
  if (options.width != 0 && std::find(std::begin(expr::lane_counts), std::end(expr::lane_counts),
                                      options.width) == std::end(expr::lane_counts))
    throw InvalidInput("width must be 0, 8, 16 or 32, found " + std::to_string(options.width));
  require_indices(options.signed_states, "signed_states", program.num_states());
  require_indices(options.recorded, "recorded", program.num_states());
  const int blood = p.plasma.program != nullptr ? p.plasma.program->num_states() : 0;
  if (!options.plasma_atol.empty())
    require_sets(options.plasma_atol, "plasma_atol", blood, 1, "finite and positive",
                 [](double v) { return std::isfinite(v) && v > 0.0; });
  require_indices(options.plasma_signed, "plasma_signed_states", blood);
  const auto records = static_cast<std::int64_t>(p.record_times.size()) * p.num_lines;
  auto require_room = [](std::span<double> found, const char* name, std::int64_t expected) {
    if (found.size() != idx(expected))
      throw InvalidInput(std::string(name) + ": found room for " + std::to_string(found.size()) +
                         " values, expected " + std::to_string(expected));
  };
  require_room(output.values, "values",
               records * static_cast<std::int64_t>(options.recorded.size()) * p.num_cells);
  const std::int64_t rows = records * branches_of(p);
  const auto mobile = static_cast<std::int64_t>(p.mobile.size());
  require_room(output.contents, "contents", rows * program.num_states());
  require_room(output.entered, "entered", rows * mobile * 2);
  require_room(output.vessel, "vessel", p.vessel.flow.empty() ? 0 : rows * mobile);
  require_room(output.plasma, "plasma", records * blood);
  if (!output.final_states.empty())
    require_room(output.final_states, "final_states",
                 p.num_lines * program.num_states() * p.num_cells);
}

}  // namespace krogh::simulate
