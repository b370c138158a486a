// Detection of closed linear subsystems and the model that reads them as functions of time.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/linear_drive.hpp"

#include <algorithm>

namespace krogh::model {
namespace {

using expr::Graph;
using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;
using expr::Variability;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

std::vector<int> LinearDrive::closed_states(const Program& program) {
  const int n = program.num_states();
  std::vector<char> is_closed(idx(n), 1);
  for (const Event& event : program.spec().events)
    for (const auto& [state, value] : event.assignments) is_closed[idx(state)] = 0;
  for (std::size_t i = 0; i < program.spec().doses.size(); ++i)
    if (program.spec().doses[i].time_parameter >= 0) is_closed[i] = 0;
  Graph graph = program.spec().graph;
  const NodeId zero = graph.constant(0.0);
  const auto constant_part = graph.substitute(
      program.spec().derivatives,
      [&](NodeId, const Node& node) { return node.op == Op::state ? zero : no_node; });
  for (bool changed = true; changed;) {
    changed = false;
    auto drop = [&](int i) {
      changed = changed || is_closed[idx(i)] != 0;
      is_closed[idx(i)] = 0;
    };
    std::vector<char> is_read(idx(n), 0);
    for (const Entry& e : program.jacobian()) {
      is_read[idx(e.column)] = 1;
      if (is_closed[idx(e.column)] == 0 || graph.variability(e.node) == Variability::dynamic)
        drop(e.row);
    }
    for (int i = 0; i < n; ++i)
      if (is_read[idx(i)] == 0 || graph.variability(constant_part[idx(i)]) == Variability::dynamic)
        drop(i);
  }
  bool is_of_use = false;
  for (const Entry& e : program.jacobian())
    is_of_use = is_of_use || (is_closed[idx(e.column)] != 0 && is_closed[idx(e.row)] == 0);
  std::vector<int> states;
  for (int i = 0; i < n && is_of_use; ++i)
    if (is_closed[idx(i)] != 0) states.push_back(i);
  return states;
}

LinearDrive::LinearDrive(const Program& given, std::vector<int> closed)
    : states(std::move(closed)) {
  ModelSpec spec = given.with_switches({});
  Graph& graph = spec.graph;
  const int m = static_cast<int>(states.size());
  auto parameters = [&](const std::string& name, int count) {
    const int first = static_cast<int>(spec.parameter_names.size());
    for (int k = 0; k < count; ++k)
      spec.parameter_names.push_back(name + "(" + std::to_string(k) + ")");
    return first;
  };
  start = parameters("start", 1);
  rates = parameters("rate", m);
  weights = parameters("weight", m * m);
  rest = parameters("rest", m);
  // A and b, from the model as it was given.
  const NodeId zero = graph.constant(0.0);
  const NodeId one = graph.constant(1.0);
  std::vector<NodeId> own;
  for (const int i : states) own.push_back(spec.derivatives[idx(i)]);
  matrix_nodes_.assign(idx(m * (m + 1)), zero);
  for (int j = 0; j < m; ++j) {
    const auto column = graph.differentiate(own, [&](const Node& node) {
      return node.op == Op::state && node.index == states[idx(j)] ? one : no_node;
    });
    for (int i = 0; i < m; ++i)
      if (column[idx(i)] != no_node) matrix_nodes_[idx(i * (m + 1) + j)] = column[idx(i)];
  }
  const auto constant_part = graph.substitute(
      own, [&](NodeId, const Node& node) { return node.op == Op::state ? zero : no_node; });
  for (int i = 0; i < m; ++i) matrix_nodes_[idx(i * (m + 1) + m)] = constant_part[idx(i)];

  const NodeId since = graph.sub(graph.time(), graph.parameter(start));
  std::vector<NodeId> value_of(spec.derivatives.size(), no_node), modes;
  for (int k = 0; k < m; ++k)
    modes.push_back(graph.unary(Op::exp, graph.mul(graph.parameter(rates + k), since)));
  for (int i = 0; i < m; ++i) {
    NodeId sum = graph.parameter(rest + i);
    for (int k = 0; k < m; ++k)
      sum = graph.add(sum, graph.mul(graph.parameter(weights + i * m + k), modes[idx(k)]));
    value_of[idx(states[idx(i)])] = sum;
  }
  auto read = [&](NodeId, const Node& node) {
    return node.op == Op::state ? value_of[idx(node.index)] : no_node;
  };
  spec.derivatives = graph.substitute(spec.derivatives, read);
  for (const int i : states) spec.derivatives[idx(i)] = zero;
  spec.outputs = graph.substitute(spec.outputs, read);
  for (Event& event : spec.events) {
    const NodeId trigger[] = {event.trigger};
    event.trigger = graph.substitute(trigger, read)[0];
    for (auto& [state, value] : event.assignments) {
      const NodeId root[] = {value};
      value = graph.substitute(root, read)[0];
    }
  }
  program = std::make_unique<Program>(std::move(spec));
}

/// Nodes keep their numbers while a graph grows, so those of the matrix are the driven program's.
void LinearDrive::compile(int first_register) {
  const Graph& graph = program->spec().graph;
  expr::RegisterMap available = program->base_registers();
  int next = first_register;
  for (const NodeId id : graph.reachable(matrix_nodes_)) {
    if (graph.node(id).op != Op::constant || available.contains(id)) continue;
    available.emplace(id, static_cast<std::uint32_t>(next));
    constants.emplace_back(next++, graph.node(id).value);
  }
  const expr::RegisterMap at_start = available;
  std::vector<expr::TapeRoot> roots;
  for (const NodeId id : matrix_nodes_) {
    if (!available.contains(id)) {
      roots.push_back({id, static_cast<std::uint32_t>(next++)});
      available.emplace(id, roots.back().target);
    }
    matrix.push_back(static_cast<std::int32_t>(available.at(id)));
  }
  auto high_water = static_cast<std::uint32_t>(next);
  tape = expr::compile_tape(graph, roots, at_start, high_water, high_water);
  num_registers = static_cast<int>(high_water);
}

}  // namespace krogh::model
