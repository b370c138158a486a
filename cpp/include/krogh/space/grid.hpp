// One-dimensional grids of finite volumes: slab, cylinder and sphere from one description.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <krogh/base/export.hpp>

namespace krogh::space {

/// What the coordinate is: distance, distance from an axis, or distance from a center.
enum class Geometry : std::uint8_t { cartesian, cylindrical, spherical };

/// Geometry named "cartesian", "cylindrical" or "spherical". @throws InvalidInput for another name.
KROGH_EXPORT Geometry geometry_named(std::string_view name);

/// Cells between consecutive faces. Areas and volumes are those of a slab of unit area
/// [um^2, um^3], of a cylinder of unit length [um, um^2] or of a whole sphere [um^2, um^3].
struct Grid {
  Geometry geometry = Geometry::cartesian;
  std::vector<double> faces;    ///< position of the faces [um], increasing, shape (num_cells + 1,)
  std::vector<double> centers;  ///< midpoint of each cell [um], shape (num_cells,)
  std::vector<double> areas;    ///< area of each face, shape (num_cells + 1,)
  std::vector<double> volumes;  ///< volume of each cell, shape (num_cells,)

  int num_cells() const { return static_cast<int>(volumes.size()); }
};

/// Grid of the cells between `faces`.
/// @throws InvalidInput if there are fewer than two faces, they do not increase, one is not finite,
/// or the first of a cylinder or sphere is negative.
KROGH_EXPORT Grid make_grid(Geometry geometry, std::vector<double> faces);

/// Faces of `num_cells` cells from `inner` to `outer` [um] whose widths form a geometric series;
/// the last cell is `growth` times as wide as the first (1: all equal).
/// @throws InvalidInput if outer <= inner, num_cells < 1 or growth is not positive.
KROGH_EXPORT std::vector<double> graded_faces(double inner, double outer, int num_cells,
                                              double growth = 1.0);

}  // namespace krogh::space
