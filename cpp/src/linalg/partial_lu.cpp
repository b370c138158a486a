// Partial elimination over an expression graph.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/partial_lu.hpp"

#include <algorithm>
#include <string>

#include <krogh/base/errors.hpp>

#include "linalg/minimum_degree.hpp"

namespace krogh::linalg {
namespace {

using expr::no_node;
using expr::NodeId;
using expr::Op;

std::size_t idx(int i) { return static_cast<std::size_t>(i); }
std::size_t at(int row, int column, int size) { return idx(row) * idx(size) + idx(column); }

}  // namespace

NodeId PartialLu::schur(int i, int j) const {
  return entries[at(num_eliminated + i, num_eliminated + j, size)];
}

std::vector<NodeId> PartialLu::needed() const {
  std::vector<NodeId> nodes(inverse_pivots);
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j) {
      const bool is_schur = i >= num_eliminated && j >= num_eliminated;
      const NodeId id = entries[at(i, j, size)];
      if (!is_schur && i != j && id != no_node) nodes.push_back(id);
    }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

PartialLu eliminate(expr::Graph& graph, std::span<const NodeId> matrix, int size,
                    std::span<const int> kept) {
  PartialLu lu;
  lu.size = size;
  lu.num_eliminated = size - static_cast<int>(kept.size());
  lu.order = minimum_degree_order(matrix, size, kept);
  lu.entries.assign(matrix.size(), no_node);
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j)
      lu.entries[at(i, j, size)] = matrix[at(lu.order[idx(i)], lu.order[idx(j)], size)];
  std::vector<NodeId> original;
  for (int k = 0; k < lu.num_eliminated; ++k) {
    original.push_back(lu.entries[at(k, k, size)]);
    if (original.back() == no_node)
      throw InvalidInput("matrix to be factorized has a structurally zero diagonal in row " +
                         std::to_string(lu.order[idx(k)]));
  }
  for (int k = 0; k < lu.num_eliminated; ++k) {
    const NodeId pivot = lu.entries[at(k, k, size)];
    const NodeId inverse = pivot == original[idx(k)]
                               ? graph.div(graph.constant(1.0), pivot)
                               : graph.binary(Op::pivot, pivot, original[idx(k)]);
    lu.inverse_pivots.push_back(inverse);
    for (int i = k + 1; i < size; ++i) {
      NodeId& below = lu.entries[at(i, k, size)];
      if (below == no_node) continue;
      below = graph.mul(below, inverse);
      for (int j = k + 1; j < size; ++j) {
        const NodeId right = lu.entries[at(k, j, size)];
        if (right == no_node) continue;
        NodeId& target = lu.entries[at(i, j, size)];
        const NodeId product = graph.mul(below, right);
        target = target == no_node ? graph.unary(Op::neg, product) : graph.sub(target, product);
      }
    }
  }
  return lu;
}

std::vector<NodeId> reduce(expr::Graph& graph, const PartialLu& lu, std::span<const NodeId> rhs) {
  std::vector<NodeId> x;
  for (int i = 0; i < lu.size; ++i) {
    NodeId sum = rhs[idx(lu.order[idx(i)])];
    for (int j = 0; j < std::min(i, lu.num_eliminated); ++j)
      if (lu.entries[at(i, j, lu.size)] != no_node)
        sum = graph.sub(sum, graph.mul(lu.entries[at(i, j, lu.size)], x[idx(j)]));
    x.push_back(sum);
  }
  return x;
}

std::vector<NodeId> expand(expr::Graph& graph, const PartialLu& lu, std::span<const NodeId> reduced,
                           std::span<const NodeId> kept) {
  std::vector<NodeId> x(reduced.begin(), reduced.end());
  x.insert(x.end(), kept.begin(), kept.end());
  for (int i = lu.num_eliminated - 1; i >= 0; --i) {
    NodeId sum = x[idx(i)];
    for (int j = i + 1; j < lu.size; ++j)
      if (lu.entries[at(i, j, lu.size)] != no_node)
        sum = graph.sub(sum, graph.mul(lu.entries[at(i, j, lu.size)], x[idx(j)]));
    x[idx(i)] = graph.mul(sum, lu.inverse_pivots[idx(i)]);
  }
  x.resize(idx(lu.num_eliminated));
  return x;
}

}  // namespace krogh::linalg
