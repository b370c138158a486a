// Generalized conjugate residuals over a team of threads.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/krylov.hpp"

#include <algorithm>
#include <cmath>

namespace krogh::linalg {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }
/// Right-hand sides below it are zero: what is left of them cannot be told in single precision.
constexpr double negligible = 1e-30;
constexpr std::int64_t sum_stride = 16;  ///< doubles of a piece: no two threads write one line

}  // namespace

Krylov::Krylov(Multigrid& multigrid) : multigrid_(multigrid) {
  const Level& level = multigrid.finest();
  const std::int64_t per_piece = rows_per_piece(level);
  pieces_ = (level.num_rows() + per_piece - 1) / per_piece;
  for (std::vector<double>& sums : sums_) sums.assign(idx(pieces_ * sum_stride), 0.0);
}

template <class Work>
void Krylov::add_up(Team& team, int member, int buffer, int count, double* sums, const Work& work) {
  const Level& level = multigrid_.finest();
  const std::int64_t per_piece = rows_per_piece(level);
  double* all = sums_[buffer].data();
  const Share share = share_of(pieces_, member, team.size());
  for (std::int64_t piece = share.begin; piece < share.end; ++piece) {
    double* own = all + piece * sum_stride;
    std::fill_n(own, count, 0.0);
    work(own, piece * per_piece, std::min((piece + 1) * per_piece, level.num_rows()));
  }
  team.wait();
  std::fill_n(sums, count, 0.0);
  for (std::int64_t piece = 0; piece < pieces_; ++piece)
    for (int k = 0; k < count; ++k) sums[k] += all[piece * sum_stride + k];
}

KrylovOutcome Krylov::solve(Team& team, int member, float* b, float* x, double tolerance,
                            int largest_number, const std::function<bool()>& keep_going) {
  const Level& level = multigrid_.finest();
  KrylovOutcome outcome;
  double sums[2 + kept];
  add_up(team, member, 0, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
    KROGH_DISPATCH(krylov_update)(level, 0.0, b, b, b, true, x, b, own, first, end);
  });
  const double norm = std::sqrt(sums[0]);
  if (norm < negligible) {
    outcome.converged = true;
    return outcome;
  }
  outcome.residual = norm / norm;  // not finite where the right-hand side is not
  double lengths[kept] = {};
  int count = 0;  // directions kept
  while (outcome.cycles < largest_number) {
    if (member == 0) {
      if (z_.size() == idx(count)) {
        z_.emplace_back(idx(level.vector_size() + 16));
        q_.emplace_back(idx(level.vector_size() + 16));
      }
      stopped_ = keep_going && !keep_going();
    }
    team.wait();
    if (stopped_) {
      outcome.stopped = true;
      return outcome;
    }
    float* z = z_[idx(count)].data();
    float* q = q_[idx(count)].data();
    const float* before[kept];
    const float* solutions[kept];
    for (int k = 0; k < count; ++k) {
      before[k] = q_[idx(k)].data();
      solutions[k] = z_[idx(k)].data();
    }
    multigrid_.cycle(team, member, b, z);
    ++outcome.cycles;
    add_up(team, member, 1, 2 + count, sums,
           [&](double* own, std::int64_t first, std::int64_t end) {
             KROGH_DISPATCH(multigrid_product)(level, z, b, before, count, q, own, first, end);
           });
    if (count > 0) {
      double factors[kept];
      for (int k = 0; k < count; ++k) factors[k] = sums[2 + k] / lengths[k];
      add_up(team, member, 2, 2, sums, [&](double* own, std::int64_t first, std::int64_t end) {
        KROGH_DISPATCH(krylov_orthogonalize)
        (level, factors, before, solutions, count, q, z, b, own, first, end);
      });
    }
    if (!(sums[0] > 0.0) || !std::isfinite(sums[0]) || !std::isfinite(sums[1])) return outcome;
    lengths[count] = sums[0];
    const double step = sums[1] / sums[0];
    const bool is_first = outcome.cycles == 1;
    add_up(team, member, 0, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
      KROGH_DISPATCH(krylov_update)(level, step, z, q, b, is_first, x, b, own, first, end);
    });
    outcome.residual = std::sqrt(sums[0]) / norm;
    if (outcome.residual <= tolerance) {
      outcome.converged = true;
      return outcome;
    }
    count = count + 1 == kept ? 0 : count + 1;
  }
  return outcome;
}

}  // namespace krogh::linalg
