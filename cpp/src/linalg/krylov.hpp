// Generalized conjugate residuals with a multigrid cycle as preconditioner, in single precision.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <vector>

#include <krogh/base/aligned.hpp>

#include "linalg/multigrid.hpp"

namespace krogh::linalg {

/// How a solve went.
struct KrylovOutcome {
  int cycles = 0;         ///< multigrid cycles taken
  double residual = 0.0;  ///< |b - A x| / |b|, Euclidean norms
  bool converged = false;
  bool stopped = false;  ///< by the caller's hook
};

/// Solves the finest system of a multigrid hierarchy: the residual is minimal over the cycles
/// taken, whether or not the system is symmetric (Eisenstat, Elman & Schultz 1983, SIAM J. Numer.
/// Anal. 20:345, doi 10.1137/0720023). Sums run over fixed pieces of the grid: bits do not depend
/// on the number of threads.
class Krylov {
 public:
  explicit Krylov(Multigrid& multigrid);
  /// Members of a team call this together, each with all arguments; `keep_going` (may be empty) is
  /// asked by member 0 once a cycle.
  /// @param b  right-hand side; used up: the residual stands there in the end.
  /// @param x  solution, ghosts not filled.
  KrylovOutcome solve(Team& team, int member, float* b, float* x, double tolerance,
                      int largest_number, const std::function<bool()>& keep_going);

 private:
  static constexpr int kept = 8;  ///< directions to which new ones are made orthogonal

  /// Sums over all pieces of what `work` adds up for the rows of one, in the order of pieces.
  template <class Work>
  void add_up(Team& team, int member, int buffer, int count, double* sums, const Work& work);

  Multigrid& multigrid_;
  std::int64_t pieces_;
  std::vector<AlignedArray<float>> z_, q_;
  std::vector<double> sums_[3];
  bool stopped_ = false;
};

}  // namespace krogh::linalg
