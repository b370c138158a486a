// Expression graph: hash-consing, constant folding and forward differentiation.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/expr/graph.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::expr {
namespace {

constexpr std::array<std::string_view, 38> op_names = {
    "constant",     "state", "parameter", "time",   "direction", "input",       "add",    "sub",
    "mul",          "div",   "neg",       "pow",    "min",       "max",         "exp",    "expm1",
    "log",          "log1p", "log10",     "sqrt",   "sin",       "cos",         "tan",    "asin",
    "acos",         "atan",  "sinh",      "cosh",   "tanh",      "abs",         "lgamma", "digamma",
    "log_positive", "pivot", "select",    "choose", "lookup",    "lookup_slope"};

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

/// digamma(x) by upward recurrence and the asymptotic series (Abramowitz & Stegun 1964, 6.3.5
/// and 6.3.18), absolute error below 1e-15 for x >= 10.
double digamma(double x) {
  if (!(x > 0.0)) return nan_value;
  double shift = 0.0;
  for (; x < 10.0; x += 1.0) shift -= 1.0 / x;
  const double r = 1.0 / (x * x);
  const double series =
      r * (1.0 / 12 - r * (1.0 / 120 -
                           r * (1.0 / 252 -
                                r * (1.0 / 240 - r * (1.0 / 132 - r * (691.0 / 32760 - r / 12))))));
  return shift + std::log(x) - 0.5 / x - series;
}

bool is_commutative(Op op) {
  return op == Op::add || op == Op::mul || op == Op::min || op == Op::max;
}

/// Whether 1/value is exact: value is a power of two.
bool has_exact_reciprocal(double value) {
  int exponent = 0;
  return std::isnormal(value) && std::abs(std::frexp(value, &exponent)) == 0.5 &&
         std::isnormal(1.0 / value);
}

/// Monotone piecewise-cubic slopes: Fritsch & Butland 1984, SIAM J. Sci. Stat. Comput. 5:300,
/// doi 10.1137/0905021 (weighted harmonic mean), one-sided three-point ends limited in sign.
std::vector<double> pchip_slopes(const std::vector<double>& x, const std::vector<double>& y) {
  const std::size_t n = x.size();
  std::vector<double> h(n - 1), d(n - 1), slope(n, 0.0);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    h[i] = x[i + 1] - x[i];
    d[i] = (y[i + 1] - y[i]) / h[i];
  }
  if (n == 2) return {d[0], d[0]};
  for (std::size_t i = 1; i + 1 < n; ++i) {
    if (d[i - 1] * d[i] <= 0.0) continue;
    const double w1 = 2.0 * h[i] + h[i - 1];
    const double w2 = h[i] + 2.0 * h[i - 1];
    slope[i] = (w1 + w2) / (w1 / d[i - 1] + w2 / d[i]);
  }
  auto end = [](double h0, double h1, double d0, double d1) {
    const double s = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1);
    if (s * d0 <= 0.0) return 0.0;
    return (d0 * d1 <= 0.0 && std::abs(s) > 3.0 * std::abs(d0)) ? 3.0 * d0 : s;
  };
  slope[0] = end(h[0], h[1], d[0], d[1]);
  slope[n - 1] = end(h[n - 2], h[n - 3], d[n - 2], d[n - 3]);
  return slope;
}

void validate(const Table& table) {
  if (table.x.size() < 2 || table.x.size() != table.y.size())
    throw InvalidInput(
        "interpolation table needs at least two points and as many ordinates as "
        "abscissae, found " +
        std::to_string(table.x.size()) + " and " + std::to_string(table.y.size()));
  for (std::size_t i = 0; i < table.x.size(); ++i) {
    if (!std::isfinite(table.x[i]) || !std::isfinite(table.y[i]))
      throw InvalidInput("interpolation table point " + std::to_string(i) + " is not finite");
    if (i > 0 && !(table.x[i] > table.x[i - 1]))
      throw InvalidInput("interpolation table abscissae must increase strictly; point " +
                         std::to_string(i) + " does not");
  }
}

}  // namespace

std::string_view name_of(Op op) { return op_names[static_cast<std::size_t>(op)]; }

Op op_named(std::string_view name) {
  const auto* it = std::find(op_names.begin(), op_names.end(), name);
  if (it == op_names.end()) throw InvalidInput("unknown operation '" + std::string(name) + "'");
  return static_cast<Op>(it - op_names.begin());
}

