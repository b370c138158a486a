// What a line problem must be like.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/simulate/line.hpp>

namespace krogh::simulate {

/// States that move or are exchanged: the size of blocks in the general kernel.
inline constexpr std::int64_t max_mobile = 16;

/// @throws InvalidInput where shapes or values do not fit.
void validate_line_problem(const model::Program& program, const LineProblem& problem);

/// @throws InvalidInput where an option is out of its range or the room for results is not right.
void validate_line_options(const model::Program& program, const LineProblem& problem,
                           const LineOptions& options, const LineOutput& output);

}  // namespace krogh::simulate
