// A vector as a sum of others with factors, not added up yet.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace krogh::linalg {

/// sum_k factors_k parts_k, vectors of a level of the multigrid.
struct Combination {
  static constexpr int most = 9;
  int count = 0;  ///< 0: zero everywhere
  const float* parts[most] = {};
  double factors[most] = {};
};

}  // namespace krogh::linalg
