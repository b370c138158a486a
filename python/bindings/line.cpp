// The line solver: checks, spans, interpreter lock released, Ctrl-C and progress on this thread.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/line.hpp>

#include <optional>

#include "bindings.hpp"
#include "watcher.hpp"

namespace krogh::bindings {

using simulate::LineOptions;
using simulate::LineOutput;
using simulate::LineProblem;
using simulate::LineResult;
using simulate::MobileState;

namespace {

/// state, inner wall, its input, outer wall, its input
using MobileArgument =
    std::tuple<std::int32_t, std::string, std::int32_t, std::string, std::int32_t>;
using Given = std::optional<Array<double>>;

std::span<const double> view_of(const Given& array) {
  return array ? view(*array) : std::span<const double>();
}

std::span<double> room(py::array_t<double>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

/// A finished call: arrays owned by Python, counters and failures.
struct LineRun {
  LineResult result;
  py::object values, contents, entered, final_states, plasma, vessel;
  py::object sensitivities, content_sensitivities, entered_sensitivities, plasma_sensitivities;
};

/// Concentrations outside the walls, as arrays of the binding's caller.
struct Inputs {
  Given rates, pulse_times, pulse_amplitudes, table_times, table_values;

  void put(LineProblem& problem) const {
    auto require = [](const Given& array, const char* name, py::ssize_t axes) {
      if (array && array->ndim() != axes)
        throw InvalidInput(std::string(name) + " must have " + std::to_string(axes) + " axes");
    };
    require(rates, "rates", 3);
    require(pulse_times, "pulse_times", 2);
    require(pulse_amplitudes, "pulse_amplitudes", 4);
    require(table_times, "table_times", 1);
    require(table_values, "table_values", 3);
    if (rates) {
      problem.num_inputs = static_cast<std::int32_t>(rates->shape(1));
      problem.num_terms = static_cast<std::int32_t>(rates->shape(2));
    } else if (table_values) {
      problem.num_inputs = static_cast<std::int32_t>(table_values->shape(1));
    }
    if (pulse_times) problem.num_pulses = static_cast<std::int32_t>(pulse_times->shape(1));
    problem.rates = view_of(rates);
    problem.pulse_times = view_of(pulse_times);
    problem.pulse_amplitudes = view_of(pulse_amplitudes);
    problem.table_times = view_of(table_times);
    problem.table_values = view_of(table_values);
  }
};

/// Tangents of the inputs, as arrays of the binding's caller.
struct Directions {
  Given parameters, fields, initial, faces, diffusivity, fraction, permeability, velocity, rates,
      pulse_amplitudes, table_values, plasma_parameters, plasma_initial, outside_factor,
      uptake_factor, dose_amounts;

  void put(LineProblem& problem) const {
    simulate::LineDirections& d = problem.directions;
    auto put_one = [&d](const Given& array, const char* name, py::ssize_t axes,
                        std::span<const double>& target) {
      if (!array) return;
      if (array->ndim() != axes)
        throw InvalidInput(std::string(name) + " must have " + std::to_string(axes) + " axes");
      const auto count = static_cast<std::int32_t>(array->shape(1));
      if (d.count != 0 && d.count != count)
        throw InvalidInput(std::string(name) + " has " + std::to_string(count) +
                           " directions, others have " + std::to_string(d.count));
      d.count = count;
      target = view(*array);
    };
    put_one(parameters, "d_parameters", 3, d.parameters);
    put_one(fields, "d_fields", 4, d.fields);
    put_one(initial, "d_initial", 4, d.initial);
    put_one(faces, "d_faces", 3, d.faces);
    put_one(diffusivity, "d_diffusivity", 4, d.diffusivity);
    put_one(fraction, "d_fraction", 4, d.fraction);
    put_one(permeability, "d_permeability", problem.branches.empty() ? 4 : 5, d.permeability);
    put_one(velocity, "d_velocity", 4, d.velocity);
    put_one(rates, "d_rates", 4, d.rates);
    put_one(pulse_amplitudes, "d_pulse_amplitudes", 5, d.pulse_amplitudes);
    put_one(table_values, "d_table_values", 4, d.table_values);
    put_one(plasma_parameters, "d_plasma_parameters", 3, d.plasma_parameters);
    put_one(plasma_initial, "d_plasma_initial", 3, d.plasma_initial);
    put_one(outside_factor, "d_outside_factor", 3, d.outside_factor);
    put_one(uptake_factor, "d_uptake_factor", 3, d.uptake_factor);
    put_one(dose_amounts, "d_dose_amounts", 3, d.dose_amounts);
  }
};

/// mobile state, wall, state of the plasma
using ExchangeArgument = std::tuple<std::int32_t, std::int32_t, std::int32_t>;

/// The plasma, as arrays of the binding's caller.
struct PlasmaArguments {
  const model::Program* program = nullptr;
  Given parameters, initial, outside_factor, uptake_factor;
  std::vector<ExchangeArgument> exchange;
  std::optional<Array<std::int64_t>> dose_offsets;
  Given dose_times, dose_amounts;
  std::optional<Array<std::int32_t>> dose_states;
  std::optional<Array<std::int8_t>> dose_kinds;
  std::vector<simulate::DoseKind> kinds;

  void put(LineProblem& problem) {
    simulate::LinePlasmaProblem& p = problem.plasma;
    p.program = program;
    p.parameters = view_of(parameters);
    p.initial = view_of(initial);
    p.outside_factor = view_of(outside_factor);
    p.uptake_factor = view_of(uptake_factor);
    for (const auto& [mobile, wall, state] : exchange)
      p.exchange.push_back({.mobile = mobile, .wall = wall, .state = state});
    if (dose_offsets) p.dose_offsets = view(*dose_offsets);
    p.dose_times = view_of(dose_times);
    p.dose_amounts = view_of(dose_amounts);
    if (dose_states) p.dose_states = view(*dose_states);
    if (dose_kinds)
      for (const std::int8_t kind : view(*dose_kinds))
        kinds.push_back(static_cast<simulate::DoseKind>(kind));
    p.dose_kinds = kinds;
  }
};

LineRun run_line(const model::Program& program, const LineProblem& problem,
                 const LineOptions& options, bool final_states, int num_threads,
                 py::object progress) {
  const py::ssize_t lines = std::max<std::int64_t>(problem.num_lines, 0);
  const auto records = static_cast<py::ssize_t>(problem.record_times.size());
  const py::ssize_t states = program.num_states();
  const auto recorded = static_cast<py::ssize_t>(options.recorded.size());
  const auto mobile = static_cast<py::ssize_t>(problem.mobile.size());
  const py::ssize_t cells = problem.num_cells;
  using Shape = std::vector<py::ssize_t>;
  py::array_t<double> values(Shape{lines, records, recorded, cells});
  const auto branches = static_cast<py::ssize_t>(problem.branches.size());
  const bool has_vessel = !problem.vessel.flow.empty();
  const bool is_one = branches == 0;  // without an axis of branches
  py::array_t<double> contents(is_one ? Shape{lines, records, states}
                                      : Shape{lines, records, branches, states});
  py::array_t<double> entered(is_one ? Shape{lines, records, mobile, 2}
                                     : Shape{lines, records, branches, mobile, 2});
  py::array_t<double> vessel(!has_vessel ? Shape{0}
                             : is_one    ? Shape{lines, records, mobile}
                                         : Shape{lines, records, branches, mobile});
  const py::ssize_t directions = problem.directions.count;
  py::array_t<double> sensitivities(Shape{lines, records, directions, recorded, cells});
  py::array_t<double> content_sensitivities(
      is_one ? Shape{lines, records, directions, states}
             : Shape{lines, records, directions, branches, states});
  py::array_t<double> entered_sensitivities(
      is_one ? Shape{lines, records, directions, mobile, 2}
             : Shape{lines, records, directions, branches, mobile, 2});
  py::array_t<double> finals(final_states ? Shape{lines, states, cells} : Shape{0});
  const bool has_plasma = problem.plasma.program != nullptr;
  const py::ssize_t blood = has_plasma ? problem.plasma.program->num_states() : 0;
  py::array_t<double> plasma(Shape{lines, records, blood});
  py::array_t<double> plasma_sensitivities(Shape{lines, records, directions, blood});
  LineOutput output{.values = room(values),
                    .contents = room(contents),
                    .entered = room(entered),
                    .final_states = {},
                    .plasma = room(plasma),
                    .vessel = room(vessel),
                    .sensitivities = room(sensitivities),
                    .content_sensitivities = room(content_sensitivities),
                    .entered_sensitivities = room(entered_sensitivities),
                    .plasma_sensitivities = room(plasma_sensitivities)};
  if (final_states) output.final_states = room(finals);
  LineRun run;
  Watcher watcher(std::move(progress));
  const RunControl control{.num_threads = num_threads,
                           .keep_going = [&watcher](const Progress& p) { return watcher(p); }};
  {
    const py::gil_scoped_release unlocked;
    run.result = simulate::simulate_line(program, problem, options, output, control);
  }
  run.values = values;
  run.contents = contents;
  run.entered = entered;
  run.final_states = final_states ? py::object(finals) : py::none();
  run.vessel = has_vessel ? py::object(vessel) : py::none();
  run.plasma = has_plasma ? py::object(plasma) : py::none();
  const bool has_directions = directions > 0;
  run.sensitivities = has_directions ? py::object(sensitivities) : py::none();
  run.content_sensitivities = has_directions ? py::object(content_sensitivities) : py::none();
  run.entered_sensitivities = has_directions ? py::object(entered_sensitivities) : py::none();
  run.plasma_sensitivities =
      has_directions && has_plasma ? py::object(plasma_sensitivities) : py::none();
  return run;
}

py::dict stats_of(const LineRun& run) {
  std::vector<std::int64_t> accepted, rejected;
  for (const auto& row : run.result.stats) {
    accepted.push_back(row.accepted);
    rejected.push_back(row.rejected);
  }
  const auto n = static_cast<py::ssize_t>(accepted.size());
  py::dict stats;
  stats["accepted"] = as_array(std::move(accepted), {n});
  stats["rejected"] = as_array(std::move(rejected), {n});
  return stats;
}

}  // namespace

void register_line(py::module_& module) {
  module.def(
      "line_grid",
      [](const std::string& geometry, std::vector<double> faces) {
        space::Grid grid = space::make_grid(space::geometry_named(geometry), std::move(faces));
        py::dict found;
        const auto n = static_cast<py::ssize_t>(grid.volumes.size());
        found["centers"] = as_array(std::move(grid.centers), {n});
        found["volumes"] = as_array(std::move(grid.volumes), {n});
        found["areas"] = as_array(std::move(grid.areas), {n + 1});
        return found;
      },
      py::arg("geometry"), py::arg("faces"), "Centers, areas and volumes of a grid.");
  module.def(
      "graded_faces",
      [](double inner, double outer, int num_cells, double growth) {
        auto faces = space::graded_faces(inner, outer, num_cells, growth);
        const auto n = static_cast<py::ssize_t>(faces.size());
        return as_array(std::move(faces), {n});
      },
      py::arg("inner"), py::arg("outer"), py::arg("num_cells"), py::arg("growth") = 1.0,
      "Faces of cells whose widths form a geometric series.");

  py::class_<LineRun>(module, "LineRun", "Result of one call of the line solver.")
      .def_readonly("values", &LineRun::values)
      .def_readonly("contents", &LineRun::contents)
      .def_readonly("entered", &LineRun::entered)
      .def_readonly("final_states", &LineRun::final_states)
      .def_readonly("plasma", &LineRun::plasma)
      .def_readonly("vessel", &LineRun::vessel)
      .def_readonly("sensitivities", &LineRun::sensitivities)
      .def_readonly("content_sensitivities", &LineRun::content_sensitivities)
      .def_readonly("entered_sensitivities", &LineRun::entered_sensitivities)
      .def_readonly("plasma_sensitivities", &LineRun::plasma_sensitivities)
      .def_property_readonly("width", [](const LineRun& r) { return r.result.width; })
      .def_property_readonly("num_threads", [](const LineRun& r) { return r.result.num_threads; })
      .def_property_readonly("stats", &stats_of)
      .def_property_readonly("status",
                             [](const LineRun& r) {
                               std::vector<int> codes;
                               for (Status s : r.result.status)
                                 codes.push_back(static_cast<int>(s));
                               const auto n = static_cast<py::ssize_t>(codes.size());
                               return as_array(std::move(codes), {n});
                             })
      .def_property_readonly("failures", [](const LineRun& r) {
        py::list failures;
        for (const auto& f : r.result.failures)
          failures.append(py::make_tuple(f.line, static_cast<int>(f.status),
                                         std::string(sentence(f.status)), f.time, f.state, f.cell,
                                         f.is_plasma));
        return failures;
      });

  module.def(
      "simulate_line",
      [](const model::Program& program, const Array<double>& parameters,
         const std::string& geometry, const Array<double>& faces,
         const std::vector<MobileArgument>& mobile, const Array<double>& diffusivity,
         const Array<double>& fraction, const Array<double>& record_times, Given permeability,
         std::vector<std::int32_t> field_parameters, Given fields, Given initial, Given rates,
         Given pulse_times, Given pulse_amplitudes, Given table_times, Given table_values,
         double begin, std::int64_t num_lines, double rtol, std::vector<double> atol,
         double max_step, double first_step, double fixed_step, std::int64_t max_steps, int width,
         std::vector<std::int32_t> signed_states, std::vector<std::int32_t> recorded,
         bool final_states, int num_threads, py::object progress, const model::Program* plasma,
         Given plasma_parameters, Given plasma_initial, std::vector<ExchangeArgument> exchange,
         Given outside_factor, Given uptake_factor, std::vector<double> plasma_atol,
         std::vector<std::int32_t> plasma_signed_states,
         std::optional<Array<std::int64_t>> dose_offsets, Given dose_times,
         std::optional<Array<std::int32_t>> dose_states, Given dose_amounts,
         std::optional<Array<std::int8_t>> dose_kinds, std::vector<std::int32_t> branches,
         Given branch_weights, Given velocity, Given axial_flow, Given axial_lengths,
         Given axial_radii, Given axial_initial, Given d_parameters, Given d_fields,
         Given d_initial, Given d_faces, Given d_diffusivity, Given d_fraction,
         Given d_permeability, Given d_velocity, Given d_rates, Given d_pulse_amplitudes,
         Given d_table_values, Given d_plasma_parameters, Given d_plasma_initial,
         Given d_outside_factor, Given d_uptake_factor, Given d_dose_amounts) {
        if (faces.ndim() != 2) throw InvalidInput("faces must have 2 axes");
        LineProblem p;
        p.geometry = space::geometry_named(geometry);
        p.num_lines = num_lines;
        const auto pieces = static_cast<std::int32_t>(branches.empty() ? 1 : branches.size());
        p.num_cells = static_cast<std::int32_t>(faces.shape(1)) - pieces;
        p.branches = std::move(branches);
        p.branch_weights = view_of(branch_weights);
        p.velocity = view_of(velocity);
        p.vessel.flow = view_of(axial_flow);
        p.vessel.lengths = view_of(axial_lengths);
        p.vessel.radii = view_of(axial_radii);
        p.vessel.initial = view_of(axial_initial);
        for (const auto& [state, inner, inner_input, outer, outer_input] : mobile)
          p.mobile.push_back({.state = state,
                              .walls = {space::wall_named(inner), space::wall_named(outer)},
                              .inputs = {inner_input, outer_input}});
        const std::vector<double> no_membranes(2 * mobile.size() * pieces, 0.0);
        p.faces = view(faces);
        p.diffusivity = view(diffusivity);
        p.fraction = view(fraction);
        p.permeability = permeability ? view(*permeability) : std::span(no_membranes);
        p.parameters = view(parameters);
        p.field_parameters = std::move(field_parameters);
        p.fields = view_of(fields);
        p.initial = view_of(initial);
        const Inputs inputs{std::move(rates), std::move(pulse_times), std::move(pulse_amplitudes),
                            std::move(table_times), std::move(table_values)};
        inputs.put(p);
        PlasmaArguments blood{.program = plasma,
                              .parameters = std::move(plasma_parameters),
                              .initial = std::move(plasma_initial),
                              .outside_factor = std::move(outside_factor),
                              .uptake_factor = std::move(uptake_factor),
                              .exchange = std::move(exchange),
                              .dose_offsets = std::move(dose_offsets),
                              .dose_times = std::move(dose_times),
                              .dose_amounts = std::move(dose_amounts),
                              .dose_states = std::move(dose_states),
                              .dose_kinds = std::move(dose_kinds),
                              .kinds = {}};
        blood.put(p);
        const Directions directions{std::move(d_parameters),     std::move(d_fields),
                                    std::move(d_initial),        std::move(d_faces),
                                    std::move(d_diffusivity),    std::move(d_fraction),
                                    std::move(d_permeability),   std::move(d_velocity),
                                    std::move(d_rates),          std::move(d_pulse_amplitudes),
                                    std::move(d_table_values),   std::move(d_plasma_parameters),
                                    std::move(d_plasma_initial), std::move(d_outside_factor),
                                    std::move(d_uptake_factor),  std::move(d_dose_amounts)};
        directions.put(p);
        p.begin = begin;
        p.record_times = view(record_times);
        LineOptions options{.rtol = rtol,
                            .atol = std::move(atol),
                            .max_step = max_step,
                            .first_step = first_step,
                            .fixed_step = fixed_step,
                            .max_steps = max_steps,
                            .width = width,
                            .signed_states = std::move(signed_states),
                            .recorded = std::move(recorded),
                            .plasma_atol = std::move(plasma_atol),
                            .plasma_signed = std::move(plasma_signed_states)};
        return run_line(program, p, options, final_states, num_threads, std::move(progress));
      },
      py::arg("program"), py::arg("parameters").noconvert(), py::arg("geometry"),
      py::arg("faces").noconvert(), py::arg("mobile"), py::arg("diffusivity").noconvert(),
      py::arg("fraction").noconvert(), py::arg("record_times").noconvert(), py::kw_only(),
      py::arg("permeability").noconvert() = py::none(),
      py::arg("field_parameters") = std::vector<std::int32_t>{},
      py::arg("fields").noconvert() = py::none(), py::arg("initial").noconvert() = py::none(),
      py::arg("rates").noconvert() = py::none(), py::arg("pulse_times").noconvert() = py::none(),
      py::arg("pulse_amplitudes").noconvert() = py::none(),
      py::arg("table_times").noconvert() = py::none(),
      py::arg("table_values").noconvert() = py::none(), py::arg("begin") = 0.0,
      py::arg("num_lines") = 1, py::arg("rtol") = 1e-3, py::arg("atol") = std::vector<double>{},
      py::arg("max_step") = 0.0, py::arg("first_step") = 0.0, py::arg("fixed_step") = 0.0,
      py::arg("max_steps") = 1'000'000, py::arg("width") = 0,
      py::arg("signed_states") = std::vector<std::int32_t>{},
      py::arg("recorded") = std::vector<std::int32_t>{}, py::arg("final_states") = false,
      py::arg("num_threads") = 0, py::arg("progress") = py::none(), py::arg("plasma") = py::none(),
      py::arg("plasma_parameters").noconvert() = py::none(),
      py::arg("plasma_initial").noconvert() = py::none(),
      py::arg("exchange") = std::vector<ExchangeArgument>{},
      py::arg("outside_factor").noconvert() = py::none(),
      py::arg("uptake_factor").noconvert() = py::none(),
      py::arg("plasma_atol") = std::vector<double>{},
      py::arg("plasma_signed_states") = std::vector<std::int32_t>{},
      py::arg("dose_offsets").noconvert() = py::none(),
      py::arg("dose_times").noconvert() = py::none(),
      py::arg("dose_states").noconvert() = py::none(),
      py::arg("dose_amounts").noconvert() = py::none(),
      py::arg("dose_kinds").noconvert() = py::none(),
      py::arg("branches") = std::vector<std::int32_t>{},
      py::arg("branch_weights").noconvert() = py::none(),
      py::arg("velocity").noconvert() = py::none(), py::arg("axial_flow").noconvert() = py::none(),
      py::arg("axial_lengths").noconvert() = py::none(),
      py::arg("axial_radii").noconvert() = py::none(),
      py::arg("axial_initial").noconvert() = py::none(),
      py::arg("d_parameters").noconvert() = py::none(),
      py::arg("d_fields").noconvert() = py::none(), py::arg("d_initial").noconvert() = py::none(),
      py::arg("d_faces").noconvert() = py::none(),
      py::arg("d_diffusivity").noconvert() = py::none(),
      py::arg("d_fraction").noconvert() = py::none(),
      py::arg("d_permeability").noconvert() = py::none(),
      py::arg("d_velocity").noconvert() = py::none(), py::arg("d_rates").noconvert() = py::none(),
      py::arg("d_pulse_amplitudes").noconvert() = py::none(),
      py::arg("d_table_values").noconvert() = py::none(),
      py::arg("d_plasma_parameters").noconvert() = py::none(),
      py::arg("d_plasma_initial").noconvert() = py::none(),
      py::arg("d_outside_factor").noconvert() = py::none(),
      py::arg("d_uptake_factor").noconvert() = py::none(),
      py::arg("d_dose_amounts").noconvert() = py::none());
}

}  // namespace krogh::bindings
