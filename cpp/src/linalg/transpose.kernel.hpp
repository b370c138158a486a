// Blocks of 8 x 8 numbers turned over in registers; included by kernel files only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using Four = double __attribute__((vector_size(32), aligned(8), may_alias));

/// Turns over 4 x 4 numbers: to[i * to_row + l] = from[l * from_row + i].
KROGH_INLINE void transpose_4(const double* from, long from_row, double* to, long to_row) {
  const Four a = *reinterpret_cast<const Four*>(from);
  const Four b = *reinterpret_cast<const Four*>(from + from_row);
  const Four c = *reinterpret_cast<const Four*>(from + 2 * from_row);
  const Four d = *reinterpret_cast<const Four*>(from + 3 * from_row);
  const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  const Four ab_high = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 2, 6);
  const Four cd_high = __builtin_shufflevector(c, d, 1, 5, 3, 7);
  *reinterpret_cast<Four*>(to) = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  *reinterpret_cast<Four*>(to + to_row) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  *reinterpret_cast<Four*>(to + 2 * to_row) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  *reinterpret_cast<Four*>(to + 3 * to_row) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/// The same with 8 x 8 numbers.
KROGH_INLINE void transpose_8(const double* from, long from_row, double* to, long to_row) {
  for (int l = 0; l < 8; l += 4)
    for (int i = 0; i < 8; i += 4)
      transpose_4(from + l * from_row + i, from_row, to + i * to_row + l, to_row);
}

/// The same with `lanes` rows of `count` numbers each, both at most 8.
KROGH_INLINE void transpose_part(const double* from, long from_row, int lanes, int count,
                                 double* to, long to_row) {
  for (int l = 0; l < lanes; ++l)
    for (int i = 0; i < count; ++i) to[i * to_row + l] = from[l * from_row + i];
}

}  // namespace
}  // namespace krogh::KROGH_ISA
