// Compilation of a model: pinned switches, sparse Jacobian, symbolic LU, registers and tapes.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/model/program.hpp>

#include <algorithm>
#include <set>

#include <krogh/base/errors.hpp>
#include <krogh/linalg/sparse_lu.hpp>

#include "model/inputs.hpp"
#include "model/line_tapes.hpp"
#include "model/native_tapes.hpp"
#include "model/time_knots.hpp"

namespace krogh::model {
namespace {

using expr::Graph;
using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;
using expr::RegisterMap;
using expr::TapeRoot;
using expr::Variability;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

void require_nodes(const Graph& graph, std::span<const NodeId> nodes, const char* what) {
  for (NodeId id : nodes)
    if (id < 0 || id >= graph.size())
      throw InvalidInput(std::string(what) + ": node " + std::to_string(id) +
                         " is not in the graph of " + std::to_string(graph.size()) + " nodes");
}

void require_parametric(const Graph& graph, NodeId id, const std::string& what) {
  if (id != no_node && graph.variability(id) == Variability::dynamic)
    throw InvalidInput(what + " may depend on parameters only, not on states or time");
}

}  // namespace

Program::~Program() = default;
Program::Program(Program&&) noexcept = default;

Program::Program(ModelSpec spec)
    : given_(std::move(spec)),
      spec_(given_),
      native_cache_(std::make_unique<NativeCache>()),
      line_cache_(std::make_unique<LineCache>()) {
  validate();
  pin_surfaces();
  replace_divisions();
  build_jacobian();
  build_linear_form();
  time_knots_ = model::time_knots(spec_.graph, spec_.derivatives);
  compile();
}

ModelSpec Program::with_switches(const std::vector<int>& states) const {
  ModelSpec spec = given_;
  for (const int state : states) {
    const NodeId is_on = spec.graph.parameter(static_cast<int>(spec.parameter_names.size()));
    spec.parameter_names.push_back("on(" + spec.state_names[idx(state)] + ")");
    NodeId& derivative = spec.derivatives[idx(state)];
    derivative = spec.graph.mul(is_on, derivative);
    for (Event& event : spec.events)
      for (auto& [assigned, value] : event.assignments)
        if (assigned == state) value = spec.graph.mul(is_on, value);
  }
  return spec;
}

void Program::validate() const {
  const std::size_t n = spec_.derivatives.size();
  if (n == 0) throw InvalidInput("a model needs at least one state");
  if (spec_.state_names.size() != n || spec_.initial.size() != n)
    throw InvalidInput("model has " + std::to_string(n) + " derivatives, " +
                       std::to_string(spec_.state_names.size()) + " state names and " +
                       std::to_string(spec_.initial.size()) + " initial values; all must agree");
  if (spec_.output_names.size() != spec_.outputs.size())
    throw InvalidInput("model has " + std::to_string(spec_.outputs.size()) + " outputs but " +
                       std::to_string(spec_.output_names.size()) + " output names");
  if (!spec_.doses.empty() && spec_.doses.size() != n)
    throw InvalidInput("dose attributes need one entry per state, found " +
                       std::to_string(spec_.doses.size()) + " for " + std::to_string(n));
  if (!spec_.steady_initial.empty() && spec_.steady_initial.size() != n)
    throw InvalidInput("steady_initial needs one entry per state");
  require_nodes(spec_.graph, spec_.derivatives, "derivatives");
  require_nodes(spec_.graph, spec_.initial, "initial values");
  require_nodes(spec_.graph, spec_.outputs, "outputs");
  const int np = num_parameters();
  for (NodeId id = 0; id < spec_.graph.size(); ++id) {
    const Node& node = spec_.graph.node(id);
    const int limit = node.op == Op::state ? static_cast<int>(n) : np;
    if ((node.op == Op::state || node.op == Op::parameter) &&
        (node.index < 0 || node.index >= limit))
      throw InvalidInput("the graph names " + std::string(expr::name_of(node.op)) + " " +
                         std::to_string(node.index) + " of " + std::to_string(limit));
    if (node.op == Op::input || node.op == Op::direction)
      throw InvalidInput("model expressions may not contain inputs or directions");
  }
  for (std::size_t i = 0; i < n; ++i)
    require_parametric(spec_.graph, spec_.initial[i],
                       "initial value of '" + spec_.state_names[i] + "'");
  for (std::size_t i = 0; i < spec_.doses.size(); ++i) {
    const DoseAttributes& d = spec_.doses[i];
    for (NodeId id : {d.bioavailability, d.lag, d.duration, d.rate, d.scale})
      require_parametric(spec_.graph, id, "dose attribute of '" + spec_.state_names[i] + "'");
    const int last_time = d.time_parameter + d.stored_slots;
    const int last_amount = d.amount_parameter + d.stored_slots;
    if (d.stored_slots < 1 || last_time > np + (d.time_parameter < 0 ? 1 : 0) ||
        last_amount > np + (d.amount_parameter < 0 ? 1 : 0) ||
        (d.time_parameter < 0) != (d.amount_parameter < 0))
      throw InvalidInput("stored doses of '" + spec_.state_names[i] +
                         "' need time and amount parameters of the model");
  }
  for (const Event& event : spec_.events) {
    const NodeId trigger[] = {event.trigger};
    require_nodes(spec_.graph, trigger, "event trigger");
    if (event.direction < -1 || event.direction > 1)
      throw InvalidInput("event direction must be -1, 0 or +1, found " +
                         std::to_string(event.direction));
    for (const auto& [state, value] : event.assignments) {
      const NodeId values[] = {value};
      require_nodes(spec_.graph, values, "event assignment");
      if (state < 0 || state >= static_cast<int>(n))
        throw InvalidInput("event assigns state " + std::to_string(state) + " of " +
                           std::to_string(n));
    }
  }
}

/// Replaces every select by a choice on a mode that the integrator holds fixed within a step.
void Program::pin_surfaces() {
  Graph& graph = spec_.graph;
  auto surface_of = [this](NodeId condition) {
    const auto it = std::find(surfaces_.begin(), surfaces_.end(), condition);
    if (it != surfaces_.end()) return static_cast<int>(it - surfaces_.begin());
    surfaces_.push_back(condition);
    return static_cast<int>(surfaces_.size()) - 1;
  };
  auto pin = [&](NodeId, const Node& n) {
    if (n.op != Op::select) return no_node;
    if (graph.variability(n.c) != Variability::dynamic) return graph.choose(n.c, n.a, n.b);
    return graph.choose(graph.input(input_index(Input::mode, surface_of(n.c))), n.a, n.b);
  };
  spec_.derivatives = graph.substitute(spec_.derivatives, pin);
  spec_.outputs = graph.substitute(spec_.outputs, pin);
  for (Event& event : spec_.events) {
    const NodeId trigger[] = {event.trigger};
    event.trigger = graph.substitute(trigger, pin)[0];
    event_surfaces_.push_back(surface_of(event.trigger));
    for (auto& [state, value] : event.assignments) {
      const NodeId root[] = {value};
      value = graph.substitute(root, pin)[0];
    }
  }
}

/// Divisions by what depends on parameters alone become products with reciprocals, which the
/// prologue computes once: a division costs as much as ten products.
void Program::replace_divisions() {
  Graph& graph = spec_.graph;
  const NodeId one = graph.constant(1.0);
  auto replace = [&](NodeId, const Node& n) {
    if (n.op != Op::div || graph.variability(n.b) == Variability::dynamic) return no_node;
    if (graph.variability(n.a) != Variability::dynamic) return no_node;
    return graph.mul(n.a, graph.div(one, n.b));
  };
  spec_.derivatives = graph.substitute(spec_.derivatives, replace);
  spec_.outputs = graph.substitute(spec_.outputs, replace);
}

void Program::build_jacobian() {
  Graph& graph = spec_.graph;
  const int n = num_states();
  const NodeId one = graph.constant(1.0);
  std::vector<Entry> by_column;
  for (int j = 0; j < n; ++j) {
    const auto column = graph.differentiate(spec_.derivatives, [&](const Node& node) {
      return node.op == Op::state && node.index == j ? one : no_node;
    });
    for (int i = 0; i < n; ++i)
      if (column[idx(i)] != no_node) by_column.push_back({i, j, column[idx(i)]});
  }
  std::stable_sort(by_column.begin(), by_column.end(),
                   [](const Entry& a, const Entry& b) { return a.row < b.row; });
  jacobian_ = std::move(by_column);
  time_derivatives_ = graph.differentiate(
      spec_.derivatives, [&](const Node& node) { return node.op == Op::time ? one : no_node; });
}

void Program::build_linear_form() {
  Graph& graph = spec_.graph;
  const int n = num_states();
  is_linear_ = surfaces_.empty() && spec_.events.empty();
  for (NodeId id : time_derivatives_) is_linear_ = is_linear_ && id == no_node;
  for (const Entry& e : jacobian_)
    is_linear_ = is_linear_ && graph.variability(e.node) != Variability::dynamic;
  if (!is_linear_) return;
  const NodeId zero = graph.constant(0.0);
  linear_nodes_.assign(idx(n) * idx(n), zero);
  for (const Entry& e : jacobian_) linear_nodes_[idx(e.row) * idx(n) + idx(e.column)] = e.node;
  const auto constant_part = graph.substitute(spec_.derivatives, [&](NodeId, const Node& node) {
    return node.op == Op::state ? zero : no_node;
  });
  for (NodeId id : constant_part) {
    is_linear_ = is_linear_ && graph.variability(id) != Variability::dynamic;
    linear_nodes_.push_back(id);
  }
  if (!is_linear_) linear_nodes_.clear();
}

namespace {

/// Hands out registers and remembers which node lives where.
class Allocator {
 public:
  std::int32_t take(std::int64_t count) {
    const std::int32_t first = next_;
    next_ += static_cast<std::int32_t>(count);
    return first;
  }
  std::int32_t next() const { return next_; }

