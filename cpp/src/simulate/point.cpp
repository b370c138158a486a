// Point solver: checks, choice of method, threads.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/point.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include <krogh/base/parallel.hpp>

#include "model/linear_drive.hpp"
#include "model/linear_form.hpp"
#include "model/tangent_program.hpp"
#include "simulate/engine_threads.hpp"
#include "simulate/lane_engine.hpp"
#include "simulate/method_choice.hpp"
#include "simulate/point_setup.hpp"

namespace krogh::simulate {
namespace {

using model::Record;
using model::RecordKind;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

std::string shape(std::size_t found, std::int64_t expected) {
  return "found " + std::to_string(found) + " values, expected " + std::to_string(expected);
}

bool is_dose(const Record& record) {
  return record.kind == RecordKind::dose || record.kind == RecordKind::reset_dose;
}

void validate(const model::Program& program, std::span<const double> parameters,
              std::int64_t num_subjects, const model::Schedule& schedule,
              const PointOptions& options, const PointOutput& output) {
  const std::int64_t np = program.num_parameters();
  if (num_subjects < 1) throw InvalidInput("num_subjects must be at least 1");
  if (parameters.size() != idx(np) && parameters.size() != idx(np * num_subjects))
    throw InvalidInput("parameters: " + shape(parameters.size(), np * num_subjects) + " (" +
                       std::to_string(num_subjects) + " subjects, " + std::to_string(np) +
                       " parameters)");
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (!std::isfinite(parameters[i]))
      throw InvalidInput("parameter '" + program.spec().parameter_names[i % idx(np)] +
                         "' of subject " + std::to_string(i / idx(np)) + " is not finite");
  if (!schedule.is_shared() && schedule.num_lists() != num_subjects)
    throw InvalidInput("schedule has " + std::to_string(schedule.num_lists()) +
                       " subjects, parameters " + std::to_string(num_subjects));
  if (schedule.largest_state() >= program.num_states())
    throw InvalidInput("a dose goes into state " + std::to_string(schedule.largest_state()) +
                       " of a model with " + std::to_string(program.num_states()));
  if (schedule.largest_parameter() >= np)
    throw InvalidInput("a record sets parameter " + std::to_string(schedule.largest_parameter()) +
                       " of a model with " + std::to_string(np));
  for (std::size_t i = 0; i < schedule.records().size(); ++i) {
    const Record& r = schedule.records()[i];
    if (!is_dose(r)) continue;
    if (!program.spec().doses.empty() && !program.spec().doses[idx(r.target)].adds_amount &&
        (r.rate != 0.0 || r.duration > 0.0 || r.steady > 0))
      throw InvalidInput("record " + std::to_string(i) +
                         ": an input function delivers doses into '" +
                         program.spec().state_names[idx(r.target)] +
                         "'; infusions and steady-state doses are not possible there");
    const auto& registers = program.dose_registers()[idx(r.target)];
    if (r.rate == -1.0 && registers[3] < 0)
      throw InvalidInput("record " + std::to_string(i) +
                         ": RATE = -1 needs a rate in the model for '" +
                         program.spec().state_names[idx(r.target)] + "'");
    if (r.rate == -2.0 && registers[2] < 0)
      throw InvalidInput("record " + std::to_string(i) +
                         ": RATE = -2 needs a duration in the model for '" +
                         program.spec().state_names[idx(r.target)] + "'");
  }
  const bool is_fixed = options.fixed_step > 0.0;
  if (!(options.rtol > 0.0 && options.rtol < 1.0) && !is_fixed)
    throw InvalidInput("rtol must lie between 0 and 1, found " + std::to_string(options.rtol));
  if (!options.atol.empty() && options.atol.size() != idx(program.num_states()))
    throw InvalidInput("atol: " + shape(options.atol.size(), program.num_states()));
  for (double a : options.atol)
    if (!(a >= 0.0) || !std::isfinite(a))
      throw InvalidInput("atol must be finite and not negative");
  for (double v : {options.max_step, options.first_step, options.fixed_step})
    if (!(v >= 0.0) || !std::isfinite(v))
      throw InvalidInput("max_step, first_step and fixed_step must be finite and not negative");
  if (options.max_steps < 1) throw InvalidInput("max_steps must be at least 1");
  if (options.lanes != 0 && std::find(std::begin(expr::lane_counts), std::end(expr::lane_counts),
                                      options.lanes) == std::end(expr::lane_counts))
    throw InvalidInput("lanes must be 0, 8, 16 or 32, found " + std::to_string(options.lanes));
  const auto observations = schedule.is_shared() ? num_subjects * schedule.total_observations()
                                                 : schedule.total_observations();
  const std::int64_t values = observations * program.num_outputs();
  if (output.values.size() != idx(values))
    throw InvalidInput("values: " + shape(output.values.size(), values));
  const auto directions = static_cast<std::int64_t>(options.sensitivities.size());
  if (!output.sensitivities.empty() && output.sensitivities.size() != idx(values * directions))
    throw InvalidInput("sensitivities: " + shape(output.sensitivities.size(), values * directions));
  const bool has_own_windows = options.windows_per_subject > 0;
  if (has_own_windows && options.windows.size() != idx(num_subjects * options.windows_per_subject))
    throw InvalidInput("windows: " +
                       shape(options.windows.size(), num_subjects * options.windows_per_subject));
  const auto windows = has_own_windows ? options.windows_per_subject
                                       : static_cast<std::int64_t>(options.windows.size());
  const std::int64_t metrics = num_subjects * windows * program.num_outputs() * num_metrics;
  if (output.metrics.size() != idx(metrics))
    throw InvalidInput("metrics: " + shape(output.metrics.size(), metrics));
  for (const Window& w : options.windows)
    if (!(w.end > w.begin) && !(has_own_windows && std::isnan(w.begin) && std::isnan(w.end)))
      throw InvalidInput("a window must end after it begins");
  if (!options.thresholds.empty() && options.thresholds.size() != idx(program.num_outputs()))
    throw InvalidInput("thresholds: " + shape(options.thresholds.size(), program.num_outputs()));
  if (!output.final_states.empty() &&
      output.final_states.size() != idx(num_subjects * program.num_states()))
    throw InvalidInput("final_states: " +
                       shape(output.final_states.size(), num_subjects * program.num_states()));
  if (!options.initial_states.empty() &&
      options.initial_states.size() != idx(num_subjects * program.num_states()))
    throw InvalidInput("initial_states: " +
                       shape(options.initial_states.size(), num_subjects * program.num_states()));
  for (const Direction& d : options.sensitivities) {
    const std::int64_t limit = d.kind == Direction::Kind::parameter ? np
                               : d.kind == Direction::Kind::initial ? program.num_states()
                                                                    : INT32_MAX;
    if (d.index < 0 || d.index >= limit)
      throw InvalidInput("a sensitivity names item " + std::to_string(d.index) + " of " +
                         std::to_string(limit));
  }
  for (std::size_t i = 0; i < schedule.records().size(); ++i)
    for (const Direction& d : options.sensitivities)
      if (schedule.records()[i].kind == RecordKind::set_parameter &&
          d.kind == Direction::Kind::parameter && d.index == schedule.records()[i].target)
        throw InvalidInput("record " + std::to_string(i) + " sets parameter '" +
                           program.spec().parameter_names[idx(d.index)] +
                           "', to which a sensitivity is asked for; a value that changes in time "
                           "has no single derivative");
  const bool has_stored =
      std::any_of(program.spec().doses.begin(), program.spec().doses.end(),
                  [](const model::DoseAttributes& d) { return d.time_parameter >= 0; });
  for (const Direction& d : options.sensitivities)
    if (has_stored && d.kind != Direction::Kind::parameter && d.kind != Direction::Kind::initial)
      throw InvalidInput(
          "sensitivities to dose attributes are not available in models whose input "
          "function reads stored doses");
  if (options.method == Method::propagator && !program.is_linear())
    throw InvalidInput("propagators need a linear model without events and switches");
  if (options.method == Method::propagator && windows > 0 &&
      !model::LinearForm::has_linear_outputs(program))
    throw InvalidInput(
        "propagators take metrics of outputs that are sums of states with constant "
        "coefficients; use another method for metrics of other outputs");
}

void validate_mixed(const model::Program& program, const model::Schedule& schedule,
                    const PointOptions& options, const std::vector<int>& closed) {
  const std::string plain = "; use another method";
  if (closed.empty())
    throw InvalidInput("method mixed needs a linear part that drives the rest of the model" +
                       plain);
  if (!options.sensitivities.empty())
    throw InvalidInput("method mixed gives values and metrics, no sensitivities" + plain);
  if (!program.spec().steady_initial.empty())
    throw InvalidInput("method mixed does not start from steady states" + plain);
  for (const Record& r : schedule.records()) {
    if (is_dose(r) && r.steady > 0)
      throw InvalidInput("method mixed does not take doses at steady state" + plain);
    if (r.kind == RecordKind::turn_off)
      throw InvalidInput("method mixed does not turn compartments off" + plain);
  }
}

/// Subjects whose linear part has no real, well separated modes, solved by the plain stepper; each
/// depends on itself alone.
void run_left_over(const model::Program& program, std::span<const double> parameters,
                   const model::Schedule& schedule, const PointOptions& options,
                   const PointOutput& output, const RunControl& control, Method method,
                   const std::vector<char>& is_left, PointResult& result) {
  std::vector<std::int64_t> subjects;
  for (std::size_t s = 0; s < is_left.size(); ++s)
    if (is_left[s] != 0) subjects.push_back(static_cast<std::int64_t>(s));
  if (subjects.empty()) return;
  const auto count = static_cast<std::int64_t>(subjects.size());
  const std::int64_t np = program.num_parameters();
  const std::int64_t n = program.num_states();
  PointOptions rest = options;
  rest.method = method;
  auto take = [&](auto& target, const auto& source, std::int64_t size) {
    target.clear();
    for (const std::int64_t s : subjects)
      target.insert(target.end(), source.begin() + s * size, source.begin() + (s + 1) * size);
  };
  std::vector<double> own_parameters;
  if (static_cast<std::int64_t>(parameters.size()) == np) {
    own_parameters.assign(parameters.begin(), parameters.end());
  } else {
    take(own_parameters, parameters, np);
  }
  if (!options.initial_states.empty()) take(rest.initial_states, options.initial_states, n);
  const std::int64_t own_windows = options.windows_per_subject;
  if (own_windows > 0) take(rest.windows, options.windows, own_windows);
  const std::int64_t windows =
      own_windows > 0 ? own_windows : static_cast<std::int64_t>(options.windows.size());
  std::vector<Record> records;
  std::vector<std::int64_t> offsets = {0};
  for (const std::int64_t s : subjects) {
    records.insert(records.end(), schedule.begin(s), schedule.end(s));
    offsets.push_back(static_cast<std::int64_t>(records.size()));
  }
  const model::Schedule own(std::move(records), std::move(offsets), false);
  const std::int64_t num_outputs = program.num_outputs();
  const std::int64_t num_metric_values = windows * num_outputs * num_metrics;
  std::vector<double> values(idx(own.total_observations() * num_outputs));
  std::vector<double> metrics(idx(count * num_metric_values));
  std::vector<double> final_states(output.final_states.empty() ? 0 : idx(count * n));
  PointOutput room;
  room.values = values;
  room.metrics = metrics;
  room.final_states = final_states;
  const PointResult found =
      simulate_point(program, own_parameters, count, own, rest, room, control);
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t s = subjects[idx(k)];
    const std::int64_t first =
        schedule.is_shared() ? s * schedule.num_observations(s) : schedule.first_observation(s);
    std::copy_n(values.begin() + own.first_observation(k) * num_outputs,
                own.num_observations(k) * num_outputs, output.values.begin() + first * num_outputs);
    std::copy_n(metrics.begin() + k * num_metric_values, num_metric_values,
                output.metrics.begin() + s * num_metric_values);
    if (!final_states.empty())
      std::copy_n(final_states.begin() + k * n, n, output.final_states.begin() + s * n);
    result.status[idx(s)] = found.status[idx(k)];
    result.stats[idx(s)] = found.stats[idx(k)];
    result.methods[idx(s)] = found.methods[idx(k)];
  }
  for (Failure failure : found.failures) {
    failure.subject = subjects[idx(failure.subject)];
    result.failures[idx(failure.subject)] = failure;
  }
}

/// The model with switches for the states that records turn off; null where there are none.
std::unique_ptr<model::Program> with_switches(const model::Program& program,
                                              const model::Schedule& schedule,
                                              PointContext& context) {
  std::vector<char> is_switched(idx(program.num_states()), 0);
  for (const Record& r : schedule.records())
    if (r.kind == RecordKind::turn_off) is_switched[idx(r.target)] = 1;
  std::vector<int> states;
  for (int i = 0; i < program.num_states(); ++i)
    if (is_switched[idx(i)] != 0) states.push_back(i);
  if (states.empty()) return nullptr;
  context.switches.assign(idx(program.num_states()), -1);
  for (std::size_t k = 0; k < states.size(); ++k)
    context.switches[idx(states[k])] = program.num_parameters() + static_cast<std::int32_t>(k);
  return std::make_unique<model::Program>(program.with_switches(states));
}

}  // namespace

