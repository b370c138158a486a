// Steady fields in the voxels of a box: what flows down a gradient and is taken up in proportion.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include <krogh/base/errors.hpp>
#include <krogh/base/export.hpp>
#include <krogh/base/run_control.hpp>
#include <krogh/space/voxels.hpp>

namespace krogh::simulate {

/// -div(K grad p) + a p = f in every voxel inside. Arrays over voxels have x fastest, then y, then
/// z; "by voxel" has one number for each voxel, or one for all.
struct EllipticProblem {
  std::array<std::span<const double>, 3> faces;  ///< along x, y, z [um]
  /// 255: outside, nothing passes; empty: every voxel is inside, shape (num_voxels,).
  std::span<const std::uint8_t> regions;
  std::int32_t axes = 1;                 ///< conductivities per voxel: 1, or 3 along x, y, z
  std::span<const double> conductivity;  ///< K >= 0, shape (axes, by voxel)
  /// Closed: nothing passes; fixed: p outside is held at the side; membrane: K grad p there is its
  /// permeability times the difference; periodic: the opposite side follows.
  std::array<space::Side, 6> sides{};
};

struct EllipticOptions {
  double tolerance = 1e-10;  ///< |b - A p| / |b| at which a system counts as solved
  std::int32_t max_cycles = 200;
};

/// How a solve went.
struct EllipticResult {
  Status status = Status::success;
  std::int32_t cycles = 0;  ///< multigrid cycles
  double residual = 0.0;    ///< |b - A p| / |b| of the values returned, Euclidean norms
  std::int32_t num_threads = 0;
};

/// Finite volumes with two-point fluxes (`space::voxel_conductances`: harmonic means), solved by
/// conjugate gradients in double precision. The preconditioner is the multigrid cycle in single
/// precision, which is symmetric up to rounding only, so that directions are made conjugate in the
/// flexible form (Golub & Ye 1999, SIAM J. Sci. Comput. 21:1305, doi 10.1137/S1064827597323415).
/// Conductances are set up once; absorption and right-hand sides may change. Sets of voxels that
/// neither absorb nor touch an open side fix p up to a constant: their sources must add up to zero,
/// and p has the mean zero there.
/// @note Bits do not depend on the number of threads (on one machine and build). Calls on one
/// object must not overlap.
class KROGH_EXPORT EllipticSolver {
 public:
  /// @throws InvalidInput for shapes or values that do not fit.
  explicit EllipticSolver(const EllipticProblem& problem);
  ~EllipticSolver();
  EllipticSolver(EllipticSolver&&) noexcept;
  EllipticSolver& operator=(EllipticSolver&&) noexcept;

  std::int64_t num_voxels() const;
  /// Sets of voxels whose p is fixed up to a constant.
  std::int32_t num_floating() const;

  /// @param absorption  a >= 0, by voxel. Before the first call it is zero.
  /// @throws InvalidInput for another shape, or values that are negative or not finite.
  void set_absorption(std::span<const double> absorption, int num_threads = 0);

  /// @param source   f, by voxel.
  /// @param outside  p beyond the sides that are fixed or membranes.
  /// @param values   first guess on entry and p on return, NaN outside; shape (num_voxels,).
  /// @throws InvalidInput where shapes or values do not fit, or where the sources of a floating set
  /// of voxels do not add up to zero. What does not converge is reported in the result.
  EllipticResult solve(std::span<const double> source, const std::array<double, 6>& outside,
                       std::span<double> values, const EllipticOptions& options,
                       const RunControl& control = {});

  /// out = A values: absorbed less what enters through faces and sides (with zero outside), per
  /// voxel, not per volume; zero outside.
  void apply(std::span<const double> values, std::span<double> out, int num_threads = 0);
  /// out = one multigrid cycle for A out = values, from zero.
  void precondition(std::span<const double> values, std::span<double> out, int num_threads = 0);

  /// Flux K grad p through faces, against the gradient and positive along the axis [value K/um].
  /// @param fluxes  along x, y, z: shapes (nz, ny, nx + 1), (nz, ny + 1, nx), (nz + 1, ny, nx).
  void fluxes(std::span<const double> values, const std::array<double, 6>& outside,
              const std::array<std::span<double>, 3>& fluxes) const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace krogh::simulate
