// Diffusion on a grid as a tridiagonal operator, with what enters at the two walls.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <krogh/base/export.hpp>
#include <krogh/space/grid.hpp>

namespace krogh::space {

/// What stands at an end of a grid: nothing passes; a membrane with flux P (C_out - C/eps); or the
/// free concentration C/eps at the wall is the one outside.
enum class WallKind : std::uint8_t { closed, membrane, fixed };

/// Kind named "closed", "membrane" or "fixed". @throws InvalidInput for another name.
KROGH_EXPORT WallKind wall_named(std::string_view name);

struct Wall {
  WallKind kind = WallKind::closed;
  double permeability = 0.0;  ///< of a membrane [um/s]
};

/// dC_k/dt = lower_k C_(k-1) + diagonal_k C_k + upper_k C_(k+1) + wall_rate C_out (end cells only).
/// The amount that passes a face per time, from inside to outside, is
/// conductance (before - behind) + convection (what stands on the side the flow comes from), where
/// before and behind are C/eps of the cells, or C_out beyond a wall.
struct DiffusionOperator {
  std::vector<double> lower, diagonal,
      upper;  ///< [1/s], shape (num_cells,); lower_0 = upper_N-1 = 0
  /// The diagonal by what leaves: outward_k into cell k + 1, lower_k ratio_k into cell k - 1 and
  /// wall_loss through the walls; upper_k = outward_k ratio_(k+1). Shape (num_cells,).
  std::vector<double> outward, ratio;
  /// Amount per time through each face and unit difference of C/eps [area um/s], the walls being
  /// the first and the last, shape (num_cells + 1,).
  std::vector<double> conductance;
  std::vector<double> convection;     ///< area times velocity, shape (num_cells + 1,)
  std::array<double, 2> wall_rate{};  ///< inner and outer: gain per C_out [1/s]
  std::array<double, 2> wall_loss{};  ///< inner and outer: loss per C of the end cell [1/s]
};

/// Fluxes of div(D eps grad(C/eps) - u C/eps) for concentrations per total volume. The resistances
/// of the two half cells at a face add up, so that D eps enters by its harmonic mean and C/eps is
/// continuous; at a wall the membrane's 1/P stands in place of the outer half cell. Convection and
/// diffusion through the resistance of a face are those of the exact solution of the steady flow
/// through it (Scharfetter & Gummel 1969, IEEE Trans. Electron Devices 16:64, doi
/// 10.1109/T-ED.1969.16566; of a membrane, Patlak et al. 1963, J. Theor. Biol. 5:426):
/// positive and without oscillation at any velocity, of order 2 where diffusion dominates.
/// @param diffusivity  D of each cell [um^2/s], shape (num_cells,).
/// @param fraction     accessible fraction eps of each cell, shape (num_cells,).
/// @param velocity     u at each face, outward [um/s], shape (num_cells + 1,), or empty: none. Not
///                     used at closed walls.
/// @throws InvalidInput if shapes differ, D is negative, eps not in (0, 1], P negative, a value not
/// finite, or an open wall has no area (the axis of a cylinder, the center of a sphere).
KROGH_EXPORT DiffusionOperator diffusion_operator(const Grid& grid,
                                                  std::span<const double> diffusivity,
                                                  std::span<const double> fraction,
                                                  const Wall& inner, const Wall& outer,
                                                  std::span<const double> velocity = {});

}  // namespace krogh::space