int arity(Op op) {
  switch (op) {
    case Op::constant:
    case Op::state:
    case Op::parameter:
    case Op::time:
    case Op::direction:
    case Op::input: return 0;
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::pow:
    case Op::min:
    case Op::max:
    case Op::pivot: return 2;
    case Op::select:
    case Op::choose: return 3;
    default: return 1;
  }
}

double apply(Op op, double a, double b) {
  switch (op) {
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::neg: return -a;
    case Op::pow: return std::pow(a, b);
    case Op::min: return a < b ? a : b;
    case Op::max: return a > b ? a : b;
    case Op::exp: return std::exp(a);
    case Op::expm1: return std::expm1(a);
    case Op::log: return std::log(a);
    case Op::log1p: return std::log1p(a);
    case Op::log10: return std::log10(a);
    case Op::sqrt: return std::sqrt(a);
    case Op::sin: return std::sin(a);
    case Op::cos: return std::cos(a);
    case Op::tan: return std::tan(a);
    case Op::asin: return std::asin(a);
    case Op::acos: return std::acos(a);
    case Op::atan: return std::atan(a);
    case Op::sinh: return std::sinh(a);
    case Op::cosh: return std::cosh(a);
    case Op::tanh: return std::tanh(a);
    case Op::abs: return std::abs(a);
    case Op::lgamma: return std::lgamma(a);
    case Op::digamma: return digamma(a);
    case Op::log_positive: return a > 0.0 ? std::log(a) : 0.0;
    case Op::pivot: return std::abs(a) < 1e-10 * std::abs(b) ? nan_value : 1.0 / a;
    default: return nan_value;
  }
}

double interpolate(const Table& table, double x, bool slope) {
  const auto& xs = table.x;
  if (!(x >= xs.front() && x <= xs.back())) return nan_value;
  auto upper = static_cast<std::size_t>(std::upper_bound(xs.begin(), xs.end(), x) - xs.begin());
  const std::size_t i = std::min(std::max<std::size_t>(upper, 1), xs.size() - 1) - 1;
  const double h = xs[i + 1] - xs[i];
  const double s = (x - xs[i]) / h;
  const double y0 = table.y[i];
  const double y1 = table.y[i + 1];
  if (table.kind == Interpolation::step) {
    if (slope) return 0.0;
    return x >= xs[i + 1] ? y1 : y0;
  }
  if (table.kind == Interpolation::linear) return slope ? (y1 - y0) / h : y0 + s * (y1 - y0);
  const double m0 = h * table.slope[i];
  const double m1 = h * table.slope[i + 1];
  const double c2 = 3.0 * (y1 - y0) - 2.0 * m0 - m1;
  const double c3 = m0 + m1 - 2.0 * (y1 - y0);
  if (slope) return (m0 + s * (2.0 * c2 + 3.0 * s * c3)) / h;
  return y0 + s * (m0 + s * (c2 + s * c3));
}

std::size_t Graph::Hash::operator()(const Node& node) const {
  std::uint64_t h = static_cast<std::uint64_t>(node.op);
  auto mix = [&h](std::uint64_t v) {
    h ^= v + 0x9e3779b97f4a7c15ULL + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdULL;  // 64-bit finalizer constant of MurmurHash3 (Appleby 2011)
  };
  mix(static_cast<std::uint32_t>(node.a));
  mix(static_cast<std::uint32_t>(node.b));
  mix(static_cast<std::uint32_t>(node.c));
  mix(std::bit_cast<std::uint64_t>(node.value));
  mix(static_cast<std::uint32_t>(node.index));
  return static_cast<std::size_t>(h);
}

bool Graph::Equal::operator()(const Node& left, const Node& right) const {
  return left.op == right.op && left.a == right.a && left.b == right.b && left.c == right.c &&
         left.index == right.index &&
         std::bit_cast<std::uint64_t>(left.value) == std::bit_cast<std::uint64_t>(right.value);
}

NodeId Graph::intern(const Node& node) {
  const auto [it, inserted] = index_.try_emplace(node, size());
  if (!inserted) return it->second;
  Variability kind = Variability::constant;
  if (node.op == Op::parameter) kind = Variability::parametric;
  if (node.op == Op::state || node.op == Op::time || node.op == Op::direction ||
      node.op == Op::input)
    kind = Variability::dynamic;
  for (NodeId operand : {node.a, node.b, node.c})
    if (operand != no_node) kind = std::max(kind, variability(operand));
  nodes_.push_back(node);
  variability_.push_back(kind);
  return it->second;
}

