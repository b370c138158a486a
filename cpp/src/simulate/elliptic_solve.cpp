// Steady solver: flexible conjugate gradients over a team of threads.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include "simulate/elliptic_engine.hpp"

namespace krogh::simulate {
namespace {

constexpr std::int64_t sum_stride = 8;

/// Residual by recursion at which the true one is looked at, over the one that is wanted.
constexpr double earlier = 0.7;
/// Fall of the true residual from one look to the next below which rounding holds it up.
constexpr double stalled = 0.5;

}  // namespace

template <class Work>
void EllipticSolver::Engine::each_piece(const Team& team, int member, const Work& work) const {
  const Share share = share_of(pieces_, member, team.size());
  for (std::int64_t piece = share.begin; piece < share.end; ++piece)
    work(piece, piece * rows_per_piece_,
         std::min((piece + 1) * rows_per_piece_, block_.num_rows()));
}

template <class Work>
void EllipticSolver::Engine::add_up(Team& team, int member, int buffer, int count, double* sums,
                                    const Work& work) {
  double* all = sums_[buffer].data();
  each_piece(team, member, [&](std::int64_t piece, std::int64_t first, std::int64_t end) {
    double* own = all + piece * sum_stride;
    std::fill_n(own, count, 0.0);
    work(own, first, end);
  });
  team.wait();
  std::fill_n(sums, count, 0.0);
  for (std::int64_t piece = 0; piece < pieces_; ++piece)
    for (int k = 0; k < count; ++k) sums[k] += all[piece * sum_stride + k];
}

void EllipticSolver::Engine::cycle(Team& team, int member, double norm) {
  const linalg::Level& level = multigrid_.finest();
  // The residual is of size one in single precision.
  const double size = norm / std::sqrt(static_cast<double>(num_voxels()));
  const double factor =
      size > 0.0 && std::isfinite(size) ? std::ldexp(1.0, -std::ilogb(size)) : 1.0;
  each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
    KROGH_DISPATCH(elliptic_to_level)(block_, level, r_.data(), factor, right_.data(), first, end);
  });
  team.wait();
  multigrid_.cycle(team, member, right_.data(), solution_.data());
  team.wait();
  each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
    KROGH_DISPATCH(elliptic_from_level)
    (block_, level, solution_.data(), scale_ / factor, z_.data(), first, end);
  });
}

EllipticResult EllipticSolver::Engine::iterate(
    Team& team, int member, double* x, const EllipticOptions& options,
    const std::function<bool(std::int32_t)>& keep_going) {
  EllipticResult result;
  result.num_threads = team.size();
  double *r = r_.data(), *p = p_.data(), *q = q_.data(), *z = z_.data();
  double sums[2];
  add_up(team, member, 0, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
    own[0] = KROGH_DISPATCH(elliptic_residual)(block_, b_.data(), false, r, first, end);
  });
  const double size = std::sqrt(sums[0]);
  if (size == 0.0) {
    each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
      std::fill(x + first * grid_.shape[0], x + end * grid_.shape[0], 0.0);
    });
    return result;
  }
  const double wanted = options.tolerance * size;
  double before = INFINITY;  // true residual at the last look
  while (true) {
    team.wait();
    add_up(team, member, 1, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
      own[0] = KROGH_DISPATCH(elliptic_product)(block_, x, r, first, end);
      own[0] = KROGH_DISPATCH(elliptic_residual)(block_, b_.data(), true, r, first, end);
    });
    double norm = std::sqrt(sums[0]);
    result.residual = norm / size;
    if (norm <= wanted) return result;
    if (!(norm < stalled * before) || result.cycles >= options.max_cycles) {
      result.status = Status::linear_solve_failed;
      return result;
    }
    before = norm;
    double curvature = 0.0;
    bool is_first = true;
    while (norm > earlier * wanted && result.cycles < options.max_cycles) {
      if (member == 0) stopped_ = !keep_going(result.cycles);
      team.wait();
      if (stopped_) {
        result.status = Status::stopped;
        return result;
      }
      cycle(team, member, norm);
      ++result.cycles;
      const double* last = is_first ? nullptr : q;
      sums[1] = 0.0;
      add_up(team, member, 2, 2, sums, [&](double* own, std::int64_t first, std::int64_t end) {
        KROGH_DISPATCH(elliptic_sums)(block_, z, r, last, own, first, end);
      });
      const double gain = sums[0];
      const double factor = is_first ? 0.0 : -sums[1] / curvature;
      each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
        if (is_first)
          std::copy(z + first * grid_.shape[0], z + end * grid_.shape[0],
                    p + first * grid_.shape[0]);
        else
          KROGH_DISPATCH(elliptic_direction)(block_, factor, z, p, first, end);
      });
      is_first = false;
      team.wait();
      add_up(team, member, 0, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
        own[0] = KROGH_DISPATCH(elliptic_product)(block_, p, q, first, end);
      });
      curvature = sums[0];
      if (!(curvature > 0.0) || !std::isfinite(curvature) || !std::isfinite(gain)) break;
      const double step = gain / curvature;
      add_up(team, member, 1, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
        own[0] = KROGH_DISPATCH(elliptic_step)(block_, step, p, q, x, r, first, end);
      });
      norm = std::sqrt(sums[0]);
    }
  }
}

void EllipticSolver::Engine::apply(std::span<const double> values, std::span<double> out,
                                   int num_threads) {
  require_whole(values, "values");
  require_whole(out, "out");
  run_team(team_size(num_threads), [&](Team& team, int member) {
    each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
      KROGH_DISPATCH(elliptic_product)(block_, values.data(), out.data(), first, end);
    });
  });
}

void EllipticSolver::Engine::precondition(std::span<const double> values, std::span<double> out,
                                          int num_threads) {
  require_whole(values, "values");
  require_whole(out, "out");
  make_vectors();
  run_team(team_size(num_threads), [&](Team& team, int member) {
    double sum = 0.0;
    add_up(team, member, 0, 1, &sum, [&](double* own, std::int64_t first, std::int64_t end) {
      own[0] =
          KROGH_DISPATCH(elliptic_residual)(block_, values.data(), false, r_.data(), first, end);
    });
    cycle(team, member, std::sqrt(sum));
    each_piece(team, member, [&](std::int64_t, std::int64_t first, std::int64_t end) {
      std::copy(z_.data() + first * grid_.shape[0], z_.data() + end * grid_.shape[0],
                out.data() + first * grid_.shape[0]);
    });
  });
}

}  // namespace krogh::simulate
