// Tangents of two-point conductances. SPDX-License-Identifier: BSD-3-Clause
#include "simulate/moved_conductance.hpp"

#include <cmath>
#include <numbers>

namespace krogh::simulate {

double between_cells(const Moved& area, const HalfCell& a, const HalfCell& b) {
  const bool is_still = area.tangent == 0.0 && a.width.tangent == 0.0 && b.width.tangent == 0.0 &&
                        a.p.tangent == 0.0 && b.p.tangent == 0.0;
  const double sum = a.width.value * b.p.value + b.width.value * a.p.value;
  if (is_still || sum == 0.0) return 0.0;  // a zero diffusivity stands still
  const double by_p = a.width.value * b.p.value * b.p.value * a.p.tangent +
                      b.width.value * a.p.value * a.p.value * b.p.tangent;
  const double by_width =
      a.p.value * b.p.value * (b.p.value * a.width.tangent + a.p.value * b.width.tangent);
  return 2.0 * (area.tangent * a.p.value * b.p.value / sum +
                area.value * (by_p - by_width) / (sum * sum));
}

double at_wall(space::WallKind kind, const Moved& area, const HalfCell& cell,
               const Moved& permeability) {
  const auto& [width, p] = cell;
  if (kind == space::WallKind::closed) return 0.0;
  if (kind == space::WallKind::fixed)
    return 2.0 *
           (area.tangent * p.value + area.value * p.tangent -
            area.value * p.value * width.tangent / width.value) /
           width.value;
  const double sum = 2.0 * p.value + width.value * permeability.value;
  if (sum == 0.0) return 0.0;
  const double by_area = 2.0 * permeability.value * p.value * area.tangent / sum;
  const double by_resistance = 4.0 * p.value * p.value * permeability.tangent +
                               2.0 * permeability.value * permeability.value *
                                   (width.value * p.tangent - p.value * width.tangent);
  return by_area + area.value * by_resistance / (sum * sum);
}

double beside_flow(double conductance, double moved, const Moved& flow) {
  const double speed = std::abs(flow.value);
  const double x = speed / conductance;
  if (!(x < 500.0)) return 0.0;
  const double half = 0.5 * x;
  const double root = half > 1e-4 ? half / std::sinh(half) : 1.0 - half * half / 6.0;
  const double away =
      x > 1e-4 ? 1.0 / std::expm1(x) - 0.25 * x / std::pow(std::sinh(half), 2) : -0.5 + x / 6.0;
  return root * root * moved + away * (flow.value < 0.0 ? -flow.tangent : flow.tangent);
}

Moved area_of(space::Geometry geometry, double area, double face, double moved) {
  switch (geometry) {
    case space::Geometry::cartesian: return {area, 0.0};
    case space::Geometry::cylindrical: return {area, 2.0 * std::numbers::pi * moved};
    default: return {area, 8.0 * std::numbers::pi * face * moved};
  }
}

}  // namespace krogh::simulate
