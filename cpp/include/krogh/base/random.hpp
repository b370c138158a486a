// Counter-based random numbers: every draw is a function of seed, purpose, subject and position.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <krogh/base/export.hpp>

namespace krogh {

/// Philox4x32 with ten rounds (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy
/// as 1, 2, 3", SC'11, doi 10.1145/2063384.2063405): a bijection of the counter for every key.
KROGH_EXPORT std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                                 std::array<std::uint32_t, 2> key);

/// Quantile of the standard normal distribution, relative accuracy about 1e-16: algorithm AS 241
/// (PPND16) of Wichura 1988, Applied Statistics 37:477, doi 10.2307/2347330.
/// @param p  probability; 0 and 1 give infinities, values outside [0, 1] not a number.
KROGH_EXPORT double normal_quantile(double p);

/// One stream of draws. The key of Philox is the seed; its counter is (subject, block, purpose),
/// and a block gives two draws, so draw k of a subject does not depend on how many are taken.
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint32_t purpose = 0;  ///< separates uses of one seed
  std::uint64_t subject = 0;
};

/// Numbers of the open interval (0, 1): odd multiples of 2^-53 by the leading 52 bits of a pair of
/// words. @param target  draws 0, 1, ... of the stream.
KROGH_EXPORT void fill_uniform(const RandomStream& stream, std::span<double> target);

/// Standard normal numbers, the quantiles of the uniform ones of the same positions.
KROGH_EXPORT void fill_normal(const RandomStream& stream, std::span<double> target);

}  // namespace krogh