void prepare_run(PointContext& context, const model::Program& program,
                 std::span<const double> parameters, std::int64_t num_subjects,
                 const model::Schedule& schedule, const PointOptions& options,
                 const PointOutput& output, PointResult& result) {
  context.program = &program;
  context.schedule = &schedule;
  context.options = &options;
  context.output = &output;
  context.result = &result;
  context.parameters = parameters;
  if (context.num_given_parameters == 0) context.num_given_parameters = program.num_parameters();
  const std::int64_t size = static_cast<std::int64_t>(parameters.size());
  context.has_one_parameter_set = size == context.num_given_parameters;
  context.initial_states = options.initial_states;
  context.num_subjects = num_subjects;
  context.atol = options.atol;
  if (context.atol.empty()) context.atol.assign(idx(program.num_states()), 1e-3 * options.rtol);
  const auto& records = schedule.records();
  std::vector<char> receives(idx(program.num_states()), 0);
  for (const Record& r : records)
    if (is_dose(r) && r.is_infusion()) receives[idx(r.target)] = 1;
  for (int i = 0; i < program.num_states(); ++i)
    if (receives[idx(i)]) context.input_states.push_back(i);
  context.next_action.resize(records.size());
  auto next = static_cast<std::int32_t>(records.size());
  for (std::size_t i = records.size(); i-- > 0;) {
    // The clock may go back at a reset: what precedes it is a stop of its own.
    const bool goes_back = i + 1 < records.size() && records[i + 1].time < records[i].time;
    if (records[i].kind != RecordKind::observe || goes_back) next = static_cast<std::int32_t>(i);
    context.next_action[i] = next;
  }
  result.status.assign(idx(num_subjects), Status::stopped);
  result.methods.assign(idx(num_subjects), Method::automatic);
  result.stats.assign(idx(num_subjects), {});
  result.steady_residual.assign(idx(num_subjects), 0.0);
  result.failures.assign(idx(num_subjects), {});
}

