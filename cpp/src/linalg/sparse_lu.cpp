// Symbolic sparse LU over an expression graph.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/linalg/sparse_lu.hpp>

#include <algorithm>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::linalg {
namespace {

using expr::no_node;
using expr::NodeId;
using expr::Op;

std::size_t at(int row, int column, int size) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(size) +
         static_cast<std::size_t>(column);
}

/// Minimum-degree order on the pattern of A + A^T (George & Liu 1989, SIAM Review 31:1,
/// doi 10.1137/1031001); ties go to the smaller index, so the order depends on the pattern alone.
std::vector<int> minimum_degree_order(std::span<const NodeId> matrix, int size) {
  std::vector<std::vector<char>> linked(static_cast<std::size_t>(size),
                                        std::vector<char>(static_cast<std::size_t>(size), 0));
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j)
      if (i != j && matrix[at(i, j, size)] != no_node)
        linked[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] =
            linked[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] = 1;
  std::vector<int> remaining(static_cast<std::size_t>(size));
  for (int i = 0; i < size; ++i) remaining[static_cast<std::size_t>(i)] = i;
  std::vector<int> order;
  while (!remaining.empty()) {
    auto degree = [&](int i) {
      int d = 0;
      for (int j : remaining) d += linked[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
      return d;
    };
    const auto best = std::min_element(remaining.begin(), remaining.end(),
                                       [&](int i, int j) { return degree(i) < degree(j); });
    const int pivot = *best;
    remaining.erase(best);
    order.push_back(pivot);
    for (int i : remaining)
      for (int j : remaining)
        if (i != j && linked[static_cast<std::size_t>(pivot)][static_cast<std::size_t>(i)] &&
            linked[static_cast<std::size_t>(pivot)][static_cast<std::size_t>(j)])
          linked[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = 1;
  }
  return order;
}

}  // namespace

std::vector<NodeId> SymbolicLu::needed() const {
  std::vector<NodeId> nodes;
  for (NodeId id : entries)
    if (id != no_node) nodes.push_back(id);
  for (NodeId id : inverse_pivots) nodes.push_back(id);
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

SymbolicLu factorize(expr::Graph& graph, std::span<const NodeId> matrix, int size) {
  SymbolicLu lu;
  lu.size = size;
  lu.order = minimum_degree_order(matrix, size);
  lu.entries.assign(matrix.size(), no_node);
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j)
      lu.entries[at(i, j, size)] = matrix[at(lu.order[static_cast<std::size_t>(i)],
                                             lu.order[static_cast<std::size_t>(j)], size)];
  std::vector<NodeId> original(static_cast<std::size_t>(size));
  for (int k = 0; k < size; ++k) {
    original[static_cast<std::size_t>(k)] = lu.entries[at(k, k, size)];
    if (original[static_cast<std::size_t>(k)] == no_node)
      throw InvalidInput("matrix to be factorized has a structurally zero diagonal in row " +
                         std::to_string(lu.order[static_cast<std::size_t>(k)]));
  }
  for (int k = 0; k < size; ++k) {
    const NodeId pivot = lu.entries[at(k, k, size)];
    const NodeId start = original[static_cast<std::size_t>(k)];
    const NodeId inverse = pivot == start ? graph.div(graph.constant(1.0), pivot)
                                          : graph.binary(Op::pivot, pivot, start);
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
  for (int k = 0; k < size; ++k) lu.entries[at(k, k, size)] = no_node;  // held as inverse pivots
  return lu;
}

std::vector<NodeId> solve(expr::Graph& graph, const SymbolicLu& lu, std::span<const NodeId> rhs) {
  const int n = lu.size;
  std::vector<NodeId> x(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    NodeId sum = rhs[static_cast<std::size_t>(lu.order[static_cast<std::size_t>(i)])];
    for (int j = 0; j < i; ++j)
      if (lu.entries[at(i, j, n)] != no_node)
        sum = graph.sub(sum, graph.mul(lu.entries[at(i, j, n)], x[static_cast<std::size_t>(j)]));
    x[static_cast<std::size_t>(i)] = sum;
  }
  for (int i = n - 1; i >= 0; --i) {
    NodeId sum = x[static_cast<std::size_t>(i)];
    for (int j = i + 1; j < n; ++j)
      if (lu.entries[at(i, j, n)] != no_node)
        sum = graph.sub(sum, graph.mul(lu.entries[at(i, j, n)], x[static_cast<std::size_t>(j)]));
    x[static_cast<std::size_t>(i)] = graph.mul(sum, lu.inverse_pivots[static_cast<std::size_t>(i)]);
  }
  std::vector<NodeId> solution(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i)
    solution[static_cast<std::size_t>(lu.order[static_cast<std::size_t>(i)])] =
        x[static_cast<std::size_t>(i)];
  return solution;
}

}  // namespace krogh::linalg
