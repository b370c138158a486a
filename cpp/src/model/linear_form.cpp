// Compilation of the coefficients of linear outputs and of derivatives of the matrix.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/linear_form.hpp"

#include <algorithm>
#include <set>

namespace krogh::model {
namespace {

using expr::Graph;
using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;
using expr::TapeRoot;
using expr::Variability;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// d(outputs)/d(state) state by state, then the outputs where all states are zero.
std::vector<std::vector<NodeId>> output_coefficients(Graph& graph, const Program& program) {
  const auto& outputs = program.spec().outputs;
  const NodeId one = graph.constant(1.0);
  const NodeId zero = graph.constant(0.0);
  std::vector<std::vector<NodeId>> columns;
  for (int j = 0; j < program.num_states(); ++j)
    columns.push_back(graph.differentiate(outputs, [&](const Node& node) {
      return node.op == Op::state && node.index == j ? one : no_node;
    }));
  columns.push_back(graph.substitute(
      outputs, [&](NodeId, const Node& node) { return node.op == Op::state ? zero : no_node; }));
  return columns;
}

}  // namespace

bool LinearForm::has_linear_outputs(const Program& program) {
  Graph graph = program.spec().graph;
  for (const auto& column : output_coefficients(graph, program))
    for (const NodeId id : column)
      if (id != no_node && graph.variability(id) == Variability::dynamic) return false;
  return true;
}

LinearForm::LinearForm(const Program& program, bool with_outputs,
                       std::span<const std::int32_t> parameter_of_direction, int first_register) {
  Graph graph = program.spec().graph;
  const int n = program.num_states();
  struct Wanted {
    std::vector<Coefficient>* list;
    std::int32_t row;
    std::int32_t column;
    NodeId node;
  };
  std::vector<Wanted> wanted;
  auto want = [&](std::vector<Coefficient>& list, int row, int column, NodeId id) {
    if (id == no_node || graph.is_constant(id, 0.0)) return;
    wanted.push_back({&list, row, column, id});
  };
  if (with_outputs) {
    const auto columns = output_coefficients(graph, program);
    for (std::size_t j = 0; j < columns.size(); ++j)
      for (std::size_t m = 0; m < columns[j].size(); ++m)
        want(outputs, static_cast<int>(m), static_cast<int>(j), columns[j][m]);
  }
  derivatives.resize(parameter_of_direction.size());
  const NodeId one = graph.constant(1.0);
  for (std::size_t k = 0; k < parameter_of_direction.size(); ++k) {
    const std::int32_t p = parameter_of_direction[k];
    if (p < 0) continue;
    const auto slopes = graph.differentiate(program.linear_nodes(), [&](const Node& node) {
      return node.op == Op::parameter && node.index == p ? one : no_node;
    });
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) want(derivatives[k], i, j, slopes[idx(i * n + j)]);
      want(derivatives[k], i, n, slopes[idx(n * n + i)]);
    }
  }

  expr::RegisterMap available = program.base_registers();
  int next = first_register;
  std::vector<NodeId> roots;
  for (const Wanted& w : wanted) roots.push_back(w.node);
  for (const NodeId id : graph.reachable(roots)) {
    if (graph.node(id).op != Op::constant || available.contains(id)) continue;
    available.emplace(id, static_cast<std::uint32_t>(next));
    constants.emplace_back(next++, graph.node(id).value);
  }
  const expr::RegisterMap at_start = available;
  std::vector<TapeRoot> prologue_roots;
  for (const Wanted& w : wanted) {
    if (!available.contains(w.node)) {
      prologue_roots.push_back({w.node, static_cast<std::uint32_t>(next++)});
      available.emplace(w.node, prologue_roots.back().target);
    }
    w.list->push_back({w.row, w.column, static_cast<std::int32_t>(available.at(w.node))});
  }
  auto high_water = static_cast<std::uint32_t>(next);
  prologue = expr::compile_tape(graph, prologue_roots, at_start, high_water, high_water);
  num_registers = static_cast<int>(high_water);
}

}  // namespace krogh::model
