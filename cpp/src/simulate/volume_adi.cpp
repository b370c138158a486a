// Stages of a volume solved directly, one direction after the other.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include <krogh/integrate/tableau.hpp>

#include "linalg/adi.hpp"
#include "simulate/volume_engine.hpp"

namespace krogh::simulate {
namespace {

/// Largest gamma h D/h_d^2 for which directions in turn are tried: beyond it the product of the
/// factors is another operator (measured: numerics page).
constexpr double largest_ratio = 3.0;
/// Share of the right-hand side that the solution of the first stage may leave.
constexpr double largest_defect = 0.1;

}  // namespace

/// Up to which step directions in turn can be used. They are taken where they are asked for: one
/// cycle a stage is all that so short steps need, and measures as fast (numerics page).
void VolumeEngine::place_adi() {
  VolumeBlock& b = block_;
  if (!wants_adi() || b.has_flow || b.periodic[0] || b.periodic[1] || b.periodic[2]) return;
  double largest = 0.0;
  const std::int64_t n = b.num_voxels, plane = std::int64_t{b.shape[0]} * b.shape[1];
  const std::int64_t steps[3] = {1, b.shape[0], plane};
  auto inverse_room = [&](std::int64_t j, std::int64_t k) {  // 1/(V eps)
    const std::int64_t stride = b.fraction_stride;
    const double volume = b.volume[has_even_volumes_ ? 0 : k];
    const double inverse = b.inverse_fraction[j * stride + (has_even_fractions_ ? 0 : k)];
    return volume > 0.0 ? inverse / volume : 0.0;
  };
  for (int d = 0; d < 3; ++d)
    for (std::int64_t j = 0; j < b.num_mobile; ++j)
      for (std::int64_t k = steps[d]; k < n; ++k)
        largest =
            std::max(largest, static_cast<double>(b.faces[d][j * b.stride + k]) *
                                  std::max(inverse_room(j, k), inverse_room(j, k - steps[d])));
  adi_ratio_ = largest * integrate::ros34pw2().gamma;
  diagonal_ = AlignedBuffer(idx(std::int64_t{b.num_mobile} * b.num_mobile * b.stride));
  const std::int64_t count = std::int64_t{b.num_mobile} * b.stride;
  exact_faces_ = AlignedBuffer(idx(3 * count));
  for (std::int64_t d = 0; d < 3; ++d) {
    std::copy_n(b.faces[d], count, exact_faces_.data() + d * count);
    b.exact_faces[d] = exact_faces_.data() + d * count;
  }
  can_turn_ = true;
}

/// Whether the stages of a step are solved by directions in turn.
bool VolumeEngine::takes_adi(double step) const {
  if (!can_turn_ || block_.has_flow) return false;
  return adi_ratio_ * step <= largest_ratio;
}

/// Solves the system whose right-hand side stands in (mobile, n) `x`:
/// (L - X) L^-1 (L - Y) L^-1 (L - Z) x = b with L the local blocks. In the sum over voxels the
/// factors X, Y, Z vanish one after the other and L x = b is left, so that amounts are kept.
bool VolumeEngine::solve_adi(Member& self, double* x, Attempt& failure) {
  const VolumeBlock& b = self.block;
  linalg::LineSystem system{.components = b.num_mobile, .stride = b.stride, .diagonal = b.diagonal};
  int directions[3], count = 0;
  for (int d = 0; d < 3; ++d) {
    system.shape[d] = b.shape[d];
    system.faces[d] = b.exact_faces[d];
    if (b.shape[d] > 1) directions[count++] = d;
  }
  if (count == 0) directions[count++] = 0;
  if (self.room.size() == 0) self.room = AlignedBuffer(idx(linalg::line_room(system)));
  for (int k = 0; k < count; ++k) {
    const int d = directions[k];
    const Share share = share_of(linalg::num_line_parts(system, d), self.number, self.team.size());
    KROGH_DISPATCH(adi_lines)
    (system, d, k + 1 < count, x, share.begin, share.end, self.room.data());
    if (!goes_on(self)) {
      failure = Attempt::stopped;
      return false;
    }
  }
  ++self.stats.linear_solves;
  return true;
}

/// Solves the first stage and looks at what is left of its right-hand side; where that is too much,
/// makes the system ready for the multigrid, which then solves all stages of the step.
bool VolumeEngine::try_adi(Member& self, Attempt& failure) {
  VolumeBlock& b = self.block;
  if (!solve_adi(self, b.free, failure)) return false;
  double sums[2];
  add_up(self, size_sums_, 2, sums, [&](const VolumePiece& piece, double* own) {
    KROGH_DISPATCH(volume_defect)(b, piece, own);
  });
  if (sums[1] <= largest_defect * largest_defect * sums[0]) {
    ++self.stats.adi_steps;
    return true;
  }
  ++self.stats.adi_refused;
  b.diagonal = nullptr;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    KROGH_DISPATCH(volume_assemble)(b, piece);
  });
  self.team.wait();
  return true;
}

}  // namespace krogh::simulate
