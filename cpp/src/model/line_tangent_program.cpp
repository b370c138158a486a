// Compilation of the stages of a tangent.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/line_tangent_program.hpp"

#include <map>
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

/// A node as sign times another, so that what differs by its sign is computed once.
struct Signed {
  NodeId node = no_node;
  double sign = 1.0;
};

Signed without_sign(const expr::Graph& graph, NodeId id) {
  Signed s{id};
  while (graph.node(s.node).op == Op::neg) s = {graph.node(s.node).a, -s.sign};
  return s;
}

/// Coefficients of a stage's quantities over V_0, ..., V_3.
using Combination = std::array<double, 4>;

void add_multiple(Combination& sum, double factor, const Combination& other) {
  for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += factor * other[k];
}

struct Combinations {
  std::array<Combination, 4> tangent{};  ///< S_i - s
  std::array<Combination, 4> known{};    ///< S_i - s + gamma sum_j c_ij U_j
};

Combinations combinations_of(const integrate::RosenbrockTableau& tableau) {
  Combinations found;
  std::array<Combination, 4> unknowns{};  // U_i = s - V_i - S_i
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < i; ++j)
      add_multiple(found.tangent[i], tableau.a[i][j], unknowns[j]);
    found.known[i] = found.tangent[i];
    for (std::size_t j = 0; j < i; ++j)
      add_multiple(found.known[i], tableau.gamma * tableau.c[i][j], unknowns[j]);
    unknowns[i][i] = -1.0;
    add_multiple(unknowns[i], -1.0, found.tangent[i]);
  }
  return found;
}

/// An entry of the Jacobian less what it was at the start of the step.
struct Moved {
  int row = 0;
  int column = 0;
  std::size_t position = 0;  ///< among the distinct ones
  double sign = 1.0;
  bool is_shared = false;  ///< another row has the same entry in this column
};

/// Nodes that depend on states or time but not on the symbols `s`, and are operands of nodes that
/// do.
std::vector<NodeId> coefficients_of(const expr::Graph& graph, const std::vector<NodeId>& roots,
                                    const std::vector<NodeId>& s) {
  std::set<NodeId> depends(s.begin(), s.end()), found;
  for (const NodeId id : graph.reachable(roots)) {
    const Node& node = graph.node(id);
    const NodeId operands[] = {node.a, node.b, node.c};
    bool does = false;
    for (const NodeId o : operands) does = does || (o != no_node && depends.contains(o));
    if (!does) continue;
    depends.insert(id);
    for (const NodeId o : operands) {
      if (o == no_node || depends.contains(o)) continue;
      const bool is_symbol = graph.node(o).op == Op::state || graph.node(o).op == Op::time;
      if (!is_symbol && graph.variability(o) == Variability::dynamic) found.insert(o);
    }
  }
  return {found.begin(), found.end()};
}

}  // namespace

