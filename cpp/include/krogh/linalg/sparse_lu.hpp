// Symbolic sparse LU: elimination of a fixed pattern written as expressions, without pivoting.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <vector>

#include <krogh/base/export.hpp>
#include <krogh/expr/graph.hpp>

namespace krogh::linalg {

/// Factors of a sparse matrix as nodes of an expression graph. Rows and columns are eliminated in
/// `order` (minimum degree on the symmetrized pattern); zero entries are no_node.
/// Pivots smaller than 1e-10 of the diagonal they came from turn the solution into NaN, which the
/// steppers answer with a smaller step: as h -> 0 the matrix is dominated by its diagonal.
struct SymbolicLu {
  int size = 0;
  std::vector<int> order;                    ///< elimination order, shape (size,)
  std::vector<expr::NodeId> entries;         ///< L below, U above the diagonal, (size, size)
  std::vector<expr::NodeId> inverse_pivots;  ///< shape (size,), in elimination order

  /// All nodes that a later solve needs, without repetition.
  std::vector<expr::NodeId> needed() const;
};

/// Eliminates `matrix`, shape (size, size) row by row, with no_node for zeros.
/// @throws InvalidInput if a diagonal entry is structurally zero.
KROGH_EXPORT SymbolicLu factorize(expr::Graph& graph, std::span<const expr::NodeId> matrix,
                                  int size);

/// Expressions of the solution of (L U) x = rhs.
KROGH_EXPORT std::vector<expr::NodeId> solve(expr::Graph& graph, const SymbolicLu& lu,
                                             std::span<const expr::NodeId> rhs);

}  // namespace krogh::linalg
