// Tangents of the conductances of a grid's faces. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/space/diffusion.hpp>
#include <krogh/space/grid.hpp>

namespace krogh::simulate {

/// A length, area or product and its tangent.
struct Moved {
  double value = 0.0;
  double tangent = 0.0;
};

/// Half a cell beside a face: its width, and p = D eps.
struct HalfCell {
  Moved width, p;
};

/// Tangent of the conductance A / (w_a / 2 p_a + w_b / 2 p_b) between two half cells; free of
/// divisions by p, which may be zero on one side.
double between_cells(const Moved& area, const HalfCell& a, const HalfCell& b);

/// As above for the wall: A / (1/P + w / 2p) of a membrane, A 2p / w of a fixed concentration.
double at_wall(space::WallKind kind, const Moved& area, const HalfCell& cell,
               const Moved& permeability);

/// Resistance part of a conductance beside a flow Q: B = |Q| / (e^x - 1), x = |Q| / conductance, as
/// space::diffusion_operator has it. At rest the side of a flow outward is taken, on which the
/// tangent of the whole flux is the right one.
double beside_flow(double conductance, double moved, const Moved& flow);

/// Area of a face and its tangent.
Moved area_of(space::Geometry geometry, double area, double face, double moved);

}  // namespace krogh::simulate
