// The point solver: checks, spans, interpreter lock released, Ctrl-C and progress on this thread.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/point.hpp>

#include <optional>

#include "bindings.hpp"
#include "watcher.hpp"

namespace krogh::bindings {

using simulate::Direction;
using simulate::Method;
using simulate::PointOptions;
using simulate::PointOutput;
using simulate::PointResult;

namespace {

constexpr std::pair<const char*, Method> method_names[] = {
    {"auto", Method::automatic},        {"rodas4", Method::rodas4},
    {"rodas5p", Method::rodas5p},       {"ros34pw2", Method::ros34pw2},
    {"explicit5", Method::explicit5},   {"rkc2", Method::rkc2},
    {"propagator", Method::propagator}, {"mixed", Method::mixed}};

Method method_named(const std::string& name) {
  for (const auto& [known, method] : method_names)
    if (name == known) return method;
  throw InvalidInput(
      "method must be auto, rodas4, rodas5p, ros34pw2, explicit5, rkc2, "
      "propagator or mixed, found '" +
      name + "'");
}

std::string name_of(Method method) {
  for (const auto& [name, known] : method_names)
    if (method == known) return name;
  return "unknown";
}

Direction direction_from(const std::pair<std::string, int>& argument) {
  using Kind = Direction::Kind;
  constexpr std::pair<const char*, Kind> kinds[] = {{"parameter", Kind::parameter},
                                                    {"initial", Kind::initial},
                                                    {"amount", Kind::amount},
                                                    {"time", Kind::time},
                                                    {"duration", Kind::duration},
                                                    {"bioavailability", Kind::bioavailability},
                                                    {"lag", Kind::lag}};
  for (const auto& [name, kind] : kinds)
    if (argument.first == name) return {kind, argument.second};
  throw InvalidInput(
      "sensitivity kind must be parameter, initial, amount, time, duration, "
      "bioavailability or lag, found '" +
      argument.first + "'");
}

/// A finished call: arrays owned by Python, counters and failures.
struct PointRun {
  PointResult result;
  py::object values, sensitivities, metrics, final_states;
};

py::array_t<double> room(std::vector<py::ssize_t> shape,
                         const std::optional<Array<double>>& given) {
  if (!given) return py::array_t<double>(std::move(shape));
  const std::vector<py::ssize_t> found(given->shape(), given->shape() + given->ndim());
  if (found != shape || !given->writeable())
    throw InvalidInput("out has not the shape of the result, or is read-only");
  return *given;
}

std::span<double> writable(py::array_t<double>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

struct Arguments {
  PointOptions options;
  int num_threads = 0;
  py::object progress;
  std::optional<Array<double>> out;
  bool final_states = false;
};

PointRun run_point(const model::Program& program, const Array<double>& parameters,
                   const model::Schedule& schedule, std::int64_t num_subjects,
                   Arguments arguments) {
  if (parameters.ndim() != 2 || parameters.shape(1) != program.num_parameters())
    throw InvalidInput("parameters must have shape (num_subjects, " +
                       std::to_string(program.num_parameters()) + ")");
  if (num_subjects <= 0)
    num_subjects = std::max<std::int64_t>(parameters.shape(0),
                                          schedule.is_shared() ? 1 : schedule.num_lists());
  const py::ssize_t outputs = program.num_outputs();
  std::vector<py::ssize_t> shape =
      schedule.is_shared()
          ? std::vector<py::ssize_t>{num_subjects, schedule.total_observations(), outputs}
          : std::vector<py::ssize_t>{schedule.total_observations(), outputs};
  PointRun run;
  py::array_t<double> values = room(shape, arguments.out);
  const auto directions = static_cast<py::ssize_t>(arguments.options.sensitivities.size());
  const auto windows =
      static_cast<py::ssize_t>(arguments.options.windows_per_subject > 0
                                   ? arguments.options.windows_per_subject
                                   : static_cast<std::int64_t>(arguments.options.windows.size()));
  shape.push_back(directions);
  py::array_t<double> sensitivities(directions > 0 ? shape : std::vector<py::ssize_t>{0});
  py::array_t<double> metrics(
      windows > 0 ? std::vector<py::ssize_t>{num_subjects, windows, outputs, simulate::num_metrics}
                  : std::vector<py::ssize_t>{0});
  py::array_t<double> final_states(
      arguments.final_states ? std::vector<py::ssize_t>{num_subjects, program.num_states()}
                             : std::vector<py::ssize_t>{0});
  PointOutput output;
  output.values = writable(values);
  if (directions > 0) output.sensitivities = writable(sensitivities);
  if (windows > 0) output.metrics = writable(metrics);
  if (arguments.final_states) output.final_states = writable(final_states);
  const std::span<const double> parameter_values = view(parameters);
  Watcher watcher(arguments.progress);
  const RunControl control{.num_threads = arguments.num_threads,
                           .keep_going = [&watcher](const Progress& p) { return watcher(p); }};
  {
    const py::gil_scoped_release unlocked;
    run.result = simulate::simulate_point(program, parameter_values, num_subjects, schedule,
                                          arguments.options, output, control);
  }
  run.values = values;
  run.sensitivities = directions > 0 ? py::object(sensitivities) : py::none();
  run.metrics = windows > 0 ? py::object(metrics) : py::none();
  run.final_states = arguments.final_states ? py::object(final_states) : py::none();
  return run;
}

py::dict stats_of(const PointRun& run) {
  const auto& rows = run.result.stats;
  const auto n = static_cast<py::ssize_t>(rows.size());
  py::array_t<std::int64_t> accepted(n), rejected(n), rhs(n), jacobians(n), switches(n);
  for (py::ssize_t i = 0; i < n; ++i) {
    const auto& row = rows[static_cast<std::size_t>(i)];
    accepted.mutable_at(i) = row.accepted;
    rejected.mutable_at(i) = row.rejected;
    rhs.mutable_at(i) = row.rhs_evaluations;
    jacobians.mutable_at(i) = row.jacobians;
    switches.mutable_at(i) = row.switches;
  }
  py::dict stats;
  stats["accepted"] = accepted;
  stats["rejected"] = rejected;
  stats["rhs_evaluations"] = rhs;
  stats["jacobians"] = jacobians;
  stats["switches"] = switches;
  return stats;
}

}  // namespace

void register_simulate(py::module_& module) {
  py::list names;
  for (std::size_t code = 0; code < std::size(method_names); ++code)
    names.append(name_of(static_cast<Method>(code)));
  module.attr("METHODS") = py::tuple(names);
  py::class_<PointRun>(module, "PointRun", "Result of one call of the point solver.")
      .def_readonly("values", &PointRun::values)
      .def_readonly("sensitivities", &PointRun::sensitivities)
      .def_readonly("metrics", &PointRun::metrics)
      .def_readonly("final_states", &PointRun::final_states)
      .def_property_readonly("method", [](const PointRun& r) { return name_of(r.result.method); })
      .def_property_readonly(
          "methods",
          [](const PointRun& r) {
            std::vector<std::int8_t> codes;
            for (Method m : r.result.methods) codes.push_back(static_cast<std::int8_t>(m));
            const auto n = static_cast<py::ssize_t>(codes.size());
            return as_array(std::move(codes), {n});
          },
          "Positions in METHODS of the method that finished each subject.")
      .def_property_readonly("lanes", [](const PointRun& r) { return r.result.lanes; })
      .def_property_readonly("num_threads", [](const PointRun& r) { return r.result.num_threads; })
      .def_property_readonly("stats", &stats_of)
      .def_property_readonly("status",
                             [](const PointRun& r) {
                               std::vector<int> codes;
                               for (Status s : r.result.status)
                                 codes.push_back(static_cast<int>(s));
                               const auto n = static_cast<py::ssize_t>(codes.size());
                               return as_array(std::move(codes), {n});
                             })
      .def_property_readonly("steady_residual",
                             [](const PointRun& r) {
                               auto copy = r.result.steady_residual;
                               const auto n = static_cast<py::ssize_t>(copy.size());
                               return as_array(std::move(copy), {n});
                             })
      .def_property_readonly("failures", [](const PointRun& r) {
        py::list failures;
        for (const auto& f : r.result.failures)
          failures.append(py::make_tuple(f.subject, static_cast<int>(f.status),
                                         std::string(sentence(f.status)), f.time, f.state,
                                         f.cause));
        return failures;
      });

  module.def(
      "simulate_point",
      [](const model::Program& program, const Array<double>& parameters,
         const model::Schedule& schedule, std::int64_t num_subjects, double rtol,
         std::vector<double> atol, const std::string& method, double max_step, double first_step,
         double fixed_step, std::int64_t max_steps, int lanes,
         const std::vector<std::pair<std::string, int>>& sensitivities,
         const std::vector<std::pair<double, double>>& windows, std::vector<double> thresholds,
         std::optional<Array<double>> subject_windows, std::optional<Array<double>> initial_states,
         bool final_states, bool stop_on_failure, int num_threads, py::object progress,
         std::optional<Array<double>> out) {
        Arguments arguments;
        PointOptions& o = arguments.options;
        o.method = method_named(method);
        o.rtol = rtol;
        o.atol = std::move(atol);
        o.max_step = max_step;
        o.first_step = first_step;
        o.fixed_step = fixed_step;
        o.max_steps = max_steps;
        o.lanes = lanes;
        for (const auto& s : sensitivities) o.sensitivities.push_back(direction_from(s));
        for (const auto& [begin, end] : windows) o.windows.push_back({begin, end});
        o.thresholds = std::move(thresholds);
        if (subject_windows) {
          if (subject_windows->ndim() != 3 || subject_windows->shape(2) != 2 || !windows.empty())
            throw InvalidInput(
                "subject_windows must have shape (num_subjects, num_windows, 2) and "
                "stands in place of windows");
          const auto span = view(*subject_windows);
          for (std::size_t k = 0; k + 1 < span.size(); k += 2)
            o.windows.push_back({span[k], span[k + 1]});
          o.windows_per_subject = subject_windows->shape(1);
        }
        if (initial_states) {
          const auto span = view(*initial_states);
          o.initial_states.assign(span.begin(), span.end());
        }
        o.stop_on_failure = stop_on_failure;
        arguments.num_threads = num_threads;
        arguments.progress = std::move(progress);
        arguments.out = std::move(out);
        arguments.final_states = final_states;
        return run_point(program, parameters, schedule, num_subjects, std::move(arguments));
      },
      py::arg("program"), py::arg("parameters").noconvert(), py::arg("schedule"), py::kw_only(),
      py::arg("num_subjects") = 0, py::arg("rtol") = 1e-6, py::arg("atol") = std::vector<double>{},
      py::arg("method") = "auto", py::arg("max_step") = 0.0, py::arg("first_step") = 0.0,
      py::arg("fixed_step") = 0.0, py::arg("max_steps") = 1'000'000, py::arg("lanes") = 0,
      py::arg("sensitivities") = std::vector<std::pair<std::string, int>>{},
      py::arg("windows") = std::vector<std::pair<double, double>>{},
      py::arg("thresholds") = std::vector<double>{}, py::arg("subject_windows") = py::none(),
      py::arg("initial_states") = py::none(), py::arg("final_states") = false,
      py::arg("stop_on_failure") = false, py::arg("num_threads") = 0,
      py::arg("progress") = py::none(), py::arg("out") = py::none());
}

}  // namespace krogh::bindings
