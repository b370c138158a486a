// Exact propagators of a linear model for the lanes of a block, kept while they can be reused.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/model/program.hpp>

#include "integrate/lane_block.hpp"

namespace krogh::simulate {

struct ActiveDose;

/// E(h) = exp(A h) and G(h) = int_0^h exp(A s) ds of every lane for the few interval lengths used
/// last. Each pair is stored with the lengths and the parameter version it was built from.
class PropagatorCache {
 public:
  PropagatorCache(const model::Program& program, int lanes);

  /// Parameters of some lane have changed: nothing built before may be used again.
  void invalidate() { ++version_; }

  /// y_new = E(remaining) y + G(remaining) (b + infusion rates); every lane is accepted.
  void advance(integrate::LaneBlock& block);

  /// State at rest under the constant input of `dose`. @return false if there is none.
  bool rest(const double* registers, int lane, const ActiveDose& dose, std::vector<double>& y) const;

  /// Periodic state at `phase` in (0, interval] after the dose, exact, overlapping infusions
  /// included. @return false if there is none (no elimination).
  bool periodic(const double* registers, int lane, const ActiveDose& dose, double interval,
                double phase, std::vector<double>& y) const;

 private:
  struct Slot {
    AlignedBuffer e, g;
    std::vector<double> lengths;
    std::int64_t version = -1;
    std::int64_t last_use = 0;
  };

  void gather(const double* registers);
  std::vector<double> matrix_of(const double* registers, int lane) const;

  const model::Program& program_;
  int lanes_;
  int n_;
  AlignedBuffer a_;
  AlignedBuffer input_;
  std::vector<Slot> slots_;
  std::int64_t version_ = 0;
  std::int64_t gathered_version_ = -1;
  std::int64_t uses_ = 0;
};

}  // namespace krogh::simulate
