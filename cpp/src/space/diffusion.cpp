// Two-point fluxes with harmonic faces.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/space/diffusion.hpp>

#include <algorithm>
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

/// Part of a face's flux that goes by the difference: conductance B(|Pe|) with the Bernoulli
/// function B(x) = x/(e^x - 1), where Pe is flow over conductance. It never quite vanishes beside a
/// flow, so that both directions have a rate.
double diffusive_part(double conductance, double flow) {
  if (flow == 0.0) return conductance;
  const double speed = std::abs(flow);
  const double peclet = speed / conductance;  // infinite without diffusion
  const double part = peclet < 500.0 ? speed / std::expm1(peclet) : 0.0;
  return std::max(part, 1e-200 * speed);
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
                                     const Wall& outer, std::span<const double> velocity) {
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
  for (std::vector<double>* of_cells : {&op.lower, &op.diagonal, &op.upper, &op.outward, &op.ratio})
    of_cells->assign(size, 0.0);
  op.conductance.assign(size + 1, 0.0);
  op.convection.assign(size + 1, 0.0);
  op.conductance[0] = wall_conductance(inner, grid.areas.front(), half_cell(0), "inner");
  op.conductance[size] = wall_conductance(outer, grid.areas.back(), half_cell(size - 1), "outer");
  for (std::size_t f = 1; f < size; ++f)
    op.conductance[f] = grid.areas[f] / (half_cell(f - 1) + half_cell(f));
  if (!velocity.empty()) {
    require_cells(velocity.size(), n + 1, "velocity");
    for (std::size_t f = 0; f <= size; ++f) {
      if (!std::isfinite(velocity[f]))
        throw InvalidInput("velocity at face " + std::to_string(f) + " must be finite");
      const bool is_closed = (f == 0 && inner.kind == WallKind::closed) ||
                             (f == size && outer.kind == WallKind::closed);
      if (is_closed) continue;
      op.convection[f] = grid.areas[f] * velocity[f];
      op.conductance[f] = diffusive_part(op.conductance[f], op.convection[f]);
    }
  }
  // Amount per time and C/eps that leaves outward or inward.
  auto out = [&](std::size_t f) { return op.conductance[f] + std::max(op.convection[f], 0.0); };
  auto in = [&](std::size_t f) { return op.conductance[f] + std::max(-op.convection[f], 0.0); };
  op.ratio[0] = 1.0;
  for (std::size_t k = 0; k + 1 < size; ++k) {
    op.outward[k] = out(k + 1) / (grid.volumes[k] * fraction[k]);
    op.lower[k + 1] = out(k + 1) / (grid.volumes[k + 1] * fraction[k]);
    op.upper[k] = in(k + 1) / (grid.volumes[k] * fraction[k + 1]);
    op.ratio[k + 1] = fraction[k] / fraction[k + 1];
    if (op.convection[k + 1] != 0.0) op.ratio[k + 1] *= in(k + 1) / out(k + 1);
    op.diagonal[k] -= op.outward[k];
    op.diagonal[k + 1] -= in(k + 1) / (grid.volumes[k + 1] * fraction[k + 1]);
  }
  const double last = grid.volumes[size - 1];
  op.wall_rate = {out(0) / grid.volumes[0], in(size) / last};
  op.wall_loss = {in(0) / (grid.volumes[0] * fraction[0]), out(size) / (last * fraction[size - 1])};
  op.diagonal[0] -= op.wall_loss[0];
  op.diagonal[size - 1] -= op.wall_loss[1];
  return op;
}

}  // namespace krogh::space
