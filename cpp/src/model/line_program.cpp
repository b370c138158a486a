// Compilation of the local elimination of a line.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/line_program.hpp"

#include <algorithm>
#include <set>

#include "linalg/partial_lu.hpp"
#include "model/inputs.hpp"

namespace krogh::model {
namespace {

using expr::no_node;
using expr::NodeId;
using expr::Op;
using expr::TapeRoot;
using expr::Variability;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

LineProgram::LineProgram(const Program& program, const std::vector<std::int32_t>& mobile) {
  graph = program.spec().graph;
  const ModelSpec& spec = program.spec();
  const int n = program.num_states();
  const int m = static_cast<int>(mobile.size());
  const int q = n - m;
  const NodeId inverse_step = graph.input(input_index(Input::inverse_step, 0));
  std::vector<NodeId> matrix(idx(n) * idx(n), no_node), sums, stage_rhs;
  for (const Entry& e : program.jacobian()) matrix[idx(e.row) * idx(n) + idx(e.column)] = e.node;
  for (int i = 0; i < n; ++i) {
    NodeId& diagonal = matrix[idx(i) * idx(n) + idx(i)];
    diagonal = diagonal == no_node ? graph.unary(Op::neg, inverse_step)
                                   : graph.sub(diagonal, inverse_step);
    sums.push_back(graph.input(input_index(Input::sum, i)));
    stage_rhs.push_back(graph.sub(sums.back(), spec.derivatives[idx(i)]));
  }
  const std::vector<int> kept(mobile.begin(), mobile.end());
  const linalg::PartialLu lu = linalg::eliminate(graph, matrix, n, kept);
  std::vector<NodeId> factors;
  for (const NodeId id : lu.needed())
    if (graph.variability(id) == Variability::dynamic) factors.push_back(id);
  linalg::PartialLu& stored = elimination;
  stored = lu;
  auto as_symbol = [&](NodeId id) {
    const auto it = std::lower_bound(factors.begin(), factors.end(), id);
    if (id == no_node || it == factors.end() || *it != id) return id;
    return graph.input(input_index(Input::factor, static_cast<int>(it - factors.begin())));
  };
  for (NodeId& id : stored.entries) id = as_symbol(id);
  for (NodeId& id : stored.inverse_pivots) id = as_symbol(id);
  std::vector<NodeId> hidden_symbols, mobile_symbols;
  for (int i = 0; i < q; ++i)
    hidden_symbols.push_back(graph.input(input_index(Input::assembled, i)));
  for (int i = 0; i < m; ++i)
    mobile_symbols.push_back(graph.input(input_index(Input::assembled, q + i)));
  const std::vector<NodeId> first_reduced = linalg::reduce(graph, lu, sums);
  const std::vector<NodeId> stage_reduced = linalg::reduce(graph, stored, stage_rhs);
  const std::vector<NodeId> expanded =
      linalg::expand(graph, stored, hidden_symbols, mobile_symbols);

  const NodeId zero = graph.constant(0.0);
  std::vector<NodeId> all(first_reduced);
  for (const std::vector<NodeId>& nodes : {stage_reduced, expanded, factors})
    all.insert(all.end(), nodes.begin(), nodes.end());
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < m; ++j) all.push_back(lu.schur(i, j) == no_node ? zero : lu.schur(i, j));

