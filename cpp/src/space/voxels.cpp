// Two-point fluxes between voxels.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/space/voxels.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::space {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Numbers from one voxel to the next along each direction.
std::array<std::int64_t, 3> strides_of(const VoxelGrid& grid) {
  return {1, grid.shape[0], std::int64_t{grid.shape[0]} * grid.shape[1]};
}

/// Resistance per area of the membranes between two voxels [time/um]: infinite where nothing
/// diffuses.
double membrane_between(std::span<const std::uint8_t> regions,
                        std::span<const RegionMembrane> membranes, std::int64_t a, std::int64_t b) {
  double resistance = 0.0;
  if (membranes.empty() || regions[idx(a)] == regions[idx(b)]) return resistance;
  for (const RegionMembrane& m : membranes) {
    const bool fits = (m.first == regions[idx(a)] && m.second == regions[idx(b)]) ||
                      (m.first == regions[idx(b)] && m.second == regions[idx(a)]);
    if (fits) resistance += 1.0 / m.permeability;
  }
  return resistance;
}

/// Diffusive part of what passes a conductance beside a flow.
double diffusive_part(double conductance, double flow) {
  if (flow == 0.0 || conductance == 0.0) return conductance;
  const double peclet = std::abs(flow) / conductance;
  return peclet < 500.0 ? std::abs(flow) / std::expm1(peclet) : 0.0;
}

/// Calls `visit(position along x, y, z, number)` for every voxel in order.
template <class Visit>
void each_voxel(const VoxelGrid& grid, const Visit& visit) {
  std::int64_t k = 0;
  for (int z = 0; z < grid.shape[2]; ++z)
    for (int y = 0; y < grid.shape[1]; ++y)
      for (int x = 0; x < grid.shape[0]; ++x) visit(std::array<int, 3>{x, y, z}, k++);
}

}  // namespace

VoxelGrid make_voxels(const std::array<std::span<const double>, 3>& faces) {
  constexpr const char* names[] = {"faces_x", "faces_y", "faces_z"};
  VoxelGrid grid;
  for (std::size_t d = 0; d < 3; ++d) {
    if (faces[d].size() < 2)
      throw InvalidInput(std::string(names[d]) + ": at least 2 are needed, found " +
                         std::to_string(faces[d].size()));
    for (std::size_t i = 0; i < faces[d].size(); ++i) {
      if (!std::isfinite(faces[d][i]))
        throw InvalidInput(std::string(names[d]) + ": position " + std::to_string(i) +
                           " is not finite");
      if (i == 0) continue;
      if (!(faces[d][i] > faces[d][i - 1]))
        throw InvalidInput(std::string(names[d]) + " must increase, but position " +
                           std::to_string(i) + " has " + std::to_string(faces[d][i]) + " after " +
                           std::to_string(faces[d][i - 1]));
      grid.widths[d].push_back(faces[d][i] - faces[d][i - 1]);
    }
    grid.shape[d] = static_cast<int>(grid.widths[d].size());
  }
  return grid;
}

SideKind side_named(std::string_view name) {
  if (name == "closed") return SideKind::closed;
  if (name == "fixed") return SideKind::fixed;
  if (name == "membrane") return SideKind::membrane;
  if (name == "periodic") return SideKind::periodic;
  if (name == "open") return SideKind::open;
  throw InvalidInput("a side must be closed, fixed, membrane, periodic or open, found '" +
                     std::string(name) + "'");
}

VoxelConductances voxel_conductances(const VoxelGrid& grid, std::span<const char> is_inside,
                                     const std::array<std::span<const double>, 3>& diffusivity,
                                     std::span<const double> fraction,
                                     const std::array<Side, 6>& sides,
                                     std::span<const std::uint8_t> regions,
                                     std::span<const RegionMembrane> membranes) {
  const std::array<std::int64_t, 3> strides = strides_of(grid);
  VoxelConductances found;
  auto inside = [&](std::int64_t k) { return is_inside.empty() || is_inside[idx(k)] != 0; };
  for (std::size_t d = 0; d < 3; ++d) {
    found.faces[d].assign(idx(grid.num_voxels()), 0.0);
    const std::size_t e = (d + 1) % 3, f = (d + 2) % 3;
    const int last = grid.shape[d] - 1;
    // Resistance of half a voxel: infinite where D is zero, so that nothing passes.
    auto half = [&](const std::array<int, 3>& at, std::int64_t k) {
      return 0.5 * grid.widths[d][idx(at[d])] / (diffusivity[d][idx(k)] * fraction[idx(k)]);
    };
    each_voxel(grid, [&](const std::array<int, 3>& at, std::int64_t k) {
      if (!inside(k)) return;
      const double area = grid.widths[e][idx(at[e])] * grid.widths[f][idx(at[f])];
      std::array<int, 3> before = at;
      std::int64_t other = k - strides[d];
      --before[d];
      const bool wraps = at[d] == 0;
      if (wraps) {
        if (sides[2 * d].kind != SideKind::periodic || last == 0) return;
        before[d] = last;
        other = k + last * strides[d];
      }
      if (inside(other))
        found.faces[d][idx(k)] = area / (half(before, other) + half(at, k) +
                                         membrane_between(regions, membranes, other, k));
    });
    for (std::size_t high = 0; high < 2; ++high) {
      const Side& side = sides[2 * d + high];
      if (side.kind == SideKind::closed || side.kind == SideKind::periodic) continue;
      each_voxel(grid, [&](const std::array<int, 3>& at, std::int64_t k) {
        if (at[d] != (high == 0 ? 0 : last)) return;
        double through = 0.0;
        if (inside(k) && side.kind != SideKind::open) {
          const double area = grid.widths[e][idx(at[e])] * grid.widths[f][idx(at[f])];
          const double wall = side.kind == SideKind::membrane ? 1.0 / side.permeability : 0.0;
          through = area / (wall + half(at, k));
        }
        found.sides[2 * d + high].push_back(through);
      });
    }
  }
  return found;
}

