// Voxels of a box with tensor-product faces, and what passes between them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <krogh/base/export.hpp>

namespace krogh::space {

/// Value of a region outside the tumour.
inline constexpr std::uint8_t outside_region = 255;

/// Voxels between consecutive faces along x, y, z; voxel (x, y, z) has number x + nx (y + ny z). A
/// plane is a box with one voxel along z.
struct VoxelGrid {
  std::array<int, 3> shape{};                 ///< voxels along x, y, z
  std::array<std::vector<double>, 3> widths;  ///< [um]

  std::int64_t num_voxels() const { return std::int64_t{shape[0]} * shape[1] * shape[2]; }
};

/// @throws InvalidInput if a direction has fewer than two faces, or faces that do not increase or
/// are not finite.
KROGH_EXPORT VoxelGrid make_voxels(const std::array<std::span<const double>, 3>& faces);

/// What stands at a side of the box: nothing passes; the free concentration outside is held at the
/// side; a membrane with flux P (C_out - C/eps); or the opposite side follows.
enum class SideKind : std::uint8_t { closed, fixed, membrane, periodic };

/// Kind of that name. @throws InvalidInput for another name.
KROGH_EXPORT SideKind side_named(std::string_view name);

/// A side: low x, high x, low y, high y, low z, high z.
struct Side {
  SideKind kind = SideKind::closed;
  double permeability = 0.0;  ///< of a membrane [um/time]
};

/// Amounts that pass per time and unit difference of C/eps [um^3/time].
struct VoxelConductances {
  /// Through the face before each voxel along x, y, z (of the first voxel: the way around, where
  /// periodic), shape (num_voxels,) each.
  std::array<std::vector<double>, 3> faces;
  /// From each voxel at an open side to what stands outside, in order of voxels; empty if closed.
  std::array<std::vector<double>, 6> sides;
};

/// Two-point fluxes of div(D eps grad(C/eps)): the resistances of two half voxels add up, so that
/// D eps enters by its harmonic mean.
/// @param is_inside    0 where there is no tissue and nothing passes, shape (num_voxels,); or
/// empty.
/// @param diffusivity  of each voxel along x, y, z [um^2/time], shape (num_voxels,) each.
/// @param fraction     accessible fraction eps, shape (num_voxels,).
KROGH_EXPORT VoxelConductances
voxel_conductances(const VoxelGrid& grid, std::span<const char> is_inside,
                   const std::array<std::span<const double>, 3>& diffusivity,
                   std::span<const double> fraction, const std::array<Side, 6>& sides);

/// Numbers the sets of voxels between which something passes: 0, 1, ... by their first voxel, -1
/// outside. @param conductances  of all states that move.
KROGH_EXPORT std::vector<std::int32_t> connected_regions(
    const VoxelGrid& grid, std::span<const char> is_inside,
    std::span<const VoxelConductances> conductances);

}  // namespace krogh::space