LineTangentProgram::LineTangentProgram(const Program& program, const LineProgram& line,
                                       const integrate::RosenbrockTableau& tableau,
                                       const std::vector<std::int32_t>& parameters, int num_slots,
                                       std::int32_t y_row, std::int32_t stage_rows,
                                       std::int32_t first_register) {
  expr::Graph graph = line.graph;
  const ModelSpec& spec = program.spec();
  const int n = program.num_states();
  const linalg::PartialLu& lu = line.elimination;
  const NodeId one = graph.constant(1.0);
  int symbols = 0;
  auto new_symbol = [&] { return graph.input(input_index(Input::tangent, symbols++)); };
  auto new_symbols = [&](int count) {
    std::vector<NodeId> nodes;
    for (int i = 0; i < count; ++i) nodes.push_back(new_symbol());
    return nodes;
  };
  auto differentiate = [&](std::span<const NodeId> roots, Op op, std::int32_t index) {
    return graph.differentiate(roots, [&](const Node& node) {
      return node.op == op && (op == Op::time || node.index == index) ? one : no_node;
    });
  };

  // Jacobian entries that are not the same in all stages, without repetition.
  std::vector<Moved> moved;
  std::vector<NodeId> moved_nodes, moved_roots;
  std::vector<NodeId> start_symbols;
  std::vector<std::int32_t> start_registers;
  std::map<NodeId, std::size_t> known;
  for (std::size_t e = 0; e < program.jacobian().size(); ++e) {
    const Entry& entry = program.jacobian()[e];
    if (graph.variability(entry.node) != Variability::dynamic) continue;
    const Signed s = without_sign(graph, entry.node);
    const auto [it, is_new] = known.emplace(s.node, moved_roots.size());
    if (is_new) {
      moved_nodes.push_back(s.node);
      start_symbols.push_back(new_symbol());
      start_registers.push_back(program.jacobian_registers()[e]);
      moved_roots.push_back(s.sign > 0.0 ? graph.sub(s.node, start_symbols.back())
                                         : graph.add(s.node, start_symbols.back()));
    }
    moved.push_back({entry.row, entry.column, it->second, s.sign});
  }
  for (Moved& m : moved)
    for (const Moved& other : moved)
      m.is_shared = m.is_shared || (m.row != other.row && m.column == other.column &&
                                    m.position == other.position);
  const std::vector<NodeId> moved_symbols = new_symbols(static_cast<int>(moved_roots.size()));
  // Their derivative, and below that of the sources, along the unknowns of the line's own stage.
  const std::vector<NodeId> unknowns = new_symbols(n);
  auto curve = [&](const std::vector<NodeId>& nodes) {
    return graph.differentiate(nodes, [&](const Node& node) {
      return node.op == Op::state ? unknowns[idx(node.index)] : no_node;
    });
  };
  const std::vector<NodeId> curvature_nodes = curve(moved_nodes);
  std::vector<NodeId> curvature_symbols;
  for (const NodeId id : curvature_nodes)
    curvature_symbols.push_back(id == no_node ? no_node : new_symbol());

  // dF/dp and what else there is for each parameter; registers follow below.
  std::vector<NodeId> source_nodes, time_source_nodes, time_slope_nodes, initial_nodes;
  auto collect = [&](const std::vector<NodeId>& column, std::int32_t position,
                     std::vector<Term>& terms, std::vector<NodeId>& nodes) {
    for (int i = 0; i < static_cast<int>(column.size()); ++i) {
      if (column[idx(i)] == no_node) continue;
      const Signed s = without_sign(graph, column[idx(i)]);
      terms.push_back({.row = i,
                       .column = position,
                       .moves = graph.variability(s.node) == Variability::dynamic,
                       .sign = s.sign});
      nodes.push_back(s.node);
    }
  };
  for (std::size_t a = 0; a < parameters.size(); ++a) {
    const auto position = static_cast<std::int32_t>(a);
    const auto df = differentiate(spec.derivatives, Op::parameter, parameters[a]);
    collect(df, position, sources, source_nodes);
    std::vector<NodeId> filled(df);
    for (NodeId& id : filled)
      if (id == no_node) id = graph.constant(0.0);
    collect(differentiate(filled, Op::time, 0), position, time_sources, time_source_nodes);
    collect(differentiate(spec.initial, Op::parameter, parameters[a]), position, initial,
            initial_nodes);
  }
  for (const Entry& entry : program.jacobian()) {
    const NodeId nodes[] = {entry.node};
    const NodeId slope = differentiate(nodes, Op::time, 0)[0];
    if (slope == no_node) continue;
    const Signed s = without_sign(graph, slope);
    time_slopes.push_back({.row = entry.row, .column = entry.column, .sign = s.sign});
    time_slope_nodes.push_back(s.node);
  }

  const std::vector<NodeId> source_curvatures = curve(source_nodes);
  std::vector<NodeId> source_roots(source_nodes), source_symbols;
  std::map<NodeId, NodeId> symbol_of;
  for (std::size_t k = 0; k < source_nodes.size(); ++k) {
    source_symbols.push_back(no_node);
    if (source_curvatures[k] == no_node) continue;
    const auto [it, is_new] = symbol_of.emplace(source_curvatures[k], no_node);
    if (is_new) it->second = new_symbol();
    source_symbols[k] = it->second;
    source_roots[k] = graph.add(source_nodes[k], it->second);
  }

  // T s of the kinetics, as the law has it: what one reaction takes another gets, to the last bit.
  // Parts that do not depend on s are the same for all directions.
  const std::vector<NodeId> s = new_symbols(n);
  std::vector<NodeId> linear_nodes = graph.differentiate(spec.derivatives, [&](const Node& node) {
    return node.op == Op::state ? s[idx(node.index)] : no_node;
  });
  for (NodeId& id : linear_nodes)
    if (id == no_node) id = graph.constant(0.0);
  const std::vector<NodeId> coefficients = coefficients_of(graph, linear_nodes, s);

  // Right-hand sides of the stages over V_0, V_1 (held), V_2 (within a tape) and q.
  const NodeId inverse_step = graph.input(input_index(Input::inverse_step, 0));
  const std::vector<NodeId> v0 = new_symbols(n), v1 = new_symbols(n), q = new_symbols(n);
  std::vector<NodeId> hidden_symbols, mobile_symbols;
  for (int i = 0; i < lu.size; ++i)
    (i < lu.num_eliminated ? hidden_symbols : mobile_symbols)
        .push_back(graph.input(input_index(Input::assembled, i)));
  const std::vector<NodeId> expanded = linalg::expand(graph, lu, hidden_symbols, mobile_symbols);
  std::vector<NodeId> solved(idx(n), no_node);  // by state
  for (int i = 0; i < n; ++i)
    solved[idx(lu.order[idx(i)])] =
        i < lu.num_eliminated ? expanded[idx(i)] : mobile_symbols[idx(i - lu.num_eliminated)];
  const Combinations combinations = combinations_of(tableau);
  std::vector<NodeId> ends;
  for (int k = 0; k < n; ++k) ends.push_back(graph.sub(s[idx(k)], solved[idx(k)]));
  std::array<std::vector<NodeId>, 4> reduced_nodes;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::array<const std::vector<NodeId>*, 3> terms{i > 1 ? &v0 : &solved,
                                                          i > 2 ? &v1 : &solved, &solved};
    auto combine = [&](const Combination& weights, int state, NodeId sum) {
      for (std::size_t k = 0; k < i; ++k) {
        if (weights[k] == 0.0) continue;
        const NodeId part = graph.mul(graph.constant(weights[k]), (*terms[k])[idx(state)]);
        sum = sum == no_node ? part : graph.add(sum, part);
      }
      return sum;
    };
    std::vector<NodeId> rhs, tangent(idx(n), no_node);
    for (int k = 0; k < n; ++k) {
      const NodeId known_part = combine(combinations.known[i], k, no_node);
      rhs.push_back(known_part == no_node
                        ? q[idx(k)]
                        : graph.add(q[idx(k)], graph.mul(inverse_step, known_part)));
    }
    for (const Moved& m : moved) {
      NodeId terms_of_entry[] = {no_node, no_node};
      if (i > 0) {
        NodeId& column = tangent[idx(m.column)];
        if (column == no_node)
          column = combine(combinations.tangent[i], m.column, s[idx(m.column)]);
        terms_of_entry[0] = graph.mul(moved_symbols[m.position], column);
      }
      if (curvature_symbols[m.position] != no_node)
        terms_of_entry[1] = graph.mul(curvature_symbols[m.position], s[idx(m.column)]);
      // What several rows share is summed once.
      if (m.is_shared && terms_of_entry[0] != no_node && terms_of_entry[1] != no_node) {
        terms_of_entry[0] = graph.add(terms_of_entry[0], terms_of_entry[1]);
        terms_of_entry[1] = no_node;
      }
      NodeId& row = rhs[idx(m.row)];
      for (const NodeId term : terms_of_entry)
        if (term != no_node) row = m.sign > 0.0 ? graph.add(row, term) : graph.sub(row, term);
    }
    reduced_nodes[i] = linalg::reduce(graph, lu, rhs);
  }

  // Registers: constants, what depends on parameters alone, and the regions.
  std::vector<NodeId> all;
  for (const std::vector<NodeId>* nodes : std::initializer_list<const std::vector<NodeId>*>{
           &moved_roots, &source_nodes, &curvature_nodes, &source_curvatures, &time_source_nodes,
           &time_slope_nodes, &initial_nodes, &linear_nodes, &ends, &reduced_nodes[0],
           &reduced_nodes[1], &reduced_nodes[2], &reduced_nodes[3]})
    for (const NodeId id : *nodes)
      if (id != no_node) all.push_back(id);
  expr::RegisterMap base = line.available;
  std::int32_t next = first_register;
  auto take = [&next](std::int64_t count) {
    const std::int32_t start = next;
    next += static_cast<std::int32_t>(count);
    return start;
  };
  std::set<NodeId> invariants;
  auto keep = [&](NodeId id) {
    if (id != no_node && graph.variability(id) == Variability::parametric && !base.contains(id))
      invariants.insert(id);
  };
  for (const NodeId id : all) keep(id);
  for (const NodeId id : graph.reachable(all)) {
    const Node& node = graph.node(id);
    if (node.op == Op::constant && !base.contains(id)) {
      const std::int32_t r = take(1);
      base.emplace(id, static_cast<std::uint32_t>(r));
      constants.emplace_back(r, node.value);
    }
    if (graph.variability(id) == Variability::dynamic)
      for (const NodeId operand : {node.a, node.b, node.c}) keep(operand);
  }
  const expr::RegisterMap prologue_available = base;
  std::vector<TapeRoot> prologue_roots;
  for (const NodeId id : invariants) {
    prologue_roots.push_back({id, static_cast<std::uint32_t>(take(1))});
    base.emplace(id, prologue_roots.back().target);
  }
  auto at = [](std::int32_t first, std::int64_t k) {
    return static_cast<std::uint32_t>(first + k);
  };
  saved = take(n);
  own = take(n);
  // The set of a stage: moved Jacobian entries, then sources.
  const std::int32_t set = next;
  std::vector<TapeRoot> moved_targets, source_targets, start_targets;
  for (const NodeId id : moved_roots)
    moved_targets.push_back({id, static_cast<std::uint32_t>(take(1))});
  auto place = [&](std::vector<Term>& terms, const std::vector<NodeId>& nodes,
                   const std::vector<NodeId>& roots, std::vector<TapeRoot>& targets) {
    std::map<NodeId, std::int32_t> placed;
    for (std::size_t k = 0; k < terms.size(); ++k) {
      if (graph.variability(nodes[k]) != Variability::dynamic) {
        terms[k].register_ = static_cast<std::int32_t>(base.at(nodes[k]));
        continue;
      }
      const auto [it, is_new] = placed.emplace(nodes[k], next);
      if (is_new) targets.push_back({roots[k], static_cast<std::uint32_t>(take(1))});
      terms[k].register_ = it->second;
    }
  };
  place(sources, source_nodes, source_roots, source_targets);
  std::vector<TapeRoot> curvature_targets;
  expr::RegisterMap curvature_registers;
  auto place_curvature = [&](NodeId node, NodeId symbol) {
    if (node == no_node || curvature_registers.contains(symbol)) return;
    curvature_targets.push_back({node, static_cast<std::uint32_t>(take(1))});
    curvature_registers.emplace(symbol, curvature_targets.back().target);
  };
  for (std::size_t k = 0; k < curvature_nodes.size(); ++k)
    place_curvature(curvature_nodes[k], curvature_symbols[k]);
  for (std::size_t k = 0; k < source_curvatures.size(); ++k)
    place_curvature(source_curvatures[k], source_symbols[k]);
  set_rows = next - set;
  take(std::int64_t{3} * set_rows);
  place(time_sources, time_source_nodes, time_source_nodes, start_targets);
  place(time_slopes, time_slope_nodes, time_slope_nodes, start_targets);
  place(initial, initial_nodes, initial_nodes, start_targets);  // never dynamic: no target
  for (const NodeId id : coefficients)
    start_targets.push_back({id, static_cast<std::uint32_t>(take(1))});
  slots = next;
  linear_row = n;
  const std::int32_t rows_s = slots, rows_v0 = slots + 2 * n, rows_v1 = slots + 3 * n;
  const std::array<std::int32_t, 2> work{slots + 4 * n, slots + 5 * n};
  slot_rows = 6 * n;
  take(std::int64_t{num_slots} * slot_rows);
  for (std::size_t k = 0; k < 2; ++k) reduced[k] = work[k] - slots + lu.num_eliminated;
  first_temporary = next;

  expr::RegisterMap starts = base;
  for (std::size_t k = 0; k < start_symbols.size(); ++k)
    starts.insert_or_assign(start_symbols[k], at(start_registers[k], 0));
  starts.insert(curvature_registers.begin(), curvature_registers.end());
  // At the start of the step, along the unknowns of a stage.
  expr::RegisterMap curved = base;
  for (int k = 0; k < n; ++k) {
    curved.insert_or_assign(graph.state(k), at(y_row, k));
    curved.insert_or_assign(unknowns[idx(k)], at(stage_rows, k));
  }
  expr::RegisterMap stage_base = base;
  stage_base.emplace(inverse_step, at(program.layout().inverse_step, 0));
  for (int k = 0; k < n; ++k) {
    stage_base.emplace(s[idx(k)], at(rows_s, k));
    stage_base.emplace(v0[idx(k)], at(rows_v0, k));
    stage_base.emplace(v1[idx(k)], at(rows_v1, k));
    stage_base.emplace(q[idx(k)], at(own, k));
  }
  const auto lowest = static_cast<std::uint32_t>(next);
  std::uint32_t high_water = lowest;
  auto build = [&](const std::vector<TapeRoot>& roots, const expr::RegisterMap& available) {
    return expr::compile_tape(graph, roots, available, lowest, high_water);
  };
  prologue = build(prologue_roots, prologue_available);
  start_entries = build(start_targets, curved);
  for (std::size_t i = 0; i < 4; ++i) {
    std::vector<TapeRoot> roots;
    for (const TapeRoot& root : moved_targets)
      if (i > 0) roots.push_back(root);
    roots.insert(roots.end(), source_targets.begin(), source_targets.end());
    const auto stage = static_cast<std::int32_t>(i);
    entries[i] = expr::moved(build(roots, starts), set, set_rows, set + stage * set_rows);
    curvatures[i] = expr::moved(
        expr::moved(build(curvature_targets, curved), set, set_rows, set + stage * set_rows),
        stage_rows, n, stage_rows + stage * n);
  }
  auto for_slots = [&](const std::vector<expr::Instruction>& tape) {
    std::vector<std::vector<expr::Instruction>> tapes;
    for (int k = 0; k < num_slots; ++k)
      tapes.push_back(expr::moved(tape, slots, slot_rows, slots + k * slot_rows));
    return tapes;
  };
  auto stage_available = [&](std::size_t solution_of, std::size_t next_stage) {
    expr::RegisterMap available = stage_base;
    for (int k = 0; k < n; ++k)
      available.insert_or_assign(graph.input(input_index(Input::assembled, k)),
                                 at(work[solution_of % 2], k));
    const auto shift =
        static_cast<std::uint32_t>(next_stage) * static_cast<std::uint32_t>(set_rows);
    for (std::size_t k = 0; k < moved_symbols.size(); ++k) {
      available.insert_or_assign(moved_symbols[k], moved_targets[k].target + shift);
      const NodeId curvature = curvature_symbols[k];
      if (curvature != no_node)
        available.insert_or_assign(curvature, curvature_registers.at(curvature) + shift);
    }
    return available;
  };
  auto roots_of = [&](const std::vector<NodeId>& nodes, std::int32_t first) {
    std::vector<TapeRoot> roots;
    for (int k = 0; k < n; ++k) roots.push_back({nodes[idx(k)], at(first, k)});
    return roots;
  };
  begin = for_slots(build(roots_of(reduced_nodes[0], work[0]), stage_available(1, 0)));
  for (std::size_t i = 0; i < 3; ++i) {
    std::vector<TapeRoot> roots;
    if (i < 2) roots = roots_of(solved, i == 0 ? rows_v0 : rows_v1);
    const auto next_roots = roots_of(reduced_nodes[i + 1], work[(i + 1) % 2]);
    roots.insert(roots.end(), next_roots.begin(), next_roots.end());
    advance[i] = for_slots(build(roots, stage_available(i, i + 1)));
  }
  end = for_slots(build(roots_of(ends, rows_s), stage_available(3, 3)));
  expr::RegisterMap linear_available = curved;
  for (int k = 0; k < n; ++k) linear_available.insert_or_assign(s[idx(k)], at(rows_s, k));
  for (const TapeRoot& root : start_targets)
    linear_available.insert_or_assign(root.node, root.target);
  linear = for_slots(build(roots_of(linear_nodes, rows_s + n), linear_available));
  num_registers = static_cast<std::int32_t>(high_water);
}

}  // namespace krogh::model
