// Generalized conjugate residuals with a multigrid cycle as preconditioner, in single precision.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <vector>

#include <krogh/base/aligned.hpp>

#include "linalg/combination.hpp"
#include "linalg/multigrid.hpp"

namespace krogh::linalg {

/// How a solve went.
struct KrylovOutcome {
  int cycles = 0;         ///< multigrid cycles taken
  double residual = 0.0;  ///< |b - A x| / |b|, Euclidean norms
  bool converged = false;
  bool stopped = false;  ///< by the caller's hook
};

/// How a solution was combined of cycles. Applied to other right-hand sides it is one and the same
/// linear operator, an approximate inverse of the matrix.
struct KrylovRecipe {
  static constexpr int most = 8;
  int cycles = 0;                   ///< 0: there is none
  double changes[most][most] = {};  ///< of the products taken off the residual after each cycle
  double factors[most] = {};        ///< of the cycles' results in the solution
};

/// Solves the finest system of a multigrid hierarchy: the residual is minimal over the cycles
/// taken, whether or not the system is symmetric (Eisenstat, Elman & Schultz 1983, SIAM J. Numer.
/// Anal. 20:345, doi 10.1137/0720023). What is kept are the results of the cycles as they come and
/// their products with the matrix, whose small matrix of inner products gives the factors. On
/// two-colored grids a cycle leaves no residual on color 0, so that residuals and products are
/// multiples of b there and only their halves on color 1 are computed and stored. Sums run over
/// fixed pieces of the grid: bits do not depend on the number of threads.
class Krylov {
 public:
  explicit Krylov(Multigrid& multigrid);
  /// Members of a team call this together, each with all arguments; `keep_going` (may be empty) is
  /// asked by member 0 once a cycle.
  /// @param b  right-hand side; used up.
  /// @param x  solution, of vectors that hold until the next solve; their ghosts are not filled.
  /// @param recipe  unless null, how the solution was found; none where `b` is zero or more than
  /// `KrylovRecipe::most` cycles were needed.
  KrylovOutcome solve(Team& team, int member, float* b, Combination& x, double tolerance,
                      int largest_number, const std::function<bool()>& keep_going,
                      KrylovRecipe* recipe = nullptr);
  /// x = what a recipe makes of b, which is used up. Nothing is measured: the outcome's residual
  /// is 0.
  KrylovOutcome apply(Team& team, int member, float* b, Combination& x, const KrylovRecipe& recipe,
                      const std::function<bool()>& keep_going);
  /// Adds a combination up.
  void write(Team& team, int member, const Combination& combination, float* x) const;

 private:
  static constexpr int kept = KrylovRecipe::most;  ///< directions the residual is minimal over

  /// What a member knows of the solve, the same as every other.
  struct State {
    double squares[2] = {};            ///< of b by color
    double scale = 1.0;                ///< of b in the residual on color 0
    int count = 0;                     ///< directions kept
    double products[kept][kept] = {};  ///< of q's
    double scales[kept] = {};          ///< of b in the q's on color 0
    double factors[kept] = {};         ///< of the z's in the solution
  };

  /// Sums over all pieces of what `work` adds up for the rows of one, in the order of pieces.
  template <class Work>
  void add_up(Team& team, int member, int buffer, int count, double* sums, const Work& work);
  void read_sums(int buffer, int count, double* sums) const;
  void cycle(Team& team, int member, const float* b, State& state, double* sums);
  /// Adds what a series of directions gives to a solution.
  void take(int count, const double* factors, Combination& x) const;
  bool goes_on(Team& team, int member, int directions, const std::function<bool()>& keep_going);
  template <class Work>
  void cycle_with(Team& team, int member, const float* b, float* z, float scale, const Work& work);

  Multigrid& multigrid_;
  std::int64_t rows_per_piece_, pieces_;
  int first_color_;  ///< of those that residuals are computed for
  std::vector<AlignedArray<float>> z_, q_;
  AlignedArray<float> rest_;  ///< what earlier series of directions came to
  std::vector<double> sums_[3];
  bool stopped_ = false;
};

}  // namespace krogh::linalg
