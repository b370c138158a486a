// Two-point fluxes with harmonic faces.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/space/diffusion.hpp>

#include <cmath>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::space {
namespace {

void require_cells(std::size_t found, int cells, const char* what) {
  if (found != static_cast<std::size_t>(cells))
    throw InvalidInput(std::string(what) + ": found " + std::to_string(found) +
                       " values, expected " + std::to_string(cells));
}

double wall_conductance(const Wall& wall, double area, double half_cell, const char* which) {
  if (wall.kind == WallKind::closed) return 0.0;
  if (!(area > 0.0))
    throw InvalidInput(std::string("the ") + which +
                       " wall lies on the axis or center and must be closed");
  if (wall.kind == WallKind::fixed) return area / half_cell;
  if (!(wall.permeability >= 0.0) || !std::isfinite(wall.permeability))
    throw InvalidInput("permeability must be finite and not negative, found " +
                       std::to_string(wall.permeability));
  return area / (1.0 / wall.permeability + half_cell);
}

}  // namespace

WallKind wall_named(std::string_view name) {
  if (name == "closed") return WallKind::closed;
  if (name == "membrane") return WallKind::membrane;
  if (name == "fixed") return WallKind::fixed;
  throw InvalidInput("a wall must be closed, membrane or fixed, found '" + std::string(name) + "'");
}

DiffusionOperator diffusion_operator(const Grid& grid, std::span<const double> diffusivity,
                                     std::span<const double> fraction, const Wall& inner,
                                     const Wall& outer) {
  const int n = grid.num_cells();
  require_cells(diffusivity.size(), n, "diffusivity");
  require_cells(fraction.size(), n, "fraction");
  const auto size = static_cast<std::size_t>(n);
  for (std::size_t k = 0; k < size; ++k) {
    if (!(diffusivity[k] >= 0.0) || !std::isfinite(diffusivity[k]))
      throw InvalidInput("diffusivity of cell " + std::to_string(k) +
                         " must be finite and not negative, found " +
                         std::to_string(diffusivity[k]));
    if (!(fraction[k] > 0.0 && fraction[k] <= 1.0))
      throw InvalidInput("fraction of cell " + std::to_string(k) + " must lie in (0, 1], found " +
                         std::to_string(fraction[k]));
  }
  // Resistance of half a cell per area: infinite where D is zero, so that nothing passes.
  auto half_cell = [&](std::size_t k) {
    return 0.5 * (grid.faces[k + 1] - grid.faces[k]) / (diffusivity[k] * fraction[k]);
  };
  DiffusionOperator op;
  op.lower.assign(size, 0.0);
  op.diagonal.assign(size, 0.0);
  op.upper.assign(size, 0.0);
  op.conductance.assign(size + 1, 0.0);
  for (std::size_t k = 0; k + 1 < size; ++k) {
    const double conductance = grid.areas[k + 1] / (half_cell(k) + half_cell(k + 1));
    op.conductance[k + 1] = conductance;
    op.upper[k] = conductance / (grid.volumes[k] * fraction[k + 1]);
    op.lower[k + 1] = conductance / (grid.volumes[k + 1] * fraction[k]);
    op.diagonal[k] -= conductance / (grid.volumes[k] * fraction[k]);
    op.diagonal[k + 1] -= conductance / (grid.volumes[k + 1] * fraction[k + 1]);
  }
  op.conductance[0] = wall_conductance(inner, grid.areas.front(), half_cell(0), "inner");
  op.conductance[size] = wall_conductance(outer, grid.areas.back(), half_cell(size - 1), "outer");
  const std::size_t ends[] = {0, size - 1};
  for (std::size_t w = 0; w < 2; ++w) {
    op.wall_rate[w] = op.conductance[w == 0 ? 0 : size] / grid.volumes[ends[w]];
    op.diagonal[ends[w]] -= op.wall_rate[w] / fraction[ends[w]];
  }
  return op;
}

}  // namespace krogh::space
