// Expression graph: a hash-consed directed acyclic graph of scalar operations.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <krogh/base/export.hpp>

namespace krogh::expr {

/// Index of a node in its Graph. Operands always have smaller indices than the node that uses them.
using NodeId = std::int32_t;

/// No node.
inline constexpr NodeId no_node = -1;

/// Scalar operations. `select` is pinned by a switching surface, `choose` goes by the sign at hand.
enum class Op : std::uint8_t {
  constant,
  state,
  parameter,
  time,
  direction,  ///< component of a direction of differentiation (states first, then time)
  input,      ///< value placed in a register by the caller (step size, stage sums, ...)
  add,
  sub,
  mul,
  div,
  neg,
  pow,
  min,
  max,
  exp,
  expm1,
  log,
  log1p,
  log10,
  sqrt,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  abs,
  lgamma,
  digamma,
  log_positive,  ///< log(x) for x > 0, else 0: the factor in d(x^p)/dp, whose product with x^p has
                 ///< limit 0
  pivot,         ///< 1/a, or NaN where |a| < 1e-10 |b|: a pivot too small for elimination in order
  select,        ///< operand a where the surface c is positive, else operand b
  choose,        ///< as select, without a switching surface: derivative of min, max, abs
  lookup,        ///< interpolation table
  lookup_slope,  ///< slope of an interpolation table
};

/// How an interpolation table runs between its points.
enum class Interpolation : std::uint8_t { step, linear, pchip };

/// Interpolation table: piecewise cubic in Hermite form over strictly increasing abscissae.
/// Outside the range the value is not a number, which the integrator reports as a failure.
struct Table {
  Interpolation kind = Interpolation::linear;
  std::vector<double> x;      ///< abscissae, shape (n,), strictly increasing
  std::vector<double> y;      ///< ordinates, shape (n,)
  std::vector<double> slope;  ///< derivative at the points (pchip), shape (n,)
};

/// One node: operation, up to three operands, and a number or an index where the operation has one.
struct Node {
  Op op = Op::constant;
  NodeId a = no_node;
  NodeId b = no_node;
  NodeId c = no_node;
  double value = 0.0;      ///< of a constant
  std::int32_t index = 0;  ///< of a symbol or table
};

/// What a node depends on; the classes are nested.
enum class Variability : std::uint8_t { constant, parametric, dynamic };

/// Append-only graph of expressions. Equal expressions are one node, constants are folded, and the
/// neutral elements of sums and products vanish while building.
class KROGH_EXPORT Graph {
 public:
  NodeId constant(double value);
  NodeId state(int index);
  NodeId parameter(int index);
  NodeId time();
  NodeId direction(int index);
  NodeId input(int index);

  /// @throws InvalidInput if `op` is not unary or an operand is not a node of this graph.
  NodeId unary(Op op, NodeId a);
  /// @throws InvalidInput if `op` is not binary or an operand is not a node of this graph.
  NodeId binary(Op op, NodeId a, NodeId b);
  /// `a` where `condition` > 0, else `b`; the zero of the condition is a switching surface.
  NodeId select(NodeId condition, NodeId a, NodeId b);
  /// As select, but by the sign at hand at every evaluation and without a switching surface.
  NodeId choose(NodeId condition, NodeId a, NodeId b);
  /// Value of a table at `x`. @throws InvalidInput if the table is not valid.
  NodeId lookup(Table table, NodeId x);

  NodeId add(NodeId a, NodeId b) { return binary(Op::add, a, b); }
  NodeId sub(NodeId a, NodeId b) { return binary(Op::sub, a, b); }
  NodeId mul(NodeId a, NodeId b) { return binary(Op::mul, a, b); }
  NodeId div(NodeId a, NodeId b) { return binary(Op::div, a, b); }

  /// Forward derivatives of `roots` where each symbol node moves by `seed(symbol)`
  /// (no_node for a symbol that stands still). Zero derivatives come back as no_node.
  /// @throws InvalidInput where an operation has no derivative here (digamma).
  std::vector<NodeId> differentiate(std::span<const NodeId> roots,
                                    const std::function<NodeId(const Node&)>& seed);

  /// Copies of `roots` in which `replace(node)` stands for every node where it is not no_node
  /// (it sees nodes of the graph as they were, operands first, and may add nodes).
  std::vector<NodeId> substitute(std::span<const NodeId> roots,
                                 const std::function<NodeId(NodeId, const Node&)>& replace);

  /// All nodes below `roots`, operands first.
  std::vector<NodeId> reachable(std::span<const NodeId> roots) const;

  /// Value of one node for given symbols; not finite where the expression has no value. For tests
  /// and for naming the cause of a failure, not for speed. A select goes by the sign of its
  /// condition.
  double evaluate(NodeId root, std::span<const double> states, std::span<const double> parameters,
                  double time) const;

  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Variability variability(NodeId id) const { return variability_[static_cast<std::size_t>(id)]; }
  NodeId size() const { return static_cast<NodeId>(nodes_.size()); }
  const std::vector<Table>& tables() const { return tables_; }
  bool is_constant(NodeId id, double value) const;

 private:
  struct Hash {
    std::size_t operator()(const Node& node) const;
  };
  struct Equal {
    bool operator()(const Node& left, const Node& right) const;
  };

  NodeId intern(const Node& node);
  NodeId integer_power(NodeId base, int exponent);
  NodeId derivative_of(const Node& node, NodeId id, NodeId da, NodeId db);
  void check(NodeId id) const;

  std::vector<Node> nodes_;
  std::vector<Variability> variability_;
  std::vector<Table> tables_;
  std::unordered_map<Node, NodeId, Hash, Equal> index_;
};

/// Name of an operation as used in messages and by the Python layer ("add", "exp", ...).
KROGH_EXPORT std::string_view name_of(Op op);

/// Operation with the given name. @throws InvalidInput for an unknown name.
KROGH_EXPORT Op op_named(std::string_view name);

/// Number of operands of an operation.
KROGH_EXPORT int arity(Op op);

/// Value of a unary or binary operation on numbers.
KROGH_EXPORT double apply(Op op, double a, double b = 0.0);

/// Value (or slope) of a table at x; NaN outside its range.
KROGH_EXPORT double interpolate(const Table& table, double x, bool slope = false);

}  // namespace krogh::expr
