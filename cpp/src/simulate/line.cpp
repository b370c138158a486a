// Line solver: checks, tapes, threads.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/line.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include <krogh/base/parallel.hpp>
#include <krogh/integrate/tableau.hpp>

#include "simulate/line_engine.hpp"

namespace krogh::simulate {
namespace {

constexpr std::int64_t max_mobile = 16;  // block size of the general block-tridiagonal kernel

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
        for (std::size_t i = 0; i < p.faces.size(); i += idx(p.num_cells + 1))
          if (p.faces[i] == 0.0)
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

void validate_problem(const model::Program& program, const LineProblem& p) {
  if (program.num_surfaces() > 0)
    throw InvalidInput(
        "a line takes models without events and conditions (where, comparisons); "
        "this one has " +
        std::to_string(program.num_surfaces()));
  for (const char is_steady : program.spec().steady_initial)
    if (is_steady != 0 && p.initial.empty())
      throw InvalidInput(
          "initial: a model that starts at its steady state needs given values here");
  if (p.num_lines < 1) throw InvalidInput("num_lines must be at least 1");
  if (p.num_cells < 1) throw InvalidInput("num_cells must be at least 1");
  const std::int64_t n = p.num_cells, lines = p.num_lines;
  const auto m = static_cast<std::int64_t>(p.mobile.size());
  const bool is_round = p.geometry != space::Geometry::cartesian;
  require_sets(p.faces, "faces", n + 1, lines, is_round ? "finite and not negative" : "finite",
               [=](double v) { return is_round ? is_not_negative(v) : is_finite(v); });
  require_increasing(p.faces, "faces", n + 1, true);
  validate_mobile(program, p);
  require_sets(p.diffusivity, "diffusivity", m * n, lines, "finite and not negative",
               is_not_negative);
  require_sets(p.fraction, "fraction", m * n, lines, "larger than 0 and at most 1",
               [](double v) { return v > 0.0 && v <= 1.0; });
  require_sets(p.permeability, "permeability", m * 2, lines, "finite and not negative",
               is_not_negative);
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
}

void validate_options(const model::Program& program, const LineProblem& p,
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
  const auto records = static_cast<std::int64_t>(p.record_times.size()) * p.num_lines;
  auto require_room = [](std::span<double> found, const char* name, std::int64_t expected) {
    if (found.size() != idx(expected))
      throw InvalidInput(std::string(name) + ": found room for " + std::to_string(found.size()) +
                         " values, expected " + std::to_string(expected));
  };
  require_room(output.values, "values",
               records * static_cast<std::int64_t>(options.recorded.size()) * p.num_cells);
  require_room(output.contents, "contents", records * program.num_states());
  require_room(output.entered, "entered", records * static_cast<std::int64_t>(p.mobile.size()) * 2);
  if (!output.final_states.empty())
    require_room(output.final_states, "final_states",
                 p.num_lines * program.num_states() * p.num_cells);
}

/// Where steps must end: kinks of the kinetics in time, and inner points of the table where some
/// line's input changes its slope.
std::vector<double> knots_of(const model::Program& program, const LineProblem& p) {
  std::vector<double> knots;
  for (const double t : program.time_knots())
    if (t > p.begin) knots.push_back(t);
  const std::size_t points = p.table_times.size();
  const std::span<const double> x = p.table_times;
  for (std::size_t i = 1; i + 1 < points; ++i) {
    bool bends = false;
    for (std::size_t set = 0; set < p.table_values.size() && !bends; set += points) {
      const double* y = p.table_values.data() + set;
      bends = (y[i] - y[i - 1]) / (x[i] - x[i - 1]) != (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
    }
    if (bends && x[i] > p.begin) knots.push_back(x[i]);
  }
  std::sort(knots.begin(), knots.end());
  return knots;
}

/// Doubles per tape row: wide rows amortize the tape, as long as a block stays in the first-level
/// cache and cells are there to fill them.
int width_of(const model::LineProgram& line, int num_states, int num_cells) {
  const int rows = line.num_registers + 5 * num_states;
  constexpr int budget = 72 * 1024;
  for (const int width : {32, 16})
    if (rows * width * 8 <= budget && num_cells * linalg::line_lanes > width / 2) return width;
  return 8;
}

void make_tapes(LineContext& context, const model::Program& program,
                const model::LineProgram& line) {
  const int n = program.num_states();
  context.native = &program.native_cache().get(program, context.width, 0);
  const expr::RegisterRange temporaries{static_cast<std::uint32_t>(line.first_temporary),
                                        static_cast<std::uint32_t>(line.num_registers)};
  auto ready = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(program.view(tape), context.width, temporaries);
  };
  context.prologue = ready(line.prologue);
  context.first = ready(line.first);
  context.stage = ready(line.stage);
  context.y_row = line.num_registers;
  for (std::size_t s = 0; s < 4; ++s) {
    context.stage_rows[s] = line.num_registers + static_cast<int>(s + 1) * n;
    context.expand_code[s] = expr::moved(line.expand, line.solution, n, context.stage_rows[s]);
    context.expand[s] = ready(context.expand_code[s]);
  }
  context.file_rows = line.num_registers + 5 * n;
}

}  // namespace

LineResult simulate_line(const model::Program& program, const LineProblem& problem,
                         const LineOptions& options, const LineOutput& output,
                         const RunControl& control) {
  validate_problem(program, problem);
  validate_options(program, problem, options, output);
  validate_directions(program, problem, options, output);
  for (const std::span<double> out :
       {output.values, output.contents, output.entered, output.final_states, output.sensitivities,
        output.content_sensitivities, output.entered_sensitivities})
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
  LineResult result;
  result.status.assign(idx(problem.num_lines), Status::stopped);
  result.stats.assign(idx(problem.num_lines), {});
  std::vector<LineFailure> failures(idx(problem.num_lines));
  std::vector<std::int32_t> mobile;
  for (const MobileState& m : problem.mobile) mobile.push_back(m.state);
  const model::LineProgram line(program, mobile);
  LineContext context;
  context.program = &program;
  context.line = &line;
  context.problem = &problem;
  context.options = &options;
  context.output = &output;
  context.result = &result;
  context.failures = &failures;
  context.atol = options.atol;
  if (context.atol.empty()) context.atol.assign(idx(program.num_states()), 0.1 * options.rtol);
  context.may_be_negative.assign(idx(program.num_states()), 0);
  for (const std::int32_t s : options.signed_states) context.may_be_negative[idx(s)] = 1;
  context.knots = knots_of(program, problem);
  context.width =
      options.width != 0 ? options.width : width_of(line, program.num_states(), problem.num_cells);
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  context.control = {.safety = 0.9,
                     .exponent = 1.0 / (tableau.embedded_order + 1.0),
                     .largest_growth = 4.0,
                     .largest_shrink = 0.2,
                     .fixed_step = options.fixed_step};
  make_tapes(context, program, line);
  std::unique_ptr<const LineTangentPlan> tangents;
  if (problem.directions.count > 0) {
    tangents =
        std::make_unique<LineTangentPlan>(program, line, problem, context.width, context.y_row,
                                          context.stage_rows[0], context.file_rows);
    context.tangents = tangents.get();
    context.file_rows = tangents->program.num_registers;
  }

  const auto groups = (problem.num_lines + linalg::line_lanes - 1) / linalg::line_lanes;
  const int num_threads =
      static_cast<int>(std::min<std::int64_t>(granted_threads(control.num_threads), groups));
  const auto start = std::chrono::steady_clock::now();
  auto report = [&]() -> bool {
    if (!control.keep_going) return true;
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return control.keep_going({.done = context.finished.load(std::memory_order_relaxed),
                               .total = problem.num_lines,
                               .elapsed_seconds = elapsed});
  };
  parallel_run(num_threads, [&](int thread) {
    try {
      LineEngine engine(context);
      engine.run(thread == 0 ? std::function<bool()>(report) : std::function<bool()>());
      // The caller's thread has nothing left to do but to listen while others finish theirs.
      while (thread == 0 && context.finished.load() < problem.num_lines && !context.stop.load()) {
        if (!report()) context.stop.store(true);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    } catch (...) {  // an interrupt, for instance: nobody goes on alone
      context.stop.store(true);
      throw;
    }
  });
  for (const LineFailure& f : failures)
    if (f.status != Status::success) result.failures.push_back(f);
  result.width = context.width;
  result.num_threads = num_threads;
  return result;
}

}  // namespace krogh::simulate