void Graph::check(NodeId id) const {
  if (id < 0 || id >= size())
    throw InvalidInput("node " + std::to_string(id) + " is not in this graph of " +
                       std::to_string(size()) + " nodes");
}

bool Graph::is_constant(NodeId id, double value) const {
  const Node& n = node(id);
  return n.op == Op::constant && n.value == value;
}

NodeId Graph::constant(double value) {
  if (value == 0.0) value = 0.0;  // -0 and +0 are one node
  return intern({.op = Op::constant, .value = value});
}

NodeId Graph::state(int index) { return intern({.op = Op::state, .index = index}); }
NodeId Graph::parameter(int index) { return intern({.op = Op::parameter, .index = index}); }
NodeId Graph::time() { return intern({.op = Op::time}); }
NodeId Graph::direction(int index) { return intern({.op = Op::direction, .index = index}); }
NodeId Graph::input(int index) { return intern({.op = Op::input, .index = index}); }

NodeId Graph::unary(Op op, NodeId a) {
  check(a);
  if (arity(op) != 1 || op == Op::lookup || op == Op::lookup_slope)
    throw InvalidInput("operation '" + std::string(name_of(op)) + "' is not unary");
  const Node operand = node(a);
  if (operand.op == Op::constant) return constant(apply(op, operand.value));
  if (op == Op::neg && operand.op == Op::neg) return operand.a;
  if (op == Op::neg && operand.op == Op::sub) return sub(operand.b, operand.a);
  return intern({.op = op, .a = a});
}

NodeId Graph::integer_power(NodeId base, int exponent) {
  NodeId result = no_node;
  NodeId square = base;
  for (int e = exponent; e > 0; e /= 2) {
    if (e % 2 == 1) result = result == no_node ? square : mul(result, square);
    if (e > 1) square = mul(square, square);
  }
  return result;
}

NodeId Graph::binary(Op op, NodeId a, NodeId b) {
  check(a);
  check(b);
  if (arity(op) != 2)
    throw InvalidInput("operation '" + std::string(name_of(op)) + "' is not binary");
  const Node left = node(a);
  const Node right = node(b);
  if (left.op == Op::constant && right.op == Op::constant)
    return constant(apply(op, left.value, right.value));
  switch (op) {
    case Op::add:
      if (is_constant(a, 0.0)) return b;
      if (is_constant(b, 0.0)) return a;
      if (right.op == Op::neg) return sub(a, right.a);
      if (left.op == Op::neg) return sub(b, left.a);
      break;
    case Op::sub:
      if (is_constant(b, 0.0)) return a;
      if (is_constant(a, 0.0)) return unary(Op::neg, b);
      if (a == b) return constant(0.0);
      if (right.op == Op::neg) return add(a, right.a);
      break;
    case Op::mul:
      if (is_constant(a, 0.0) || is_constant(b, 0.0)) return constant(0.0);
      if (is_constant(a, 1.0)) return b;
      if (is_constant(b, 1.0)) return a;
      if (is_constant(a, -1.0)) return unary(Op::neg, b);
      if (is_constant(b, -1.0)) return unary(Op::neg, a);
      if (left.op == Op::neg && right.op == Op::neg) return mul(left.a, right.a);
      if (left.op == Op::neg) return unary(Op::neg, mul(left.a, b));
      if (right.op == Op::neg) return unary(Op::neg, mul(a, right.a));
      break;
    case Op::div:
      if (is_constant(a, 0.0)) return constant(0.0);
      if (is_constant(b, 1.0)) return a;
      if (is_constant(b, -1.0)) return unary(Op::neg, a);
      // A constant divisor with an exact reciprocal becomes a factor without changing a bit.
      if (right.op == Op::constant && has_exact_reciprocal(right.value))
        return mul(a, constant(1.0 / right.value));
      break;
    case Op::pow:
      if (is_constant(b, 0.0) || is_constant(a, 1.0)) return constant(1.0);
      if (is_constant(b, 0.5)) return unary(Op::sqrt, a);
      if (right.op == Op::constant && right.value == std::floor(right.value) &&
          std::abs(right.value) <= 16.0) {
        const NodeId power = integer_power(a, static_cast<int>(std::abs(right.value)));
        return right.value > 0.0 ? power : div(constant(1.0), power);
      }
      break;
    default: break;
  }
  if (is_commutative(op) && a > b) std::swap(a, b);
  return intern({.op = op, .a = a, .b = b});
}

