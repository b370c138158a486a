// Plain diffusion by directions in turn: coefficients, threads.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/linalg/diffuse.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/base/errors.hpp>
#include <krogh/base/parallel.hpp>

#include "base/team.hpp"
#include "linalg/adi.hpp"

namespace krogh::linalg {
namespace {

/// Elimination of lines with 1 on the diagonal that hand on `share` to each neighbor.
struct Eliminated {
  std::vector<double> keep, pass;
  EvenLines lines() const { return {static_cast<long>(keep.size()), keep.data(), pass.data()}; }
};

Eliminated eliminate(int count, double share) {
  Eliminated found;
  for (int i = 0; i < count; ++i) {
    const double diagonal = 1.0 + (i > 0 ? share : 0.0) + (i + 1 < count ? share : 0.0);
    const double from_before = i > 0 ? share * found.pass.back() : 0.0;
    found.keep.push_back(1.0 / (diagonal - from_before));
    found.pass.push_back(i + 1 < count ? share * found.keep.back() : 0.0);
  }
  return found;
}

void require(double value, const char* name, bool may_be_zero) {
  if (!std::isfinite(value) || value < 0.0 || (!may_be_zero && value == 0.0))
    throw InvalidInput(std::string(name) + " must be finite and " +
                       (may_be_zero ? "not negative" : "positive") + ", found " +
                       std::to_string(value));
}

}  // namespace

void diffuse_adi(std::span<double> values, std::array<int, 3> shape, std::array<double, 3> spacing,
                 double diffusivity, double decay, double step, std::int64_t num_steps,
                 int num_threads) {
  const auto size = std::int64_t{shape[0]} * shape[1] * shape[2];
  for (const int n : shape)
    if (n < 1) throw InvalidInput("shape must be positive, found " + std::to_string(n));
  if (static_cast<std::int64_t>(values.size()) != size)
    throw InvalidInput("values: found " + std::to_string(values.size()) + ", expected " +
                       std::to_string(size));
  for (const double h : spacing) require(h, "spacing", false);
  require(diffusivity, "diffusivity", true);
  require(decay, "decay", true);
  require(step, "step", false);
  if (num_steps < 0) throw InvalidInput("num_steps must not be negative");
  const double weight = 1.0 + step * decay;
  std::array<Eliminated, 3> lines;
  for (std::size_t d = 0; d < 3; ++d)
    lines[d] = eliminate(shape[d], step * diffusivity / (spacing[d] * spacing[d]) / weight);
  const EvenLines x = lines[0].lines(), y = lines[1].lines(), z = lines[2].lines();
  run_team(granted_threads(num_threads), [&](Team& team, int member) {
    AlignedBuffer room(
        static_cast<std::size_t>(std::max<long>(8 * (x.count + 8), z.count * even_chunk)));
    const Share planes = share_of(z.count, member, team.size());
    const Share rows = share_of(y.count, member, team.size());
    for (std::int64_t s = 0; s < num_steps; ++s) {
      for (std::int64_t k = planes.begin; k < planes.end; ++k)
        KROGH_DISPATCH(adi_even_plane)(x, y, values.data() + k * x.count * y.count, room.data());
      team.wait();
      KROGH_DISPATCH(adi_even_columns)
      (z, x.count, y.count, rows.begin, rows.end, 1.0 / weight, values.data(), room.data());
      team.wait();
    }
  });
}

}  // namespace krogh::linalg
