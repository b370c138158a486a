// Names what stood in the way of a volume run.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_engine.hpp"

#include <algorithm>
#include <cmath>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {

/// Names the state and voxel that stand in the way: the first that is not finite, the largest
/// residual of a linear system that was not solved, else the largest error or the value that is the
/// most too negative, whichever is larger by the scale of its state.
void VolumeEngine::find_culprit(const Member& self, Status status) {
  const VolumeBlock& b = self.block;
  const std::int64_t m = b.num_mobile;
  auto name = [&](int state, std::int64_t voxel) {
    result_.state = state;
    result_.voxel = voxel;
  };
  if (status == Status::linear_solve_failed || status == Status::not_finite) {
    float most = -1.0F;
    std::int64_t k = 0;
    for (int z = 0; z < b.shape[2]; ++z)
      for (int y = 0; y < b.shape[1]; ++y)
        for (int x = 0; x < b.shape[0]; ++x, ++k)
          for (std::int64_t j = 0; j < m && inside_[idx(k)] != 0; ++j) {
            const VolumeSystem& system = b.systems[b.system_of[j]];
            const float residual = std::abs(
                system.right[system.level.place(x, y, z, b.component_of[j], system.count)]);
            if (!std::isfinite(residual)) return name(b.mobile[j], k);
            if (!(residual > most)) continue;
            most = residual;
            if (status == Status::linear_solve_failed) name(b.mobile[j], k);
          }
    if (status == Status::linear_solve_failed) return;
  }
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  double largest_error = -1.0, most_negative = 0.0;
  int negative_state = -1;
  std::int64_t negative_voxel = -1;
  for (int i = 0; i < b.num_states; ++i) {
    double reached = self.scale[idx(i)];
    b.each_place(i, 0, b.num_voxels, [&](std::int64_t k, std::int64_t at) {
      if (inside_[idx(k)] != 0) reached = std::max(reached, std::abs(b.y[at]));
    });
    const double limit = b.rtol * reached + atol_[idx(i)];
    for (std::int64_t k = 0; k < b.num_voxels; ++k) {
      if (inside_[idx(k)] == 0) continue;
      const std::int64_t at = b.place(i, k);
      const double end = b.stages[3][at];
      if (!std::isfinite(end)) return name(i, k);
      if (may_be_negative_[idx(i)] == 0 && -end / limit > most_negative) {
        most_negative = -end / limit;
        negative_state = i;
        negative_voxel = k;
      }
      double last = end - b.y[at], defect = 0.0;  // the last stage's unknown
      for (int s = 0; s < 3 && !is_stabilized(); ++s) {
        last -= tableau.a[3][s] * b.stages[s][at];
        defect += tableau.e[s] * b.stages[s][at];
      }
      // By the scale of the state: beside one that explodes the small ones have the larger relative
      // errors.
      defect += tableau.e[3] * last;
      if (is_stabilized()) defect = b.stages[1][at];
      defect = std::abs(defect) / limit;
      if (!(defect > largest_error)) continue;
      largest_error = defect;
      name(i, k);
    }
  }
  if (most_negative > std::max(1.0, largest_error)) name(negative_state, negative_voxel);
  if (std::max(most_negative, largest_error) <= 1.0 && self.plasma) {
    name(self.plasma->culprit(), -1);
    result_.is_plasma = true;
  }
}

}  // namespace krogh::simulate