NodeId Graph::select(NodeId condition, NodeId a, NodeId b) {
  check(condition);
  check(a);
  check(b);
  if (a == b) return a;
  if (node(condition).op == Op::constant) return node(condition).value > 0.0 ? a : b;
  if (variability(condition) == Variability::parametric) return choose(condition, a, b);
  return intern({.op = Op::select, .a = a, .b = b, .c = condition});
}

NodeId Graph::choose(NodeId condition, NodeId a, NodeId b) {
  check(condition);
  check(a);
  check(b);
  if (a == b) return a;
  if (node(condition).op == Op::constant) return node(condition).value > 0.0 ? a : b;
  return intern({.op = Op::choose, .a = a, .b = b, .c = condition});
}

NodeId Graph::lookup(Table table, NodeId x) {
  check(x);
  validate(table);
  table.slope =
      table.kind == Interpolation::pchip ? pchip_slopes(table.x, table.y) : std::vector<double>{};
  for (std::size_t i = 0; i < tables_.size(); ++i)
    if (tables_[i].kind == table.kind && tables_[i].x == table.x && tables_[i].y == table.y)
      return intern({.op = Op::lookup, .a = x, .index = static_cast<std::int32_t>(i)});
  tables_.push_back(std::move(table));
  return intern({.op = Op::lookup, .a = x, .index = static_cast<std::int32_t>(tables_.size() - 1)});
}

std::vector<NodeId> Graph::reachable(std::span<const NodeId> roots) const {
  std::vector<char> seen(nodes_.size(), 0);
  NodeId top = no_node;
  for (NodeId root : roots)
    if (root != no_node) {
      seen[static_cast<std::size_t>(root)] = 1;
      top = std::max(top, root);
    }
  for (NodeId id = top; id >= 0; --id) {
    if (!seen[static_cast<std::size_t>(id)]) continue;
    const Node& n = node(id);
    for (NodeId operand : {n.a, n.b, n.c})
      if (operand != no_node) seen[static_cast<std::size_t>(operand)] = 1;
  }
  std::vector<NodeId> ids;
  for (NodeId id = 0; id <= top; ++id)
    if (seen[static_cast<std::size_t>(id)]) ids.push_back(id);
  return ids;
}

std::vector<NodeId> Graph::substitute(std::span<const NodeId> roots,
                                      const std::function<NodeId(NodeId, const Node&)>& replace) {
  std::unordered_map<NodeId, NodeId> copy;
  for (NodeId id : reachable(roots)) {
    Node n = node(id);
    for (NodeId* operand : {&n.a, &n.b, &n.c})
      if (*operand != no_node) *operand = copy.at(*operand);
    NodeId other = replace(id, n);
    if (other == no_node) {
      if (arity(n.op) == 0)
        other = id;
      else if (n.op == Op::select)
        other = select(n.c, n.a, n.b);
      else if (n.op == Op::choose)
        other = choose(n.c, n.a, n.b);
      else if (n.op == Op::lookup || n.op == Op::lookup_slope)
        other = intern(n);
      else if (n.b != no_node)
        other = binary(n.op, n.a, n.b);
      else
        other = unary(n.op, n.a);
    }
    copy.emplace(id, other);
  }
  std::vector<NodeId> result;
  for (NodeId root : roots) result.push_back(root == no_node ? no_node : copy.at(root));
  return result;
}

std::vector<NodeId> Graph::differentiate(std::span<const NodeId> roots,
                                         const std::function<NodeId(const Node&)>& seed) {
  const std::vector<NodeId> order = reachable(roots);
  std::unordered_map<NodeId, NodeId> derivative;
  auto of = [&derivative](NodeId id) {
    const auto it = derivative.find(id);
    return it == derivative.end() ? no_node : it->second;
  };
  for (NodeId id : order) {
    const Node n = node(id);
    NodeId d = no_node;
    if (arity(n.op) == 0) {
      d = n.op == Op::constant ? no_node : seed(n);
    } else {
      const NodeId da = of(n.a);
      const NodeId db = n.b == no_node ? no_node : of(n.b);
      if (da != no_node || db != no_node) d = derivative_of(n, id, da, db);
    }
    if (d != no_node && !is_constant(d, 0.0)) derivative.emplace(id, d);
  }
  std::vector<NodeId> result;
  for (NodeId root : roots) result.push_back(root == no_node ? no_node : of(root));
  return result;
}

