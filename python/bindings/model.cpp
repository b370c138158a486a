// Compiled models and schedules.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/model/program.hpp>
#include <krogh/model/schedule.hpp>

#include <optional>

#include "bindings.hpp"

namespace krogh::bindings {

using expr::NodeId;
using model::Program;
using model::Schedule;

namespace {

using EventArgument = std::tuple<NodeId, int, std::vector<std::pair<std::int32_t, NodeId>>>;
/// state, first time parameter, first amount parameter, slots, whether the amount is added
using StoredDose = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int32_t, bool>;

std::vector<model::DoseAttributes> dose_attributes(std::size_t n, const std::vector<NodeId>& f,
                                                   const std::vector<NodeId>& lag,
                                                   const std::vector<NodeId>& duration,
                                                   const std::vector<NodeId>& rate,
                                                   const std::vector<NodeId>& scale,
                                                   const std::vector<StoredDose>& stored) {
  std::vector<model::DoseAttributes> doses(n);
  auto fill = [n](const std::vector<NodeId>& nodes, const char* name, auto member,
                  std::vector<model::DoseAttributes>& rows) {
    if (!nodes.empty() && nodes.size() != n)
      throw InvalidInput(std::string(name) + " needs one node per state, found " +
                         std::to_string(nodes.size()) + " for " + std::to_string(n));
    for (std::size_t i = 0; i < nodes.size(); ++i) rows[i].*member = nodes[i];
  };
  fill(f, "bioavailability", &model::DoseAttributes::bioavailability, doses);
  fill(lag, "lag", &model::DoseAttributes::lag, doses);
  fill(duration, "duration", &model::DoseAttributes::duration, doses);
  fill(rate, "rate", &model::DoseAttributes::rate, doses);
  fill(scale, "scale", &model::DoseAttributes::scale, doses);
  for (const auto& [state, time, amount, slots, adds] : stored) {
    if (state < 0 || static_cast<std::size_t>(state) >= n)
      throw InvalidInput("stored dose names state " + std::to_string(state) + " of " +
                         std::to_string(n));
    model::DoseAttributes& d = doses[static_cast<std::size_t>(state)];
    d.time_parameter = time;
    d.amount_parameter = amount;
    d.stored_slots = slots;
    d.adds_amount = adds;
  }
  return doses;
}

Schedule make_schedule(const Array<std::int64_t>& offsets, const Array<double>& time,
                       const Array<std::int8_t>& kind, const Array<std::int32_t>& target,
                       const Array<double>& amount, const Array<double>& rate,
                       const Array<double>& interval, const Array<std::int32_t>& additional,
                       const Array<std::int8_t>& steady, bool shared,
                       const std::optional<Array<double>>& duration) {
  const auto size = time.size();
  for (const auto& [name, length] :
       {std::pair{"kind", kind.size()}, std::pair{"duration", duration ? duration->size() : size},
        std::pair{"target", target.size()}, std::pair{"amount", amount.size()},
        std::pair{"rate", rate.size()}, std::pair{"interval", interval.size()},
        std::pair{"additional", additional.size()}, std::pair{"steady", steady.size()}})
    if (length != size)
      throw InvalidInput(std::string(name) + " has " + std::to_string(length) +
                         " values, time has " + std::to_string(size));
  std::vector<model::Record> records(static_cast<std::size_t>(size));
  for (py::ssize_t i = 0; i < size; ++i)
    records[static_cast<std::size_t>(i)] = {.time = time.at(i),
                                            .kind = static_cast<model::RecordKind>(kind.at(i)),
                                            .steady = steady.at(i),
                                            .target = target.at(i),
                                            .amount = amount.at(i),
                                            .rate = rate.at(i),
                                            .interval = interval.at(i),
                                            .additional = additional.at(i),
                                            .duration = duration ? duration->at(i) : 0.0};
  const auto span = view(offsets);
  return Schedule(std::move(records), {span.begin(), span.end()}, shared);
}

}  // namespace

void register_model(py::module_& module) {
  py::class_<Program>(module, "Program", "Model compiled to tapes.")
      .def(
          py::init([](const expr::Graph& graph, std::vector<std::string> state_names,
                      std::vector<std::string> parameter_names, std::vector<NodeId> derivatives,
                      std::vector<NodeId> initial, std::vector<NodeId> outputs,
                      std::vector<std::string> output_names, const std::vector<NodeId>& f,
                      const std::vector<NodeId>& lag, const std::vector<NodeId>& duration,
                      const std::vector<NodeId>& rate, const std::vector<EventArgument>& events,
                      const std::vector<StoredDose>& stored, std::vector<char> steady_initial,
                      const std::vector<NodeId>& scale) {
            model::ModelSpec spec;
            const std::size_t n = derivatives.size();
            spec.graph = graph;
            spec.state_names = std::move(state_names);
            spec.parameter_names = std::move(parameter_names);
            spec.output_names = std::move(output_names);
            spec.derivatives = std::move(derivatives);
            spec.initial = std::move(initial);
            spec.outputs = std::move(outputs);
            spec.doses = dose_attributes(n, f, lag, duration, rate, scale, stored);
            for (const auto& [trigger, direction, assignments] : events)
              spec.events.push_back({trigger, direction, assignments});
            spec.steady_initial = std::move(steady_initial);
            return Program(std::move(spec));
          }),
          py::arg("graph"), py::arg("names_states"), py::arg("names_parameters"),
          py::arg("derivatives"), py::arg("initial"), py::arg("outputs"), py::arg("names_outputs"),
          py::arg("bioavailability") = std::vector<NodeId>{},
          py::arg("lag") = std::vector<NodeId>{}, py::arg("duration") = std::vector<NodeId>{},
          py::arg("rate") = std::vector<NodeId>{}, py::arg("events") = std::vector<EventArgument>{},
          py::arg("stored_dose") = std::vector<StoredDose>{},
          py::arg("steady_initial") = std::vector<char>{}, py::arg("scale") = std::vector<NodeId>{})
      .def_property_readonly("num_states", &Program::num_states)
      .def_property_readonly("num_parameters", &Program::num_parameters)
      .def_property_readonly("num_outputs", &Program::num_outputs)
      .def_property_readonly("num_surfaces", &Program::num_surfaces)
      .def_property_readonly("is_linear", &Program::is_linear)
      .def_property_readonly("num_registers", [](const Program& p) { return p.layout().count; })
      .def_property_readonly("num_instructions",
                             [](const Program& p) {
                               py::dict sizes;
                               sizes["prologue"] = p.tapes().prologue.size();
                               sizes["rhs"] = p.tapes().rhs.size();
                               sizes["rhs_jacobian"] = p.tapes().rhs_jacobian.size();
                               sizes["factor"] = p.tapes().factor.size();
                               sizes["stage"] = p.tapes().stage.size();
                               return sizes;
                             })
      .def_property_readonly("jacobian_pattern", [](const Program& p) {
        std::vector<std::pair<int, int>> pattern;
        for (const model::Entry& e : p.jacobian()) pattern.emplace_back(e.row, e.column);
        return pattern;
      });

  py::class_<Schedule>(module, "Schedule", "Records of all subjects.")
      .def(py::init(&make_schedule), py::arg("offsets").noconvert(), py::arg("time").noconvert(),
           py::arg("kind").noconvert(), py::arg("target").noconvert(),
           py::arg("amount").noconvert(), py::arg("rate").noconvert(),
           py::arg("interval").noconvert(), py::arg("additional").noconvert(),
           py::arg("steady").noconvert(), py::arg("shared") = false,
           py::arg("duration") = py::none())
      .def_property_readonly("is_shared", &Schedule::is_shared)
      .def_property_readonly("num_observations", &Schedule::total_observations);
}

}  // namespace krogh::bindings
