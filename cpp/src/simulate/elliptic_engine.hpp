// What the steady solver holds: conductances, multigrid, vectors.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/elliptic.hpp>

#include <krogh/base/parallel.hpp>

#include "base/team.hpp"
#include "linalg/multigrid.hpp"
#include "simulate/elliptic_kernel.hpp"

namespace krogh::simulate {

class EllipticSolver::Engine {
 public:
  explicit Engine(const EllipticProblem& problem);

  std::int64_t num_voxels() const { return grid_.num_voxels(); }
  std::int32_t num_floating() const { return num_floating_; }
  void set_absorption(std::span<const double> absorption, int num_threads);
  EllipticResult solve(std::span<const double> source, const std::array<double, 6>& outside,
                       std::span<double> values, const EllipticOptions& options,
                       const RunControl& control);
  void apply(std::span<const double> values, std::span<double> out, int num_threads);
  void precondition(std::span<const double> values, std::span<double> out, int num_threads);
  void fluxes(std::span<const double> values, const std::array<double, 6>& outside,
              const std::array<std::span<double>, 3>& fluxes) const;

 private:
  /// Threads that are worth their barriers.
  int team_size(int num_threads) const {
    constexpr std::int64_t least = 32768;  // voxels for each
    const std::int64_t most = std::max<std::int64_t>(1, num_voxels() / least);
    return static_cast<int>(std::min<std::int64_t>(granted_threads(num_threads), most));
  }
  bool inside(std::int64_t k) const;
  double volume(std::int64_t k) const;
  std::array<std::int64_t, 3> position(std::int64_t k) const;
  void require_by_voxel(std::span<const double> values, const char* name, bool is_absorption) const;
  void require_whole(std::span<const double> values, const char* name) const;
  void find_floating(std::span<const double> absorption);
  void place_local();
  void place_sides(const EllipticProblem& problem);
  void make_vectors();
  void set_right(std::span<const double> source, const std::array<double, 6>& outside);
  void balance_floating();
  void center_floating(std::span<double> values) const;
  /// Visits (number of the voxel, number at the side) of the voxels at a side that is not closed.
  template <class Visit>
  void each_at_side(std::size_t side, const Visit& visit) const;
  /// What all members of a team run; the outcome of every member is the same.
  EllipticResult iterate(Team& team, int member, double* x, const EllipticOptions& options,
                         const std::function<bool(std::int32_t)>& keep_going);
  /// z_ = one cycle for r_, whose norm is given.
  void cycle(Team& team, int member, double norm);
  /// Adds up over fixed pieces what `work(sums, first row, end row)` finds, in the order of pieces.
  template <class Work>
  void add_up(Team& team, int member, int buffer, int count, double* sums, const Work& work);
  template <class Work>
  void each_piece(const Team& team, int member, const Work& work) const;

  space::VoxelGrid grid_;
  std::vector<char> inside_;  ///< empty: every voxel
  space::VoxelConductances conductances_;
  std::array<space::SideKind, 6> kinds_{};
  EllipticBlock block_;
  std::vector<double> zeros_;
  AlignedBuffer local_;
  AlignedBuffer b_, r_, p_, q_, z_;
  AlignedArray<float> right_, solution_;
  linalg::Multigrid multigrid_;
  double scale_ = 1.0;                  ///< of the system in single precision, a power of two
  double mean_ = 0.0;                   ///< sum of the couplings of a voxel inside, scaled
  std::vector<std::int32_t> floating_;  ///< set of each voxel, -1: none; empty: there are none
  std::int32_t num_floating_ = 0;
  std::int64_t rows_per_piece_ = 1, pieces_ = 1;
  std::vector<double> sums_[3];
  bool stopped_ = false;
};

}  // namespace krogh::simulate