  // Registers: constants and expressions of parameters that the program does not have yet.
  expr::RegisterMap base = program.base_registers();
  std::int32_t next = program.layout().count;
  auto take = [&next](std::int64_t count) {
    const std::int32_t start = next;
    next += static_cast<std::int32_t>(count);
    return start;
  };
  auto place_constant = [&](NodeId id) {
    if (base.contains(id)) return;
    const std::int32_t r = take(1);
    base.emplace(id, static_cast<std::uint32_t>(r));
    constants.emplace_back(r, graph.node(id).value);
  };
  std::set<NodeId> invariants;
  auto keep = [&](NodeId id) {
    if (id != no_node && graph.variability(id) == Variability::parametric && !base.contains(id))
      invariants.insert(id);
  };
  for (const NodeId id : all) keep(id);
  for (const NodeId id : graph.reachable(all)) {
    const expr::Node& node = graph.node(id);
    if (node.op == Op::constant) place_constant(id);
    if (graph.variability(id) == Variability::dynamic)
      for (const NodeId operand : {node.a, node.b, node.c}) keep(operand);
  }
  place_constant(zero);
  const expr::RegisterMap prologue_available = base;
  std::vector<TapeRoot> prologue_roots;
  for (const NodeId id : invariants) {
    prologue_roots.push_back({id, static_cast<std::uint32_t>(take(1))});
    base.emplace(id, prologue_roots.back().target);
  }
  const RegisterLayout& layout = program.layout();
  auto at = [](std::int64_t first_register, int k) {
    return static_cast<std::uint32_t>(first_register + k);
  };
  expr::RegisterMap first_available = base;
  first_available.emplace(inverse_step, at(layout.inverse_step, 0));
  for (std::size_t e = 0; e < program.jacobian().size(); ++e)
    first_available.insert_or_assign(program.jacobian()[e].node,
                                     at(program.jacobian_registers()[e], 0));
  expr::RegisterMap stage_available = base;
  for (int i = 0; i < n; ++i) {
    first_available.emplace(sums[idx(i)], at(layout.sums, i));
    stage_available.emplace(sums[idx(i)], at(layout.sums, i));
  }
  std::vector<TapeRoot> first_roots, again_roots;
  expr::RegisterMap again_available = base;
  again_available.emplace(inverse_step, at(layout.inverse_step, 0));
  expr::RegisterMap expand_available = base;
  for (std::size_t k = 0; k < factors.size(); ++k) {
    const NodeId symbol = graph.input(input_index(Input::factor, static_cast<int>(k)));
    const auto known = first_available.find(factors[k]);
    std::uint32_t r = 0;
    if (known != first_available.end()) {
      r = known->second;
    } else {
      r = static_cast<std::uint32_t>(take(1));
      first_roots.push_back({factors[k], r});
    }
    again_roots.push_back({factors[k], r});
    stage_available.emplace(symbol, r);
    expand_available.emplace(symbol, r);
  }
  available = expand_available;
  schur = take(std::int64_t{m} * m);
  reduced = take(m);
  hidden = take(q);
  solution = take(n);
  first_temporary = next;
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < m; ++j)
      first_roots.push_back(
          {lu.schur(i, j) == no_node ? zero : lu.schur(i, j), at(schur, i * m + j)});
  std::vector<TapeRoot> stage_roots, expand_roots;
  for (int i = 0; i < n; ++i) {
    const std::uint32_t target = i < q ? at(hidden, i) : at(reduced, i - q);
    first_roots.push_back({first_reduced[idx(i)], target});
    stage_roots.push_back({stage_reduced[idx(i)], target});
    const NodeId symbol = i < q ? hidden_symbols[idx(i)] : mobile_symbols[idx(i - q)];
    const std::uint32_t source = i < q ? at(hidden, i) : at(solution, lu.order[idx(i)]);
    expand_available.emplace(symbol, source);
    if (i < q) expand_roots.push_back({expanded[idx(i)], at(solution, lu.order[idx(i)])});
  }
  const auto lowest = static_cast<std::uint32_t>(next);
  std::uint32_t high_water = lowest;
  auto build = [&](const std::vector<TapeRoot>& roots, const expr::RegisterMap& known_registers) {
    return expr::compile_tape(graph, roots, known_registers, lowest, high_water);
  };
  prologue = build(prologue_roots, prologue_available);
  first = build(first_roots, first_available);
  again = build(again_roots, again_available);
  stage = build(stage_roots, stage_available);
  expand = build(expand_roots, expand_available);
  num_registers = static_cast<std::int32_t>(high_water);
}

}  // namespace krogh::model
