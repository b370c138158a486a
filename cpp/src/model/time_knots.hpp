// Times at which the right-hand side has kinks.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <vector>

#include <krogh/expr/graph.hpp>

namespace krogh::model {

/// Points of the linear tables below `roots` whose argument is a time t, scaled and shifted by
/// constants, in increasing order and as values of t.
std::vector<double> time_knots(const expr::Graph& graph, std::span<const expr::NodeId> roots);

}  // namespace krogh::model
