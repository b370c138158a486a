// Numbering of the values that solvers place into tapes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace krogh::model {

/// What an input node of a compiled model stands for.
enum class Input : std::int32_t { inverse_step, sum, mode, factor, rate, tangent, assembled };

/// Index of an input node: its kind in the upper bits, its position in the lower 24.
constexpr std::int32_t input_index(Input kind, int position) {
  return (static_cast<std::int32_t>(kind) << 24) | position;
}

}  // namespace krogh::model
