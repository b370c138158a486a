// Line solver: checks, tapes, threads.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/line.hpp>

#include <algorithm>
#include <limits>
#include <string>

#include <krogh/base/parallel.hpp>
#include <krogh/integrate/tableau.hpp>

#include "simulate/engine_threads.hpp"
#include "simulate/line_checks.hpp"
#include "simulate/line_engine.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Where steps must end: kinks of the kinetics in time, and inner points of the table where some
/// line's input changes its slope.
std::vector<double> knots_of(const model::Program& program, const LineProblem& p) {
  std::vector<double> knots;
  for (const model::Program* of : {&program, p.plasma.program})
    if (of != nullptr)
      for (const double t : of->time_knots())
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

LineTolerance tolerance_of(const model::Program& program, const std::vector<double>& atol,
                           const std::vector<std::int32_t>& is_signed, double rtol) {
  LineTolerance found;
  found.atol = atol;
  if (atol.empty()) found.atol.assign(idx(program.num_states()), 0.1 * rtol);
  found.may_be_negative.assign(idx(program.num_states()), 0);
  for (const std::int32_t s : is_signed) found.may_be_negative[idx(s)] = 1;
  return found;
}

void prepare_plasma(LineContext& context, const LinePlasmaProblem& plasma,
                    const LineOptions& options) {
  for (const Exchange& e : plasma.exchange)
    if (std::find(context.plasma_kept.begin(), context.plasma_kept.end(), e.state) ==
        context.plasma_kept.end())
      context.plasma_kept.push_back(e.state);
  if (context.plasma_kept.size() > idx(max_mobile))
    throw InvalidInput("exchange: at most " + std::to_string(max_mobile) +
                       " states of the plasma can be exchanged, found " +
                       std::to_string(context.plasma_kept.size()));
  const model::Program& program = *plasma.program;
  context.plasma_tapes = &program.line_cache().tapes(program, context.plasma_kept, plasma_width);
  context.plasma_tolerance =
      tolerance_of(program, options.plasma_atol, options.plasma_signed, options.rtol);
}

}  // namespace

LineResult simulate_line(const model::Program& program, const LineProblem& problem,
                         const LineOptions& options, const LineOutput& output,
                         const RunControl& control) {
  validate_line_problem(program, problem);
  validate_line_options(program, problem, options, output);
  validate_directions(program, problem, options, output);
  for (const std::span<double> out :
       {output.values, output.contents, output.entered, output.final_states, output.plasma,
        output.vessel, output.sensitivities, output.content_sensitivities,
        output.entered_sensitivities, output.plasma_sensitivities})
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
  LineResult result;
  result.status.assign(idx(problem.num_lines), Status::stopped);
  result.stats.assign(idx(problem.num_lines), {});
  std::vector<LineFailure> failures(idx(problem.num_lines));
  std::vector<std::int32_t> mobile;
  for (const MobileState& m : problem.mobile) mobile.push_back(m.state);
  const int width = options.width != 0 ? options.width
                                       : width_of(program.line_cache().program(program, mobile),
                                                  program.num_states(), problem.num_cells);
  LineContext context;
  context.program = &program;
  context.tapes = &program.line_cache().tapes(program, mobile, width);
  context.problem = &problem;
  context.options = &options;
  context.output = &output;
  context.result = &result;
  context.failures = &failures;
  context.tolerance = tolerance_of(program, options.atol, options.signed_states, options.rtol);
  context.knots = knots_of(program, problem);
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  context.control = {.safety = 0.9,
                     .exponent = 1.0 / (tableau.embedded_order + 1.0),
                     .largest_growth = 4.0,
                     .largest_shrink = 0.2,
                     .fixed_step = options.fixed_step};
  if (problem.plasma.program != nullptr) prepare_plasma(context, problem.plasma, options);
  std::unique_ptr<const LineTangentPlan> tangents;
  if (problem.directions.count > 0) {
    tangents = std::make_unique<LineTangentPlan>(
        program, mobile, *context.tapes, context.plasma_kept, context.plasma_tapes, problem);
    context.tangents = tangents.get();
  }

  const auto groups = (problem.num_lines + linalg::line_lanes - 1) / linalg::line_lanes;
  const int num_threads =
      static_cast<int>(std::min<std::int64_t>(granted_threads(control.num_threads), groups));
  const Report tell(control, problem.num_lines);
  run_engines(
      num_threads, context.stop,
      [&] { return tell(context.finished.load(std::memory_order_relaxed)); },
      [&](const std::function<bool()>& report) { LineEngine(context).run(report); });
  for (const LineFailure& f : failures)
    if (f.status != Status::success) result.failures.push_back(f);
  result.width = width;
  result.num_threads = num_threads;
  return result;
}

}  // namespace krogh::simulate
