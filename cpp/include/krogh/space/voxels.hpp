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
/// side; a membrane with flux P (C_out - C/eps); the opposite side follows; or only what the fluid
/// carries passes.
enum class SideKind : std::uint8_t { closed, fixed, membrane, periodic, open };

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

  // Beside a flow only (`add_flow`):
  /// Volume per time that carries C/eps through each face, along the axis, shape (num_voxels,).
  std::array<std::vector<double>, 3> convection;
  /// What the limited second order adds per unit difference of C/eps, at most the size of
  /// `convection`; zero where there is no second voxel upstream, shape (num_voxels,).
  std::array<std::vector<float>, 3> correction;
  /// What leaves by the sides per C/eps of the voxel, where `sides` is what enters per C_out.
  std::array<std::vector<double>, 6> sides_out;
};

/// A membrane at the faces between two regions, [um/time]; 0: nothing diffuses through them.
struct RegionMembrane {
  std::uint8_t first = 0;
  std::uint8_t second = 0;
  double permeability = 0.0;
};

/// Two-point fluxes of div(D eps grad(C/eps)): the resistances of two half voxels add up, so that
/// D eps enters by its harmonic mean, and that of a membrane, 1/P, where one stands between them.
/// @param is_inside    0 where there is no tissue and nothing passes, shape (num_voxels,); or
/// empty.
/// @param diffusivity  of each voxel along x, y, z [um^2/time], shape (num_voxels,) each.
/// @param fraction     accessible fraction eps, times a partition coefficient where there is one,
/// shape (num_voxels,).
/// @param regions      of each voxel, shape (num_voxels,); may be empty without membranes.
KROGH_EXPORT VoxelConductances voxel_conductances(
    const VoxelGrid& grid, std::span<const char> is_inside,
    const std::array<std::span<const double>, 3>& diffusivity, std::span<const double> fraction,
    const std::array<Side, 6>& sides, std::span<const std::uint8_t> regions = {},
    std::span<const RegionMembrane> membranes = {});

/// Velocity at the faces along x (nz, ny, nx + 1), y (nz, ny + 1, nx), z (nz + 1, ny, nx), per
/// total area [um/time], along the axes.
using FaceVelocity = std::array<std::span<const double>, 3>;

/// Adds a flow to diffusive conductances. What passes a face is that of the exact solution of the
/// steady flow through its resistance (Scharfetter & Gummel 1969, IEEE Trans. Electron Devices
/// 16:64, doi 10.1109/T-ED.1969.16566; of a membrane, Patlak et al. 1963, J. Theor. Biol. 5:426):
/// convection upstream, and `faces` and `sides` become its diffusive part G B(|q|/G), B(x) =
/// x/(e^x - 1). What that has of numerical diffusion is the `correction`.
/// @param retardation  of the solute against the fluid in each voxel, shape (num_voxels,); at a
/// face the mean of both.
/// @param regions, membranes  as above; nothing is corrected at a membrane, where C/eps jumps.
KROGH_EXPORT void add_flow(const VoxelGrid& grid, std::span<const char> is_inside,
                           const FaceVelocity& velocity, std::span<const double> retardation,
                           const std::array<Side, 6>& sides, std::span<const std::uint8_t> regions,
                           std::span<const RegionMembrane> membranes, VoxelConductances& c);

/// Numbers the sets of voxels between which something passes: 0, 1, ... by their first voxel, -1
/// outside. @param conductances  of all states that move.
KROGH_EXPORT std::vector<std::int32_t> connected_regions(
    const VoxelGrid& grid, std::span<const char> is_inside,
    std::span<const VoxelConductances> conductances);

}  // namespace krogh::space