void add_flow(const VoxelGrid& grid, std::span<const char> is_inside, const FaceVelocity& velocity,
              std::span<const double> retardation, const std::array<Side, 6>& sides,
              std::span<const std::uint8_t> regions, std::span<const RegionMembrane> membranes,
              VoxelConductances& c) {
  const std::array<std::int64_t, 3> strides = strides_of(grid);
  auto inside = [&](std::int64_t k) { return is_inside.empty() || is_inside[idx(k)] != 0; };
  for (std::size_t d = 0; d < 3; ++d) {
    c.convection[d].assign(idx(grid.num_voxels()), 0.0);
    c.correction[d].assign(idx(grid.num_voxels()), 0.0F);
    const std::size_t e = (d + 1) % 3, f = (d + 2) % 3;
    const int count = grid.shape[d], last = count - 1;
    const bool is_periodic = sides[2 * d].kind == SideKind::periodic;
    auto area_at = [&](const std::array<int, 3>& at) {
      return grid.widths[e][idx(at[e])] * grid.widths[f][idx(at[f])];
    };
    auto velocity_at = [&](std::array<int, 3> at, int face) {
      std::array<std::int64_t, 3> faces{grid.shape[0], grid.shape[1], grid.shape[2]};
      ++faces[d];
      at[d] = face;
      return velocity[d][idx((at[2] * faces[1] + at[1]) * faces[0] + at[0])];
    };
    // The voxel so many places along, -1 beyond the sides and outside.
    auto along = [&](const std::array<int, 3>& at, std::int64_t k, int places) -> std::int64_t {
      int to = at[d] + places;
      if (is_periodic) {
        to = (to % count + count) % count;
      } else if (to < 0 || to > last) {
        return -1;
      }
      const std::int64_t other = k + (to - at[d]) * strides[d];
      return inside(other) ? other : -1;
    };
    each_voxel(grid, [&](const std::array<int, 3>& at, std::int64_t k) {
      const std::int64_t before = along(at, k, -1);
      if (!inside(k) || before < 0) return;
      const double slowed = 0.5 * (retardation[idx(before)] + retardation[idx(k)]);
      const double flow = area_at(at) * slowed * velocity_at(at, at[d]);
      double& conductance = c.faces[d][idx(k)];
      const double whole = conductance;
      conductance = diffusive_part(whole, flow);
      c.convection[d][idx(k)] = flow;
      const bool forward = flow > 0.0;
      const std::int64_t upstream = along(at, k, forward ? -2 : 1);
      if (flow == 0.0 || upstream < 0 || membrane_between(regions, membranes, before, k) > 0.0)
        return;
      // Twice what makes the flux that of the straight line between both centers.
      const double here = grid.widths[d][idx(at[d])];
      const double there = grid.widths[d][idx(at[d] == 0 ? last : at[d] - 1)];
      const double share = (forward ? there : here) / (here + there);
      const double speed = std::abs(flow);
      const double added = 2.0 * (share * speed - whole + conductance);
      c.correction[d][idx(k)] = static_cast<float>(std::clamp(added, -speed, speed));
    });
    for (std::size_t high = 0; high < 2; ++high) {
      const std::size_t side = 2 * d + high;
      std::vector<double>& in = c.sides[side];
      c.sides_out[side] = in;
      if (in.empty()) continue;
      std::size_t place = 0;
      each_voxel(grid, [&](const std::array<int, 3>& at, std::int64_t k) {
        if (at[d] != (high == 0 ? 0 : last)) return;
        const std::size_t here = place++;
        if (!inside(k)) return;
        const double along_axis = velocity_at(at, high == 0 ? 0 : count);
        const double inward =
            area_at(at) * retardation[idx(k)] * (high == 0 ? along_axis : -along_axis);
        const double part = diffusive_part(in[here], inward);
        in[here] = part + std::max(inward, 0.0);
        c.sides_out[side][here] = part + std::max(-inward, 0.0);
      });
    }
  }
}

std::vector<std::int32_t> connected_regions(const VoxelGrid& grid, std::span<const char> is_inside,
                                            std::span<const VoxelConductances> conductances) {
  const std::array<std::int64_t, 3> strides = strides_of(grid);
  const std::int64_t n = grid.num_voxels();
  std::vector<std::int64_t> parent(idx(n));
  for (std::int64_t k = 0; k < n; ++k) parent[idx(k)] = k;
  auto root = [&](std::int64_t k) {
    while (parent[idx(k)] != k) {
      parent[idx(k)] = parent[idx(parent[idx(k)])];
      k = parent[idx(k)];
    }
    return k;
  };
  each_voxel(grid, [&](const std::array<int, 3>& at, std::int64_t k) {
    for (std::size_t d = 0; d < 3; ++d)
      for (const VoxelConductances& c : conductances)
        if (c.faces[d][idx(k)] > 0.0 ||
            (!c.convection[d].empty() && c.convection[d][idx(k)] != 0.0)) {
          const std::int64_t other =
              at[d] == 0 ? k + (grid.shape[d] - 1) * strides[d] : k - strides[d];
          const std::int64_t a = root(k), b = root(other);
          parent[idx(std::max(a, b))] = std::min(a, b);
        }
  });
  std::vector<std::int32_t> numbers(idx(n), -1);
  std::int32_t next = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    if (!is_inside.empty() && is_inside[idx(k)] == 0) continue;
    const std::int64_t first = root(k);
    numbers[idx(k)] = first == k ? next++ : numbers[idx(first)];
  }
  return numbers;
}

}  // namespace krogh::space
