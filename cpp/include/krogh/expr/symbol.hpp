// Symbols: expressions written with C++ operators, which build nodes of an expression graph.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <utility>

#include <krogh/base/errors.hpp>
#include <krogh/expr/graph.hpp>

namespace krogh::expr {

/// A node of a graph that behaves like a number: `k * x / (km + x)` builds the expression instead
/// of a value. Cheap to copy.
/// @note A symbol refers to its graph and must not outlive it. Symbols of two graphs do not mix.
class Symbol {
 public:
  Symbol(Graph& graph, NodeId node) : graph_(&graph), node_(node) {}

  Graph& graph() const { return *graph_; }
  NodeId node() const { return node_; }
  /// The constant `value` in the same graph.
  Symbol constant(double value) const { return {*graph_, graph_->constant(value)}; }

  Symbol& operator+=(const Symbol& other) { return *this = binary(Op::add, *this, other); }
  Symbol& operator-=(const Symbol& other) { return *this = binary(Op::sub, *this, other); }
  Symbol& operator*=(const Symbol& other) { return *this = binary(Op::mul, *this, other); }
  Symbol& operator/=(const Symbol& other) { return *this = binary(Op::div, *this, other); }
  Symbol& operator+=(double other) { return *this += constant(other); }
  Symbol& operator-=(double other) { return *this -= constant(other); }
  Symbol& operator*=(double other) { return *this *= constant(other); }
  Symbol& operator/=(double other) { return *this /= constant(other); }

  /// @throws InvalidInput if `op` is not unary.
  static Symbol unary(Op op, const Symbol& a) { return {*a.graph_, a.graph_->unary(op, a.node_)}; }
  /// @throws InvalidInput if `op` is not binary or the symbols belong to two graphs.
  static Symbol binary(Op op, const Symbol& a, const Symbol& b) {
    a.require_same_graph(b);
    return {*a.graph_, a.graph_->binary(op, a.node_, b.node_)};
  }
  /// @throws InvalidInput if `other` belongs to another graph.
  void require_same_graph(const Symbol& other) const {
    if (graph_ != other.graph_) throw InvalidInput("symbols of two models cannot be combined");
  }

 private:
  Graph* graph_;
  NodeId node_;
};

/// A comparison of two symbols; true where `difference` > 0. Its zero is a switching surface, so
/// `>` and `>=` mean the same.
struct Condition {
  Symbol difference;
};

inline Symbol operator-(const Symbol& a) { return Symbol::unary(Op::neg, a); }
inline Symbol operator+(const Symbol& a) { return a; }

// Binary operators and functions, each with a symbol or a number on either side.
#define KROGH_SYMBOL_BINARY(function, op)                                                       \
  inline Symbol function(const Symbol& a, const Symbol& b) { return Symbol::binary(op, a, b); } \
  inline Symbol function(const Symbol& a, double b) { return function(a, a.constant(b)); }      \
  inline Symbol function(double a, const Symbol& b) { return function(b.constant(a), b); }
KROGH_SYMBOL_BINARY(operator+, Op::add)
KROGH_SYMBOL_BINARY(operator-, Op::sub)
KROGH_SYMBOL_BINARY(operator*, Op::mul)
KROGH_SYMBOL_BINARY(operator/, Op::div)
KROGH_SYMBOL_BINARY(pow, Op::pow)
KROGH_SYMBOL_BINARY(min, Op::min)
KROGH_SYMBOL_BINARY(max, Op::max)
#undef KROGH_SYMBOL_BINARY

#define KROGH_SYMBOL_UNARY(function) \
  inline Symbol function(const Symbol& a) { return Symbol::unary(Op::function, a); }
KROGH_SYMBOL_UNARY(exp)
KROGH_SYMBOL_UNARY(expm1)
KROGH_SYMBOL_UNARY(log)
KROGH_SYMBOL_UNARY(log1p)
KROGH_SYMBOL_UNARY(log10)
KROGH_SYMBOL_UNARY(sqrt)
KROGH_SYMBOL_UNARY(sin)
KROGH_SYMBOL_UNARY(cos)
KROGH_SYMBOL_UNARY(tan)
KROGH_SYMBOL_UNARY(asin)
KROGH_SYMBOL_UNARY(acos)
KROGH_SYMBOL_UNARY(atan)
KROGH_SYMBOL_UNARY(sinh)
KROGH_SYMBOL_UNARY(cosh)
KROGH_SYMBOL_UNARY(tanh)
KROGH_SYMBOL_UNARY(abs)
KROGH_SYMBOL_UNARY(lgamma)
#undef KROGH_SYMBOL_UNARY

#define KROGH_SYMBOL_COMPARISON(op, larger, smaller)                                     \
  inline Condition operator op(const Symbol& a, const Symbol& b) {                       \
    return {(larger) - (smaller)};                                                       \
  }                                                                                      \
  inline Condition operator op(const Symbol& a, double b) { return a op a.constant(b); } \
  inline Condition operator op(double a, const Symbol& b) { return b.constant(a) op b; }
KROGH_SYMBOL_COMPARISON(>, a, b)
KROGH_SYMBOL_COMPARISON(>=, a, b)
KROGH_SYMBOL_COMPARISON(<, b, a)
KROGH_SYMBOL_COMPARISON(<=, b, a)
#undef KROGH_SYMBOL_COMPARISON

/// `a` where the condition holds, else `b`. The integrator stops where the condition changes.
inline Symbol where(const Condition& condition, const Symbol& a, const Symbol& b) {
  const Symbol& d = condition.difference;
  d.require_same_graph(a);
  d.require_same_graph(b);
  return {d.graph(), d.graph().select(d.node(), a.node(), b.node())};
}
inline Symbol where(const Condition& condition, const Symbol& a, double b) {
  return where(condition, a, a.constant(b));
}
inline Symbol where(const Condition& condition, double a, const Symbol& b) {
  return where(condition, b.constant(a), b);
}
inline Symbol where(const Condition& condition, double a, double b) {
  return where(condition, condition.difference.constant(a), b);
}

/// Hill function x^n / (k^n + x^n) (Hill 1910, J. Physiol. 40:iv): `x` >= 0 and `k` > 0 in the same
/// unit.
inline Symbol hill(const Symbol& x, const Symbol& k, const Symbol& n) {
  const Symbol power = pow(x, n);
  return power / (pow(k, n) + power);
}

/// Saturable rate vmax x / (km + x) (Michaelis & Menten 1913, Biochem. Z. 49:333).
inline Symbol michaelis_menten(const Symbol& x, const Symbol& vmax, const Symbol& km) {
  return vmax * x / (km + x);
}

/// Value of an interpolation table at `x`. @throws InvalidInput if the table is not valid.
inline Symbol lookup(Table table, const Symbol& x) {
  return {x.graph(), x.graph().lookup(std::move(table), x.node())};
}

}  // namespace krogh::expr
