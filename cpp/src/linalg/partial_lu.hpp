// Symbolic elimination of some unknowns of a sparse system, the others kept for a solve elsewhere.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <vector>

#include <krogh/expr/graph.hpp>

namespace krogh::linalg {

/// LU of the leading unknowns, without pivoting, and the Schur complement of the kept ones. Pivots
/// are guarded as in SymbolicLu. Rows and columns stand in `order`: eliminated first, kept last.
struct PartialLu {
  int size = 0;
  int num_eliminated = 0;
  std::vector<int> order;                    ///< shape (size,)
  std::vector<expr::NodeId> entries;         ///< factors and Schur complement, shape (size, size)
  std::vector<expr::NodeId> inverse_pivots;  ///< shape (num_eliminated,)

  /// Entry of the Schur complement of kept unknowns i and j, no_node where it is zero.
  expr::NodeId schur(int i, int j) const;
  /// All nodes that `reduce` and `expand` need, without repetition.
  std::vector<expr::NodeId> needed() const;
};

/// Eliminates all unknowns but `kept` from `matrix`, shape (size, size), no_node for zeros.
/// @throws InvalidInput if the diagonal entry of an eliminated unknown is structurally zero.
PartialLu eliminate(expr::Graph& graph, std::span<const expr::NodeId> matrix, int size,
                    std::span<const int> kept);

/// Forward substitution: right-hand sides of the eliminated unknowns' triangular system, then those
/// of the Schur complement, shape (size,) in `order`.
std::vector<expr::NodeId> reduce(expr::Graph& graph, const PartialLu& lu,
                                 std::span<const expr::NodeId> rhs);

/// Back substitution: the eliminated unknowns in `order`, shape (num_eliminated,).
/// @param reduced  first part of what `reduce` gives, shape (num_eliminated,).
/// @param kept     solution of the kept unknowns in their order.
std::vector<expr::NodeId> expand(expr::Graph& graph, const PartialLu& lu,
                                 std::span<const expr::NodeId> reduced,
                                 std::span<const expr::NodeId> kept);

}  // namespace krogh::linalg
