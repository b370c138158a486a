// Compilation of first and second derivatives.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/tangent_program.hpp"

#include <set>

#include "model/inputs.hpp"

namespace krogh::model {
namespace {

using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;
using expr::TapeRoot;
using expr::Variability;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

TangentProgram::TangentProgram(const Program& program,
                               std::vector<std::int32_t> parameter_of_direction) {
  expr::Graph graph = program.spec().graph;
  const ModelSpec& spec = program.spec();
  const int n = program.num_states();
  const std::size_t count = parameter_of_direction.size();
  const NodeId one = graph.constant(1.0);
  auto along_parameter = [&](std::int32_t p) {
    return [&graph, p, one](const Node& node) {
      (void)graph;
      return node.op == Op::parameter && node.index == p ? one : no_node;
    };
  };
  auto along_direction = [&](const Node& node) {
    if (node.op == Op::state) return graph.direction(node.index);
    return node.op == Op::time ? graph.direction(n) : no_node;
  };

  // First derivatives: the Jacobian's entries, then dF/dp direction by direction.
  std::vector<NodeId> first;
  for (const Entry& e : program.jacobian()) {
    rows.push_back(e.row);
    columns.push_back(e.column);
    first.push_back(e.node);
  }
  source_offsets.push_back(0);
  std::vector<std::vector<NodeId>> output_p, initial_p;
  std::vector<std::vector<std::array<NodeId, 5>>> dose_p;
  for (std::size_t k = 0; k < count; ++k) {
    const std::int32_t p = parameter_of_direction[k];
    auto& dose_row = dose_p.emplace_back();
    if (p < 0) {
      output_p.emplace_back(spec.outputs.size(), no_node);
      initial_p.emplace_back(idx(n), no_node);
      dose_row.assign(idx(n), {no_node, no_node, no_node, no_node, no_node});
    } else {
      const auto df = graph.differentiate(spec.derivatives, along_parameter(p));
      for (int i = 0; i < n; ++i)
        if (df[idx(i)] != no_node) {
          source_rows.push_back(i);
          first.push_back(df[idx(i)]);
        }
      output_p.push_back(graph.differentiate(spec.outputs, along_parameter(p)));
      initial_p.push_back(graph.differentiate(spec.initial, along_parameter(p)));
      for (int i = 0; i < n; ++i) {
        auto& row = dose_row.emplace_back();
        row.fill(no_node);
        if (spec.doses.empty()) continue;
        const DoseAttributes& d = spec.doses[idx(i)];
        const NodeId attributes[] = {d.bioavailability, d.lag, d.duration, d.rate, d.scale};
        const auto derivative = graph.differentiate(attributes, along_parameter(p));
        for (std::size_t a = 0; a < row.size(); ++a) row[a] = derivative[a];
      }
    }
    source_offsets.push_back(static_cast<int>(source_rows.size()));
  }
  const std::vector<NodeId> second = graph.differentiate(first, along_direction);
  std::vector<std::vector<NodeId>> output_y;
  for (int j = 0; j < n; ++j)
    output_y.push_back(graph.differentiate(spec.outputs, [&](const Node& node) {
      return node.op == Op::state && node.index == j ? one : no_node;
    }));
  // What happens at crossings: all surfaces, then all assigned values of the events.
  std::vector<NodeId> at_crossings = program.surface_nodes();
  for (const Event& event : spec.events)
    for (const auto& [state, value] : event.assignments) at_crossings.push_back(value);
  const std::vector<NodeId> crossing_along = graph.differentiate(at_crossings, along_direction);
  std::vector<std::vector<NodeId>> crossing_p;
  for (const std::int32_t p : parameter_of_direction)
    crossing_p.push_back(p < 0 ? std::vector<NodeId>(at_crossings.size(), no_node)
                               : graph.differentiate(at_crossings, along_parameter(p)));

  // Registers: constants and expressions of parameters that the program does not have yet.
  std::vector<NodeId> all;
  auto gather = [&all](const std::vector<NodeId>& nodes) {
    for (NodeId id : nodes)
      if (id != no_node) all.push_back(id);
  };
  gather(first);
  gather(second);
  for (const auto& nodes : output_p) gather(nodes);
  for (const auto& nodes : output_y) gather(nodes);
  for (const auto& nodes : initial_p) gather(nodes);
  gather(crossing_along);
  for (const auto& nodes : crossing_p) gather(nodes);
  for (const auto& direction : dose_p)
    for (const auto& row : direction) gather({row.begin(), row.end()});
  expr::RegisterMap base = program.base_registers();
  int next = program.layout().count;
  auto take = [&next] { return static_cast<std::uint32_t>(next++); };
  std::set<NodeId> invariants;
  auto keep = [&](NodeId id) {
    if (id != no_node && graph.variability(id) == Variability::parametric && !base.contains(id))
      invariants.insert(id);
  };
  for (NodeId id : all) keep(id);
  for (NodeId id : graph.reachable(all)) {
    const Node& node = graph.node(id);
    if (node.op == Op::constant && !base.contains(id)) {
      const std::uint32_t r = take();
      base.emplace(id, r);
      constants.emplace_back(static_cast<std::int32_t>(r), node.value);
    }
    if (graph.variability(id) == Variability::dynamic)
      for (NodeId operand : {node.a, node.b, node.c}) keep(operand);
  }
  const expr::RegisterMap prologue_available = base;
  std::vector<TapeRoot> prologue_roots;
  for (NodeId id : invariants) {
    prologue_roots.push_back({id, take()});
    base.emplace(id, prologue_roots.back().target);
  }
  direction_register = next;
  for (int i = 0; i <= n; ++i) base.emplace(graph.direction(i), take());

  // States and time are overwritten between the tapes and the sums, so entries that are bare
  // symbols get registers of their own.
  auto place = [&](NodeId id, std::vector<TapeRoot>& roots) -> int {
    if (id == no_node) return -1;
    const auto known = base.find(id);
    if (known != base.end() && graph.variability(id) != Variability::dynamic)
      return static_cast<int>(known->second);
    for (const TapeRoot& root : roots)
      if (root.node == id) return static_cast<int>(root.target);
    roots.push_back({id, take()});
    return static_cast<int>(roots.back().target);
  };
  std::vector<TapeRoot> first_roots, second_roots, output_roots;
  const std::size_t entries = rows.size();
  for (std::size_t e = 0; e < first.size(); ++e) {
    const int value = place(first[e], first_roots);
    const int curvature = place(second[e], second_roots);
    (e < entries ? jacobian_registers : source_registers).push_back(value);
    (e < entries ? curvature_registers : source_curvature_registers).push_back(curvature);
  }
  for (int j = 0; j < n; ++j)
    for (std::size_t m = 0; m < spec.outputs.size(); ++m)
      if (output_y[idx(j)][m] != no_node)
        output_states.push_back(
            {static_cast<std::int32_t>(m), j, place(output_y[idx(j)][m], output_roots)});
  for (std::size_t k = 0; k < count; ++k) {
    auto& out = output_parameters.emplace_back();
    for (std::size_t m = 0; m < spec.outputs.size(); ++m)
      if (output_p[k][m] != no_node)
        out.push_back({static_cast<std::int32_t>(m), place(output_p[k][m], output_roots), -1});
    auto& init = initial.emplace_back();
    for (int i = 0; i < n; ++i)
      if (initial_p[k][idx(i)] != no_node)
        init.push_back({i, static_cast<std::int32_t>(base.at(initial_p[k][idx(i)])), -1});
    auto& dose = doses.emplace_back();
    for (int i = 0; i < n; ++i) {
      auto& row = dose.emplace_back();
      row.fill(-1);
      for (std::size_t a = 0; a < row.size(); ++a)
        if (dose_p[k][idx(i)][a] != no_node)
          row[a] = static_cast<std::int32_t>(base.at(dose_p[k][idx(i)][a]));
    }
  }
  std::vector<TapeRoot> crossing_roots;
  auto place_crossing = [&](std::size_t m) {
    CrossingDerivative derivative{.along = place(crossing_along[m], crossing_roots)};
    for (std::size_t k = 0; k < count; ++k)
      derivative.by_parameter.push_back(place(crossing_p[k][m], crossing_roots));
    return derivative;
  };
  std::size_t position = 0;
  for (; position < program.surface_nodes().size(); ++position)
    surfaces.push_back(place_crossing(position));
  for (const Event& event : spec.events) {
    auto& row = assignments.emplace_back();
    for (std::size_t a = 0; a < event.assignments.size(); ++a)
      row.push_back(place_crossing(position++));
  }
  first_temporary = next;
  const auto lowest = static_cast<std::uint32_t>(next);
  std::uint32_t high_water = lowest;
  prologue = expr::compile_tape(graph, prologue_roots, prologue_available, lowest, high_water);
  first_order = expr::compile_tape(graph, first_roots, base, lowest, high_water);
  second_order = expr::compile_tape(graph, second_roots, base, lowest, high_water);
  outputs = expr::compile_tape(graph, output_roots, base, lowest, high_water);
  crossings = expr::compile_tape(graph, crossing_roots, base, lowest, high_water);
  num_registers = static_cast<int>(high_water);
}

}  // namespace krogh::model
