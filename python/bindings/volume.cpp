// The volume solver: arrays to spans, interpreter lock released, Ctrl-C and progress.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/volume.hpp>

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "bindings.hpp"
#include "watcher.hpp"

namespace krogh::bindings {

using simulate::VolumeOptions;
using simulate::VolumeOutput;
using simulate::VolumeProblem;
using simulate::VolumeResult;

namespace {

using Given = std::optional<Array<double>>;
/// Of the six sides: kind, permeability, input.
using SideArgument = std::tuple<std::string, double, std::int32_t>;
/// state, its sides (none: all closed; or six)
using MobileArgument = std::tuple<std::int32_t, std::vector<SideArgument>>;

std::span<const double> view_of(const Given& array) {
  return array ? view(*array) : std::span<const double>();
}

std::span<double> room(py::array_t<double>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

struct VolumeRun {
  VolumeResult result;
  py::object values, contents, exchanged, entered, plasma, fed, state;
  py::object error = py::none();  ///< exception of a hook, of progress, or Ctrl-C
};

/// exchange, state of the plasma
using PlasmaExchangeArgument = std::tuple<std::int32_t, std::int32_t>;
/// state of the plasma, state of the tissue, factor
using FeedArgument = std::tuple<std::int32_t, std::int32_t, double>;

/// mobile state, two regions, permeability
using MembraneArgument = std::tuple<std::int32_t, std::uint8_t, std::uint8_t, double>;

/// time, velocities along x, y, z, rates of exchange in and out
using ChangeArgument = std::tuple<double, Given, Given, Given, Given, Given>;

/// The plasma, as arrays of the binding's caller.
struct PlasmaArguments {
  const model::Program* program = nullptr;
  Given parameters, initial, outside_factor, uptake_factor;
  std::vector<PlasmaExchangeArgument> exchange;
  std::vector<FeedArgument> feeds;
  Given dose_times, dose_amounts;
  std::optional<Array<std::int32_t>> dose_states;
  std::optional<Array<std::int8_t>> dose_kinds;
  std::vector<simulate::DoseKind> kinds;

  void put(VolumeProblem& problem) {
    simulate::VolumePlasmaProblem& p = problem.plasma;
    p.program = program;
    p.parameters = view_of(parameters);
    p.initial = view_of(initial);
    p.outside_factor = view_of(outside_factor);
    p.uptake_factor = view_of(uptake_factor);
    for (const auto& [of, state] : exchange) p.exchange.push_back({.exchange = of, .state = state});
    for (const auto& [state, of, factor] : feeds)
      p.feeds.push_back({.state = state, .tissue_state = of, .factor = factor});
    p.dose_times = view_of(dose_times);
    p.dose_amounts = view_of(dose_amounts);
    if (dose_states) p.dose_states = view(*dose_states);
    if (dose_kinds)
      for (const std::int8_t kind : view(*dose_kinds))
        kinds.push_back(static_cast<simulate::DoseKind>(kind));
    p.dose_kinds = kinds;
  }
};

/// Hands the states of a jump to Python, (states, z, y, x), and takes what comes back.
simulate::VolumeJump jump_by(const py::object& function, std::vector<py::ssize_t> shape) {
  return [&function, shape](std::int64_t number, std::span<double> values) {
    const py::gil_scoped_acquire lock;
    py::array_t<double> given(shape);
    std::copy(values.begin(), values.end(), given.mutable_data());
    const auto found = py::cast<Array<double>>(function(number, given));
    if (static_cast<std::size_t>(found.size()) != values.size())
      throw InvalidInput("jump: found " + std::to_string(found.size()) + " values, expected " +
                         std::to_string(values.size()));
    std::copy_n(found.data(), values.size(), values.begin());
  };
}

void require_axes(const Given& array, const char* name, py::ssize_t axes) {
  if (array && array->ndim() != axes)
    throw InvalidInput(std::string(name) + " must have " + std::to_string(axes) + " axes");
}

simulate::VolumeMethod method_named(const std::string& name) {
  if (name == "ros34pw2") return simulate::VolumeMethod::ros34pw2;
  if (name == "rkc2") return simulate::VolumeMethod::rkc2;
  throw InvalidInput("method must be 'ros34pw2' or 'rkc2', found '" + name + "'");
}

simulate::VolumeLinear linear_named(const std::string& name) {
  if (name == "auto") return simulate::VolumeLinear::automatic;
  if (name == "multigrid") return simulate::VolumeLinear::multigrid;
  if (name == "adi") return simulate::VolumeLinear::adi;
  throw InvalidInput("linear must be 'auto', 'multigrid' or 'adi', found '" + name + "'");
}

/// Every counter, by name.
template <class Stats, class Visit>
void each_counter(Stats& s, const Visit& visit) {
  visit("accepted", s.accepted);
  visit("rejected", s.rejected);
  visit("linear_solves", s.linear_solves);
  visit("linear_iterations", s.linear_iterations);
  visit("most_iterations", s.most_iterations);
  visit("adi_steps", s.adi_steps);
  visit("adi_refused", s.adi_refused);
  visit("evaluations", s.evaluations);
  visit("most_stages", s.most_stages);
}

py::dict stats_of(const VolumeRun& run) {
  py::dict stats;
  each_counter(run.result.stats, [&](const char* name, auto count) { stats[name] = count; });
  stats["connected_regions"] = run.result.num_connected;
  return stats;
}

/// Every part of a state, by name.
template <class State, class Visit>
void each_part(State& s, const Visit& visit) {
  visit("time", s.time);
  visit("step", s.step);
  visit("stop_time", s.stop_time);
  visit("restart", s.restart);
  visit("next_record", s.next_record);
  visit("next_knot", s.next_knot);
  visit("next_jump", s.next_jump);
  each_counter(s.stats, visit);
  visit("voxels", s.voxels);
  visit("scale", s.scale);
  visit("ledger", s.ledger);
  visit("next_pulse", s.next_pulse);
  visit("inputs", s.inputs);
  visit("next_dose", s.next_dose);
  visit("plasma", s.plasma);
  visit("method", s.method);
}

/// A state as a dictionary of arrays (those of no axis are numbers), without a copy of the voxels.
py::dict dict_of(simulate::VolumeState state) {
  py::dict found;
  each_part(state, [&](const char* name, auto& part) {
    using Part = std::remove_reference_t<decltype(part)>;
    if constexpr (std::is_same_v<Part, std::vector<double>>) {
      auto owned = std::make_unique<std::vector<double>>(std::move(part));
      const py::capsule owner(owned.get(),
                              [](void* p) { delete static_cast<std::vector<double>*>(p); });
      const std::vector<double>& values = *owned.release();
      found[name] =
          py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data(), owner);
    } else {
      found[name] = part;
    }
  });
  return found;
}

simulate::VolumeState state_of(const py::dict& given) {
  simulate::VolumeState state;
  std::size_t count = 0;
  each_part(state, [&](const char* name, auto& part) {
    using Part = std::remove_reference_t<decltype(part)>;
    if (!given.contains(name)) throw InvalidInput(std::string("resume has no part '") + name + "'");
    ++count;
    try {
      if constexpr (std::is_same_v<Part, std::vector<double>>) {
        const auto array = given[name].template cast<Array<double>>();
        const std::span<const double> values = view(array);
        part.assign(values.begin(), values.end());
      } else if (std::is_same_v<Part, bool> != py::isinstance<py::bool_>(given[name])) {
        throw py::cast_error();
      } else {
        part = given[name].template cast<Part>();
      }
    } catch (const py::cast_error&) {
      throw InvalidInput(std::string("resume: the part '") + name + "' is of another kind");
    } catch (const py::error_already_set&) {
      throw InvalidInput(std::string("resume: the part '") + name + "' is of another kind");
    }
  });
  if (given.size() != count)
    throw InvalidInput("resume has parts of another kind of run: " + std::to_string(given.size()) +
                       " where there are " + std::to_string(count));
  return state;
}

}  // namespace

void register_volume(py::module_& module) {
  using simulate::VolumeHooks;
  using simulate::VolumeState;
  py::class_<VolumeRun>(module, "VolumeRun", "Result of one call of the volume solver.")
      .def_readonly("values", &VolumeRun::values)
      .def_readonly("contents", &VolumeRun::contents)
      .def_readonly("exchanged", &VolumeRun::exchanged)
      .def_readonly("entered", &VolumeRun::entered)
      .def_readonly("plasma", &VolumeRun::plasma)
      .def_readonly("state", &VolumeRun::state)
      .def_readonly("error", &VolumeRun::error)
      .def_readonly("fed", &VolumeRun::fed)
      .def_property_readonly("num_threads", [](const VolumeRun& r) { return r.result.num_threads; })
      .def_property_readonly("stats", &stats_of)
      .def_property_readonly("status",
                             [](const VolumeRun& r) { return static_cast<int>(r.result.status); })
      .def_property_readonly("failures", [](const VolumeRun& r) {
        py::list failures;
        if (r.result.status != Status::success)
          failures.append(py::make_tuple(static_cast<int>(r.result.status),
                                         std::string(sentence(r.result.status)), r.result.time,
                                         r.result.state, r.result.voxel, r.result.is_plasma));
        return failures;
      });

  module.def(
      "simulate_volume",
      [](const model::Program& program, const Array<double>& parameters,
         const Array<double>& faces_x, const Array<double>& faces_y, const Array<double>& faces_z,
         const std::vector<MobileArgument>& mobile, const Array<double>& diffusivity,
         const Array<double>& fraction, const Array<double>& record_times,
         std::optional<Array<std::uint8_t>> regions, std::int32_t num_regions, std::int32_t axes,
         const std::vector<std::tuple<std::int32_t, std::int32_t>>& exchange, Given exchange_rates,
         std::vector<std::int32_t> field_parameters, Given fields, Given initial, Given rates,
         Given pulse_times, Given pulse_amplitudes, Given table_times, Given table_values,
         double begin, double rtol, std::vector<double> atol, double linear_rtol, double max_step,
         double first_step, double fixed_step, std::int64_t max_steps,
         std::vector<std::int32_t> signed_states, std::vector<std::int32_t> recorded,
         int num_threads, py::object progress, const model::Program* plasma,
         Given plasma_parameters, Given plasma_initial,
         std::vector<PlasmaExchangeArgument> plasma_exchange, Given outside_factor,
         Given uptake_factor, std::vector<double> plasma_atol,
         std::vector<std::int32_t> plasma_signed_states, Given dose_times,
         std::optional<Array<std::int32_t>> dose_states, Given dose_amounts,
         std::optional<Array<std::int8_t>> dose_kinds, Given exchange_out_rates,
         const std::vector<MembraneArgument>& membranes, Given partition, Given velocity_x,
         Given velocity_y, Given velocity_z, Given retardation, const std::string& method,
         std::vector<std::int32_t> exchange_factors, std::vector<FeedArgument> plasma_feeds,
         Given jump_times, std::vector<std::int32_t> jump_states, py::object jump,
         py::object on_record, py::object on_state, double state_seconds, std::int64_t state_steps,
         bool one_record, bool keep_end, const std::optional<py::dict>& resume, bool returns_errors,
         const std::vector<ChangeArgument>& changes, bool corrected, const std::string& linear) {
        VolumeProblem p;
        for (const auto& [time, along_x, along_y, along_z, in, out] : changes)
          p.changes.push_back({.time = time,
                               .velocity = {view_of(along_x), view_of(along_y), view_of(along_z)},
                               .exchange_rates = view_of(in),
                               .exchange_out_rates = view_of(out)});
        p.exchange_out_rates = view_of(exchange_out_rates);
        for (const auto& [of, first, second, permeability] : membranes)
          p.membranes.push_back(
              {.mobile = of,
               .between = {.first = first, .second = second, .permeability = permeability}});
        p.partition = view_of(partition);
        p.velocity = {view_of(velocity_x), view_of(velocity_y), view_of(velocity_z)};
        p.retardation = view_of(retardation);
        p.is_corrected = corrected;
        p.faces = {view(faces_x), view(faces_y), view(faces_z)};
        if (regions) p.regions = view(*regions);
        p.num_regions = num_regions;
        for (const auto& [state, sides] : mobile) {
          simulate::VolumeMobile m{.state = state};
          if (!sides.empty() && sides.size() != 6)
            throw InvalidInput("mobile: sides must be none or six, found " +
                               std::to_string(sides.size()));
          for (std::size_t s = 0; s < sides.size(); ++s) {
            const auto& [kind, permeability, input] = sides[s];
            m.sides[s] = {.kind = space::side_named(kind), .permeability = permeability};
            m.inputs[s] = input;
          }
          p.mobile.push_back(m);
        }
        p.axes = axes;
        p.diffusivity = view(diffusivity);
        p.fraction = view(fraction);
        for (const auto& [of, input] : exchange)
          p.exchange.push_back({.mobile = of, .input = input});
        if (!exchange_factors.empty() && exchange_factors.size() != exchange.size())
          throw InvalidInput("exchange_factors: found " + std::to_string(exchange_factors.size()) +
                             " for " + std::to_string(exchange.size()) + " exchanges");
        for (std::size_t e = 0; e < exchange_factors.size(); ++e)
          p.exchange[e].factor_state = exchange_factors[e];
        p.exchange_rates = view_of(exchange_rates);
        p.parameters = view(parameters);
        p.field_parameters = std::move(field_parameters);
        p.fields = view_of(fields);
        p.initial = view_of(initial);
        require_axes(rates, "rates", 2);
        require_axes(pulse_times, "pulse_times", 1);
        require_axes(pulse_amplitudes, "pulse_amplitudes", 3);
        require_axes(table_times, "table_times", 1);
        require_axes(table_values, "table_values", 2);
        if (rates) {
          p.num_inputs = static_cast<std::int32_t>(rates->shape(0));
          p.num_terms = static_cast<std::int32_t>(rates->shape(1));
        } else if (table_values) {
          p.num_inputs = static_cast<std::int32_t>(table_values->shape(0));
        }
        p.rates = view_of(rates);
        p.pulse_times = view_of(pulse_times);
        p.pulse_amplitudes = view_of(pulse_amplitudes);
        p.table_times = view_of(table_times);
        p.table_values = view_of(table_values);
        PlasmaArguments blood{.program = plasma,
                              .parameters = std::move(plasma_parameters),
                              .initial = std::move(plasma_initial),
                              .outside_factor = std::move(outside_factor),
                              .uptake_factor = std::move(uptake_factor),
                              .exchange = std::move(plasma_exchange),
                              .feeds = std::move(plasma_feeds),
                              .dose_times = std::move(dose_times),
                              .dose_amounts = std::move(dose_amounts),
                              .dose_states = std::move(dose_states),
                              .dose_kinds = std::move(dose_kinds),
                              .kinds = {}};
        blood.put(p);
        p.begin = begin;
        p.record_times = view(record_times);
        VolumeOptions options{.rtol = rtol,
                              .atol = std::move(atol),
                              .linear_rtol = linear_rtol,
                              .max_step = max_step,
                              .first_step = first_step,
                              .fixed_step = fixed_step,
                              .max_steps = max_steps,
                              .signed_states = std::move(signed_states),
                              .recorded = std::move(recorded),
                              .plasma_atol = std::move(plasma_atol),
                              .plasma_signed = std::move(plasma_signed_states),
                              .method = method_named(method),
                              .linear = linear_named(linear)};
        auto cells = [](const Array<double>& faces) {
          return std::max<py::ssize_t>(faces.size() - 1, 0);
        };
        const auto records = static_cast<py::ssize_t>(record_times.size());
        const auto count = static_cast<py::ssize_t>(options.recorded.size());
        using Shape = std::vector<py::ssize_t>;
        py::array_t<double> values(
            Shape{one_record ? 1 : records, count, cells(faces_z), cells(faces_y), cells(faces_x)});
        py::array_t<double> contents(Shape{records, program.num_states()});
        py::array_t<double> exchanged(Shape{records, static_cast<py::ssize_t>(exchange.size())});
        py::array_t<double> entered(Shape{records, static_cast<py::ssize_t>(mobile.size()), 6});
        const py::ssize_t blood_states = plasma != nullptr ? plasma->num_states() : 0;
        py::array_t<double> plasma_values(Shape{records, blood_states});
        py::array_t<double> fed(Shape{records, static_cast<py::ssize_t>(p.plasma.feeds.size())});
        p.jump_times = view_of(jump_times);
        p.jump_states = std::move(jump_states);
        if (!jump.is_none())
          p.jump = jump_by(jump, Shape{static_cast<py::ssize_t>(p.jump_states.size()),
                                       cells(faces_z), cells(faces_y), cells(faces_x)});
        const VolumeOutput output{.values = room(values),
                                  .contents = room(contents),
                                  .exchanged = room(exchanged),
                                  .entered = room(entered),
                                  .plasma = room(plasma_values),
                                  .fed = room(fed),
                                  .one_record = one_record};
        VolumeRun run;
        run.values = values;
        run.contents = contents;
        run.exchanged = exchanged;
        run.entered = entered;
        run.fed = fed;
        run.plasma = plasma != nullptr ? py::object(plasma_values) : py::none();
        // An exception ends the run as if it had been asked to stop: what was reached is kept.
        const auto guarded = [&run](const auto& call) {
          try {
            return call();
          } catch (py::error_already_set& error) {
            const py::gil_scoped_acquire lock;
            if (run.error.is_none()) run.error = error.value();
            return false;
          }
        };
        Watcher watcher(std::move(progress));
        const RunControl control{.num_threads = num_threads, .keep_going = [&](const Progress& s) {
                                   return run.error.is_none() &&
                                          guarded([&] { return watcher(s); });
                                 }};
        VolumeHooks hooks;
        hooks.keep_seconds = state_seconds;
        hooks.keep_steps = state_steps;
        hooks.keep_end = keep_end;
        if (!on_record.is_none())
          hooks.recorded = [&](std::int64_t record) {
            guarded([&] {
              const py::gil_scoped_acquire lock;
              on_record(record, values);
              return true;
            });
          };
        if (!on_state.is_none())
          hooks.keep = [&](VolumeState&& state) {
            guarded([&] {
              const py::gil_scoped_acquire lock;
              on_state(dict_of(std::move(state)), values, contents, exchanged, entered, fed,
                       run.plasma);
              return true;
            });
          };
        std::optional<VolumeState> begun;
        if (resume) begun = state_of(*resume);
        if (begun) hooks.resume = &*begun;
        {
          const py::gil_scoped_release unlocked;
          run.result = simulate::simulate_volume(program, p, options, output, control, hooks);
        }
        if (!run.error.is_none() && !returns_errors) {
          PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(run.error.ptr())), run.error.ptr());
          throw py::error_already_set();
        }
        run.state = py::none();
        if (run.result.reached)
          run.state = dict_of(*std::exchange(run.result.reached, std::nullopt));
        return run;
      },
      py::arg("program"), py::arg("parameters").noconvert(), py::arg("faces_x").noconvert(),
      py::arg("faces_y").noconvert(), py::arg("faces_z").noconvert(), py::arg("mobile"),
      py::arg("diffusivity").noconvert(), py::arg("fraction").noconvert(),
      py::arg("record_times").noconvert(), py::kw_only(),
      py::arg("regions").noconvert() = py::none(), py::arg("num_regions") = 1, py::arg("axes") = 1,
      py::arg("exchange") = std::vector<std::tuple<std::int32_t, std::int32_t>>{},
      py::arg("exchange_rates").noconvert() = py::none(),
      py::arg("field_parameters") = std::vector<std::int32_t>{},
      py::arg("fields").noconvert() = py::none(), py::arg("initial").noconvert() = py::none(),
      py::arg("rates").noconvert() = py::none(), py::arg("pulse_times").noconvert() = py::none(),
      py::arg("pulse_amplitudes").noconvert() = py::none(),
      py::arg("table_times").noconvert() = py::none(),
      py::arg("table_values").noconvert() = py::none(), py::arg("begin") = 0.0,
      py::arg("rtol") = 1e-3, py::arg("atol") = std::vector<double>{},
      py::arg("linear_rtol") = 1e-2, py::arg("max_step") = 0.0, py::arg("first_step") = 0.0,
      py::arg("fixed_step") = 0.0, py::arg("max_steps") = 1'000'000,
      py::arg("signed_states") = std::vector<std::int32_t>{},
      py::arg("recorded") = std::vector<std::int32_t>{}, py::arg("num_threads") = 0,
      py::arg("progress") = py::none(), py::arg("plasma") = py::none(),
      py::arg("plasma_parameters").noconvert() = py::none(),
      py::arg("plasma_initial").noconvert() = py::none(),
      py::arg("plasma_exchange") = std::vector<PlasmaExchangeArgument>{},
      py::arg("outside_factor").noconvert() = py::none(),
      py::arg("uptake_factor").noconvert() = py::none(),
      py::arg("plasma_atol") = std::vector<double>{},
      py::arg("plasma_signed_states") = std::vector<std::int32_t>{},
      py::arg("dose_times").noconvert() = py::none(),
      py::arg("dose_states").noconvert() = py::none(),
      py::arg("dose_amounts").noconvert() = py::none(),
      py::arg("dose_kinds").noconvert() = py::none(),
      py::arg("exchange_out_rates").noconvert() = py::none(),
      py::arg("membranes") = std::vector<MembraneArgument>{},
      py::arg("partition").noconvert() = py::none(), py::arg("velocity_x").noconvert() = py::none(),
      py::arg("velocity_y").noconvert() = py::none(),
      py::arg("velocity_z").noconvert() = py::none(),
      py::arg("retardation").noconvert() = py::none(), py::arg("method") = "ros34pw2",
      py::arg("exchange_factors") = std::vector<std::int32_t>{},
      py::arg("plasma_feeds") = std::vector<FeedArgument>{},
      py::arg("jump_times").noconvert() = py::none(),
      py::arg("jump_states") = std::vector<std::int32_t>{}, py::arg("jump") = py::none(),
      py::arg("on_record") = py::none(), py::arg("on_state") = py::none(),
      py::arg("state_seconds") = 0.0, py::arg("state_steps") = 0, py::arg("one_record") = false,
      py::arg("keep_end") = false, py::arg("resume") = py::none(),
      py::arg("returns_errors") = false, py::arg("changes") = std::vector<ChangeArgument>{},
      py::arg("corrected") = true, py::arg("linear") = "auto",
      "Solves one model in the voxels of a box; see krogh/simulate/volume.hpp.");
}

}  // namespace krogh::bindings