PointResult simulate_point(const model::Program& given, std::span<const double> parameters,
                           std::int64_t num_subjects, const model::Schedule& schedule,
                           const PointOptions& options, const PointOutput& output,
                           const RunControl& control) {
  validate(given, parameters, num_subjects, schedule, options, output);
  PointResult result;
  PointContext context;
  context.num_given_parameters = given.num_parameters();
  const std::unique_ptr<model::Program> switched = with_switches(given, schedule, context);
  std::unique_ptr<model::LinearDrive> drive;
  std::vector<char> left_to_stepper;
  if (options.method == Method::mixed) {
    std::vector<int> closed = model::LinearDrive::closed_states(given);
    validate_mixed(given, schedule, options, closed);
    drive = std::make_unique<model::LinearDrive>(given, std::move(closed));
    left_to_stepper.assign(idx(num_subjects), 0);
    context.left_to_stepper = &left_to_stepper;
  }
  const model::Program& program = drive ? *drive->program : switched ? *switched : given;
  prepare_run(context, program, parameters, num_subjects, schedule, options, output, result);
  context.method = choose_method(program, options);
  const Method plain = options.rtol > 3e-4 ? Method::rodas4 : Method::rodas5p;
  context.stepper = stepper_of(drive ? plain : context.method);
  if (drive) {
    drive->compile(program.layout().count + context.stepper.slots * program.num_states());
    context.drive = drive.get();
    // The norm of the error is a mean over all states, of which the linear ones have no error.
    const auto all = static_cast<double>(program.num_states());
    context.tolerance_share = std::sqrt((all - static_cast<double>(drive->states.size())) / all);
    for (double& a : context.atol) a *= context.tolerance_share;
    for (const int state : context.input_states)
      if (std::find(drive->states.begin(), drive->states.end(), state) == drive->states.end())
        context.step_input_states.push_back(state);
  }
  context.control = control_of(context.stepper, options);
  context.lanes =
      options.lanes != 0 ? options.lanes : program.preferred_lanes(context.stepper.slots);

  auto parameters_of = [](const std::vector<Direction>& directions) {
    std::vector<std::int32_t> indices;
    for (const Direction& d : directions)
      indices.push_back(d.kind == Direction::Kind::parameter ? d.index : -1);
    return indices;
  };
  std::unique_ptr<model::TangentProgram> tangents, orbit_tangents;
  std::vector<Direction> orbit_directions;
  if (!options.sensitivities.empty()) {
    tangents =
        std::make_unique<model::TangentProgram>(program, parameters_of(options.sensitivities));
    context.tangents = tangents.get();
    if (options.lanes == 0) context.lanes = std::min(context.lanes, 16);
  }
  std::unique_ptr<model::LinearForm> linear_form;
  if (context.method == Method::propagator) {
    linear_form = std::make_unique<model::LinearForm>(
        program, !options.windows.empty(), parameters_of(options.sensitivities),
        tangents != nullptr ? tangents->num_registers : program.layout().count);
    context.linear_form = linear_form.get();
  }
  const bool has_steady = std::any_of(schedule.records().begin(), schedule.records().end(),
                                      [](const Record& r) { return is_dose(r) && r.steady > 0; });
  if (has_steady && context.method != Method::propagator) {
    for (int i = 0; i < program.num_states(); ++i)
      orbit_directions.push_back({Direction::Kind::initial, i});
    for (const Direction& d : options.sensitivities)
      orbit_directions.push_back(
          d.kind == Direction::Kind::parameter ? d : Direction{Direction::Kind::amount, 1 << 30});
    for (std::int32_t dose : {0, 1})
      for (auto kind : {Direction::Kind::amount, Direction::Kind::duration})
        orbit_directions.push_back({kind, dose});
    orbit_tangents =
        std::make_unique<model::TangentProgram>(program, parameters_of(orbit_directions));
  }
  context.orbit_directions = &orbit_directions;
  context.orbit_tangents = orbit_tangents.get();
  const int num_stages =
      context.stepper.family == integrate::Stepper::Family::rosenbrock ? context.stepper.slots : 0;
  std::vector<std::unique_ptr<const model::NativeTapes>> made;
  auto native = [&](const model::TangentProgram* derivatives, int lanes) {
    if (derivatives == nullptr) return &program.native_cache().get(program, lanes, num_stages);
    made.push_back(
        std::make_unique<const model::NativeTapes>(program, derivatives, lanes, num_stages));
    return made.back().get();
  };
  context.native = native(context.tangents, context.lanes);
  if (has_steady) context.orbit_native = native(context.orbit_tangents, orbit_lanes);

  const int wanted = granted_threads(control.num_threads);
  const Report tell(control, num_subjects);
  std::int64_t finished = 0;
  auto run = [&](PointContext& phase, std::int64_t count, auto&& work) {
    const auto blocks =
        static_cast<int>(std::min<std::int64_t>((count + phase.lanes - 1) / phase.lanes, 1 << 20));
    const int num_threads = std::max(1, std::min(wanted, blocks));
    run_engines(
        num_threads, phase.stop,
        [&] { return tell(phase.finished.load(std::memory_order_relaxed) + finished); },
        [&](const std::function<bool()>& report) {
          LaneEngine engine(phase);
          work(engine, report);
        });
    finished += phase.finished.load(std::memory_order_relaxed);
    result.num_threads = std::max(result.num_threads, num_threads);
    return !phase.stop.load(std::memory_order_relaxed);
  };
  auto integrate = [](LaneEngine& engine, const std::function<bool()>& keep_going) {
    engine.run(keep_going);
  };
  bool goes_on = true;
  if (may_start_explicitly(context.method, options, schedule)) {
    const StiffnessScreen screen = make_screen(schedule, program.num_states(), options.rtol);
    HandOver hand_over;
    PointContext sorting, first;
    for (PointContext* phase : {&sorting, &first}) {
      phase->num_given_parameters = context.num_given_parameters;
      phase->switches = context.switches;
      prepare_run(*phase, program, parameters, num_subjects, schedule, options, output, result);
      phase->method = Method::explicit5;
      phase->stepper = stepper_of(phase->method);
      phase->control = control_of(phase->stepper, options);
      phase->lanes = context.lanes;
      phase->tangents = context.tangents;
      phase->native = context.native;
      phase->hand_over = &hand_over;
    }
    goes_on = run(sorting, num_subjects,
                  [&](LaneEngine& engine, const std::function<bool()>& keep_going) {
                    engine.sort_by_stiffness(screen, keep_going);
                  });
    first.set_queue(std::move(hand_over.calm), {});
    const auto calm = static_cast<std::int64_t>(first.queue.size());
    if (goes_on && calm > 0) goes_on = run(first, calm, integrate);
    context.set_queue(std::move(hand_over.stiff), std::move(hand_over.running));
  }
  const auto left = context.has_queue
                        ? static_cast<std::int64_t>(context.queue.size() + context.resumed.size())
                        : num_subjects;
  if (goes_on && left > 0) run(context, left, integrate);
  result.lanes = context.lanes;

  if (drive && !context.stop.load())
    run_left_over(given, parameters, schedule, options, output, control, plain, left_to_stepper,
                  result);
  const int num_outputs = program.num_outputs();
  std::vector<Failure> failures;
  for (std::int64_t s = 0; s < num_subjects; ++s) {
    if (result.status[idx(s)] == Status::success) continue;
    const std::int64_t count = schedule.num_observations(s) * num_outputs;
    const std::int64_t first =
        (schedule.is_shared() ? s * schedule.num_observations(s) : schedule.first_observation(s)) *
        num_outputs;
    std::fill_n(output.values.begin() + first, count, std::nan(""));
    const auto k = static_cast<std::int64_t>(options.sensitivities.size());
    if (!output.sensitivities.empty())
      std::fill_n(output.sensitivities.begin() + first * k, count * k, std::nan(""));
    if (result.failures[idx(s)].status != Status::success)
      failures.push_back(result.failures[idx(s)]);
  }
  result.failures = std::move(failures);
  const auto differs = [&](Method m) { return m != result.methods.front(); };
  const bool is_one = std::none_of(result.methods.begin(), result.methods.end(), differs);
  result.method = options.method != Method::automatic ? context.method
                  : is_one                            ? result.methods.front()
                                                      : Method::automatic;
  return result;
}

}  // namespace krogh::simulate
