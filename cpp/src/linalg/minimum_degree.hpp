// Order of elimination of a sparse pattern.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <vector>

#include <krogh/expr/graph.hpp>

namespace krogh::linalg {

/// Minimum-degree order on the pattern of A + A^T (George & Liu 1989, SIAM Review 31:1,
/// doi 10.1137/1031001); ties go to the smaller index, so the order depends on the pattern alone.
/// @param matrix  shape (size, size), no_node for zeros.
/// @param kept    rows that are not eliminated: they come last, in the order given.
std::vector<int> minimum_degree_order(std::span<const expr::NodeId> matrix, int size,
                                      std::span<const int> kept = {});

}  // namespace krogh::linalg