/// Chain rule for one node; `da` and `db` are the operands' derivatives or no_node where zero.
NodeId Graph::derivative_of(const Node& n, NodeId id, NodeId da, NodeId db) {
  const NodeId a = n.a;
  const NodeId b = n.b;
  auto zero = [this](NodeId d) { return d == no_node ? constant(0.0) : d; };
  auto scaled = [&](NodeId factor) { return mul(factor, da); };
  switch (n.op) {
    case Op::add: return add(zero(da), zero(db));
    case Op::sub: return sub(zero(da), zero(db));
    case Op::mul:
      return add(da == no_node ? constant(0.0) : mul(da, b),
                 db == no_node ? constant(0.0) : mul(a, db));
    case Op::div: {
      if (db == no_node) return div(da, b);
      return div(sub(zero(da), mul(id, db)), b);
    }
    case Op::neg: return unary(Op::neg, da);
    case Op::pow: {
      NodeId sum = constant(0.0);
      if (da != no_node) sum = mul(mul(b, binary(Op::pow, a, sub(b, constant(1.0)))), da);
      if (db != no_node) sum = add(sum, mul(mul(id, unary(Op::log_positive, a)), db));
      return sum;
    }
    case Op::min: return choose(sub(b, a), zero(da), zero(db));
    case Op::max: return choose(sub(a, b), zero(da), zero(db));
    case Op::exp: return scaled(id);
    case Op::expm1: return scaled(add(id, constant(1.0)));
    case Op::log: return div(da, a);
    case Op::log_positive: return choose(a, div(da, a), constant(0.0));
    case Op::log1p: return div(da, add(a, constant(1.0)));
    case Op::log10: return div(da, mul(a, constant(2.302585092994045684)));  // ln 10
    case Op::sqrt: return div(da, mul(constant(2.0), id));
    case Op::sin: return scaled(unary(Op::cos, a));
    case Op::cos: return unary(Op::neg, scaled(unary(Op::sin, a)));
    case Op::tan: return scaled(add(constant(1.0), mul(id, id)));
    case Op::asin: return div(da, unary(Op::sqrt, sub(constant(1.0), mul(a, a))));
    case Op::acos: return unary(Op::neg, div(da, unary(Op::sqrt, sub(constant(1.0), mul(a, a)))));
    case Op::atan: return div(da, add(constant(1.0), mul(a, a)));
    case Op::sinh: return scaled(unary(Op::cosh, a));
    case Op::cosh: return scaled(unary(Op::sinh, a));
    case Op::tanh: return scaled(sub(constant(1.0), mul(id, id)));
    case Op::abs: return choose(a, da, unary(Op::neg, da));
    case Op::lgamma: return scaled(unary(Op::digamma, a));
    case Op::select: return select(n.c, zero(da), zero(db));
    case Op::choose: return choose(n.c, zero(da), zero(db));
    case Op::lookup: return mul(intern({.op = Op::lookup_slope, .a = a, .index = n.index}), da);
    case Op::lookup_slope:
      if (tables_[static_cast<std::size_t>(n.index)].kind != Interpolation::pchip) return no_node;
      throw InvalidInput(
          "the second derivative of a pchip table is not available; use a linear "
          "table where sensitivities are asked for");
    default:
      throw InvalidInput("operation '" + std::string(name_of(n.op)) + "' has no derivative here");
  }
}

double Graph::evaluate(NodeId root, std::span<const double> states,
                       std::span<const double> parameters, double time) const {
  check(root);
  std::unordered_map<NodeId, double> value;
  const NodeId roots[] = {root};
  for (NodeId id : reachable(roots)) {
    const Node& n = node(id);
    double v = nan_value;
    switch (n.op) {
      case Op::constant: v = n.value; break;
      case Op::state: v = states[static_cast<std::size_t>(n.index)]; break;
      case Op::parameter: v = parameters[static_cast<std::size_t>(n.index)]; break;
      case Op::time: v = time; break;
      case Op::direction:
      case Op::input: break;
      case Op::select:
      case Op::choose: v = value[n.c] > 0.0 ? value[n.a] : value[n.b]; break;
      case Op::lookup:
      case Op::lookup_slope:
        v = interpolate(tables_[static_cast<std::size_t>(n.index)], value[n.a],
                        n.op == Op::lookup_slope);
        break;
      default: v = apply(n.op, value[n.a], n.b == no_node ? 0.0 : value[n.b]);
    }
    value[id] = v;
  }
  return value[root];
}

}  // namespace krogh::expr