 private:
  std::int32_t next_ = 0;
};

/// Parametric subexpressions that dynamic ones (or the roots) use: computed once per patient.
void collect_invariants(const Graph& graph, std::span<const NodeId> roots, std::set<NodeId>& found,
                        std::set<NodeId>& constants) {
  auto keep = [&](NodeId id) {
    if (id == no_node) return;
    if (graph.variability(id) == Variability::parametric && graph.node(id).op != Op::parameter)
      found.insert(id);
  };
  for (NodeId root : roots) keep(root);
  for (NodeId id : graph.reachable(roots)) {
    const Node& n = graph.node(id);
    if (n.op == Op::constant) constants.insert(id);
    if (graph.variability(id) != Variability::dynamic) continue;
    for (NodeId operand : {n.a, n.b, n.c}) keep(operand);
  }
}

}  // namespace

void Program::compile() {
  Graph& graph = spec_.graph;
  const int n = num_states();
  const NodeId inverse_step = graph.input(input_index(Input::inverse_step, 0));
  std::vector<NodeId> sums, rates;
  for (int i = 0; i < n; ++i) sums.push_back(graph.input(input_index(Input::sum, i)));

  // Elimination of J - I/(h gamma), and the same factors as symbols for the later solves.
  std::vector<NodeId> matrix(idx(n) * idx(n), no_node);
  for (const Entry& e : jacobian_) matrix[idx(e.row) * idx(n) + idx(e.column)] = e.node;
  for (int i = 0; i < n; ++i) {
    NodeId& diagonal = matrix[idx(i) * idx(n) + idx(i)];
    diagonal = diagonal == no_node ? graph.unary(Op::neg, inverse_step)
                                   : graph.sub(diagonal, inverse_step);
  }
  const linalg::SymbolicLu lu = linalg::factorize(graph, matrix, n);
  const std::vector<NodeId> first_solution = linalg::solve(graph, lu, sums);
  std::vector<NodeId> factors;
  for (NodeId id : lu.needed())
    if (graph.variability(id) == Variability::dynamic) factors.push_back(id);
  linalg::SymbolicLu stored = lu;
  auto as_symbol = [&](NodeId id) {
    const auto it = std::lower_bound(factors.begin(), factors.end(), id);
    if (id == no_node || it == factors.end() || *it != id) return id;
    return graph.input(input_index(Input::factor, static_cast<int>(it - factors.begin())));
  };
  for (NodeId& id : stored.entries) id = as_symbol(id);
  for (NodeId& id : stored.inverse_pivots) id = as_symbol(id);
  std::vector<NodeId> stage_rhs;
  for (int i = 0; i < n; ++i)
    stage_rhs.push_back(graph.sub(sums[idx(i)], spec_.derivatives[idx(i)]));
  const std::vector<NodeId> stage_solution = linalg::solve(graph, stored, stage_rhs);
  const std::vector<NodeId> plain_solution = linalg::solve(graph, stored, sums);

  std::vector<NodeId> all;
  auto gather = [&all](std::span<const NodeId> nodes) {
    for (NodeId id : nodes)
      if (id != no_node) all.push_back(id);
  };
  gather(spec_.derivatives);
  gather(time_derivatives_);
  gather(spec_.initial);
  gather(spec_.outputs);
  gather(surfaces_);
  gather(linear_nodes_);
  gather(first_solution);
  gather(factors);
  gather(stage_solution);
  gather(plain_solution);
  for (const Entry& e : jacobian_) all.push_back(e.node);
  for (const Event& event : spec_.events)
    for (const auto& [state, value] : event.assignments) all.push_back(value);
  for (const DoseAttributes& d : spec_.doses)
    for (NodeId id : {d.bioavailability, d.lag, d.duration, d.rate, d.scale})
      if (id != no_node) all.push_back(id);
  std::set<NodeId> invariants, constants;
  collect_invariants(graph, all, invariants, constants);

  Allocator registers;
  layout_.parameters = registers.take(num_parameters());
  for (NodeId id : constants) {
    const std::int32_t r = registers.take(1);
    constants_.emplace_back(r, graph.node(id).value);
    base_.emplace(id, static_cast<std::uint32_t>(r));
  }
  for (int p = 0; p < num_parameters(); ++p)
    base_.emplace(graph.parameter(p), static_cast<std::uint32_t>(layout_.parameters + p));
  const RegisterMap prologue_available = base_;
  std::vector<TapeRoot> prologue_roots;
  for (NodeId id : invariants) {
    prologue_roots.push_back({id, static_cast<std::uint32_t>(registers.take(1))});
    base_.emplace(id, prologue_roots.back().target);
  }
  layout_.time = registers.take(1);
  layout_.states = registers.take(n);
  layout_.modes = registers.take(num_surfaces());
  layout_.input_rates = registers.take(n);
  layout_.inverse_step = registers.take(1);
  layout_.sums = registers.take(n);
  layout_.solution = registers.take(n);
  layout_.slopes = registers.take(n);
  const bool has_time = std::any_of(time_derivatives_.begin(), time_derivatives_.end(),
                                    [](NodeId id) { return id != no_node; });
  layout_.time_slopes = has_time ? registers.take(n) : -1;
  auto at = [](std::int32_t first, int k) { return static_cast<std::uint32_t>(first + k); };
  base_.emplace(graph.time(), at(layout_.time, 0));
  for (int i = 0; i < n; ++i) base_.emplace(graph.state(i), at(layout_.states, i));
  for (int k = 0; k < num_surfaces(); ++k)
    base_.emplace(graph.input(input_index(Input::mode, k)), at(layout_.modes, k));

  // Registers of the Jacobian: constants and per-patient entries stay where they are.
  std::vector<TapeRoot> jacobian_roots;
  RegisterMap factor_available = base_;
  factor_available.emplace(inverse_step, at(layout_.inverse_step, 0));
  for (int i = 0; i < n; ++i) factor_available.emplace(sums[idx(i)], at(layout_.sums, i));
  layout_.jacobian = registers.next();
  for (const Entry& e : jacobian_) {
    const auto known = factor_available.find(e.node);
    if (known != factor_available.end()) {
      jacobian_registers_.push_back(static_cast<std::int32_t>(known->second));
      // A state or the time may itself be an entry; the stage values overwrite those registers.
      if (graph.variability(e.node) != Variability::dynamic) continue;
      if (graph.node(e.node).op != Op::state && graph.node(e.node).op != Op::time &&
          graph.node(e.node).op != Op::input)
        continue;
      jacobian_registers_.pop_back();
    }
    const auto r = static_cast<std::uint32_t>(registers.take(1));
    jacobian_roots.push_back({e.node, r});
    jacobian_registers_.push_back(static_cast<std::int32_t>(r));
    factor_available.insert_or_assign(e.node, r);
  }
  RegisterMap solve_available = base_;
  for (int i = 0; i < n; ++i) solve_available.emplace(sums[idx(i)], at(layout_.sums, i));
  std::vector<TapeRoot> factor_roots;
  for (std::size_t k = 0; k < factors.size(); ++k) {
    const auto known = factor_available.find(factors[k]);
    std::uint32_t r = 0;
    if (known != factor_available.end()) {
      r = known->second;
    } else {
      r = static_cast<std::uint32_t>(registers.take(1));
      factor_roots.push_back({factors[k], r});
    }
    solve_available.emplace(graph.input(input_index(Input::factor, static_cast<int>(k))), r);
  }
  layout_.outputs = registers.take(num_outputs());
  layout_.surfaces = registers.take(num_surfaces());
  std::vector<TapeRoot> surface_roots;
  for (int k = 0; k < num_surfaces(); ++k)
    surface_roots.push_back({surfaces_[idx(k)], at(layout_.surfaces, k)});
  for (const Event& event : spec_.events) {
    auto& values = event_values_.emplace_back();
    for (const auto& [state, value] : event.assignments) {
      const std::int32_t r = registers.take(1);
      surface_roots.push_back({value, static_cast<std::uint32_t>(r)});
      values.emplace_back(state, r);
    }
  }

  auto region = [&](std::span<const NodeId> nodes, std::int32_t first) {
    std::vector<TapeRoot> roots;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      roots.push_back(
          {nodes[i] == no_node ? graph.constant(0.0) : nodes[i], at(first, static_cast<int>(i))});
    return roots;
  };
  const NodeId zero = graph.constant(0.0);
  if (!base_.contains(zero)) {
    const std::int32_t r = registers.take(1);
    constants_.emplace_back(r, 0.0);
    for (RegisterMap* map : {&base_, &factor_available, &solve_available})
      map->emplace(zero, static_cast<std::uint32_t>(r));
  }
  layout_.first_temporary = registers.next();
  const auto first_temporary = static_cast<std::uint32_t>(registers.next());
  std::uint32_t high_water = first_temporary;
  auto build = [&](std::vector<TapeRoot> roots, const RegisterMap& available) {
    return expr::compile_tape(graph, roots, available, first_temporary, high_water);
  };
  tapes_.prologue = build(prologue_roots, prologue_available);
  tapes_.initial = build(region(spec_.initial, layout_.solution), base_);
  std::vector<TapeRoot> rhs_roots = region(spec_.derivatives, layout_.slopes);
  tapes_.rhs = build(rhs_roots, base_);
  if (has_time)
    for (const TapeRoot& root : region(time_derivatives_, layout_.time_slopes))
      rhs_roots.push_back(root);
  rhs_roots.insert(rhs_roots.end(), jacobian_roots.begin(), jacobian_roots.end());
  tapes_.rhs_jacobian = build(rhs_roots, base_);
  for (const TapeRoot& root : region(first_solution, layout_.solution))
    factor_roots.push_back(root);
  tapes_.factor = build(factor_roots, factor_available);
  tapes_.stage = build(region(stage_solution, layout_.solution), solve_available);
  tapes_.solve = build(region(plain_solution, layout_.solution), solve_available);
  tapes_.outputs = build(region(spec_.outputs, layout_.outputs), base_);
  tapes_.surfaces = build(surface_roots, base_);
  layout_.count = static_cast<std::int32_t>(high_water);

  for (NodeId id : linear_nodes_)
    linear_registers_.push_back(static_cast<std::int32_t>(base_.at(id)));
  for (const DoseAttributes& d : spec_.doses) {
    auto& row = dose_registers_.emplace_back();
    const NodeId nodes[] = {d.bioavailability, d.lag, d.duration, d.rate, d.scale};
    for (std::size_t k = 0; k < row.size(); ++k)
      row[k] = nodes[k] == no_node ? -1 : static_cast<std::int32_t>(base_.at(nodes[k]));
  }
  if (dose_registers_.empty()) dose_registers_.assign(idx(n), {-1, -1, -1, -1, -1});
  for (const expr::Table& table : graph.tables())
    table_views_.push_back({.kind = table.kind,
                            .size = static_cast<std::int32_t>(table.x.size()),
                            .x = table.x.data(),
                            .y = table.y.data(),
                            .slope = table.slope.data()});
}

int Program::preferred_lanes(int num_stages) const {
  // Registers plus stage values of a block should stay near the first-level cache (32 to 48 kB on
  // common processors); wider blocks amortize the dispatch of the tape better.
  const int rows = layout_.count + (num_stages + 6) * num_states();
  constexpr int budget = 72 * 1024;
  if (rows * 32 * 8 <= budget) return 32;
  return rows * 16 * 8 <= 2 * budget ? 16 : 8;
}

expr::TapeView Program::view(const std::vector<expr::Instruction>& tape) const {
  return {.code = tape.data(),
          .size = static_cast<std::int32_t>(tape.size()),
          .tables = table_views_.data()};
}

}  // namespace krogh::model
