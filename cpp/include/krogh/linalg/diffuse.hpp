// Implicit steps of plain diffusion with decay in a box of equal voxels, by directions in turn.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <krogh/base/export.hpp>
#include <krogh/base/run_control.hpp>

namespace krogh::linalg {

/// Spreads `values` (x fastest) for `num_steps` steps by
///
///   (w - X) w^-1 (w - Y) w^-1 (w - Z) u_new = u,   w = 1 + step decay,
///
/// where X, Y, Z are step D/h^2 times the differences to the neighbors along x, y, z and nothing
/// passes the sides of the box. One step is of order 1 in time, stable and positive for any step,
/// and keeps the sum to rounding where there is no decay; it is the stage of `ros34pw2` for models
/// of one state that does not react.
/// @param spacing  of voxels along x, y, z [um]; `diffusivity` [um^2/time], `decay` [1/time].
/// @throws InvalidInput where sizes disagree or a number is not finite, or negative, or spacing or
/// step are not positive.
/// @note Bits do not depend on the number of threads (on one machine and build).
KROGH_EXPORT void diffuse_adi(std::span<double> values, std::array<int, 3> shape,
                              std::array<double, 3> spacing, double diffusivity, double decay,
                              double step, std::int64_t num_steps, int num_threads);

}  // namespace krogh::linalg
