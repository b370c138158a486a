// Times at which the right-hand side has kinks.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/time_knots.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

namespace krogh::model {
namespace {

using expr::Graph;
using expr::Node;
using expr::NodeId;
using expr::Op;

/// scale t + shift
struct Affine {
  double scale = 0.0;
  double shift = 0.0;
};

std::optional<Affine> affine_in_time(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.op == Op::time) return Affine{1.0, 0.0};
  if (node.op == Op::constant) return Affine{0.0, node.value};
  if (node.op != Op::add && node.op != Op::sub && node.op != Op::mul && node.op != Op::div)
    return std::nullopt;
  const auto a = affine_in_time(graph, node.a);
  const auto b = affine_in_time(graph, node.b);
  if (!a || !b) return std::nullopt;
  if (node.op == Op::add) return Affine{a->scale + b->scale, a->shift + b->shift};
  if (node.op == Op::sub) return Affine{a->scale - b->scale, a->shift - b->shift};
  if (node.op == Op::div) {
    if (b->scale != 0.0) return std::nullopt;
    return Affine{a->scale / b->shift, a->shift / b->shift};
  }
  if (a->scale != 0.0 && b->scale != 0.0) return std::nullopt;
  return Affine{a->scale * b->shift + b->scale * a->shift, a->shift * b->shift};
}

}  // namespace

std::vector<double> time_knots(const Graph& graph, std::span<const NodeId> roots) {
  std::vector<double> knots;
  for (const NodeId id : graph.reachable(roots)) {
    const Node& node = graph.node(id);
    if (node.op != Op::lookup) continue;
    const expr::Table& table = graph.tables()[static_cast<std::size_t>(node.index)];
    if (table.kind != expr::Interpolation::linear) continue;
    const auto argument = affine_in_time(graph, node.a);
    if (!argument || argument->scale == 0.0) continue;
    for (const double x : table.x) {
      const double t = (x - argument->shift) / argument->scale;
      if (std::isfinite(t)) knots.push_back(t);
    }
  }
  std::sort(knots.begin(), knots.end());
  knots.erase(std::unique(knots.begin(), knots.end()), knots.end());
  return knots;
}

}  // namespace krogh::model
