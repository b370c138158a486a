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

/// Solves a x = b for the leading `n` rows of a symmetric positive definite matrix by Cholesky's
/// method after scaling its diagonal to one. @return false if it is not, to rounding.
bool solve_products(const double* a, int stride, int n, double* b) {
  double factor[8][8], scale[8];
  for (int i = 0; i < n; ++i) {
    scale[i] = 1.0 / std::sqrt(a[i * stride + i]);
    b[i] *= scale[i];
  }
  for (int i = 0; i < n; ++i)
    for (int j = 0; j <= i; ++j) {
      double sum = a[i * stride + j] * scale[i] * scale[j];
      for (int k = 0; k < j; ++k) sum -= factor[i][k] * factor[j][k];
      if (i == j) {
        if (!(sum > 1e-12)) return false;
        factor[i][i] = std::sqrt(sum);
      } else {
        factor[i][j] = sum / factor[j][j];
      }
    }
  for (int i = 0; i < n; ++i) {
    for (int k = 0; k < i; ++k) b[i] -= factor[i][k] * b[k];
    b[i] /= factor[i][i];
  }
  for (int i = n - 1; i >= 0; --i) {
    for (int k = i + 1; k < n; ++k) b[i] -= factor[k][i] * b[k];
    b[i] = b[i] / factor[i][i];
  }
  for (int i = 0; i < n; ++i) b[i] *= scale[i];
  return true;
}

}  // namespace

Krylov::Krylov(Multigrid& multigrid) : multigrid_(multigrid) {
  const Level& level = multigrid.finest();
  rows_per_piece_ = rows_per_piece(level);
  pieces_ = (level.num_rows() + rows_per_piece_ - 1) / rows_per_piece_;
  // A direct solve leaves nothing on either color, up to rounding, which only its product shows.
  first_color_ = level.is_two_colored && multigrid.num_levels() > 1 ? 1 : 0;
  for (std::vector<double>& sums : sums_) sums.assign(idx(pieces_ * sum_stride), 0.0);
}

void Krylov::read_sums(int buffer, int count, double* sums) const {
  const double* all = sums_[buffer].data();
  std::fill_n(sums, count, 0.0);
  for (std::int64_t piece = 0; piece < pieces_; ++piece)
    for (int k = 0; k < count; ++k) sums[k] += all[piece * sum_stride + k];
}

template <class Work>
void Krylov::add_up(Team& team, int member, int buffer, int count, double* sums, const Work& work) {
  const Level& level = multigrid_.finest();
  double* all = sums_[buffer].data();
  const Share share = share_of(pieces_, member, team.size());
  for (std::int64_t piece = share.begin; piece < share.end; ++piece) {
    double* own = all + piece * sum_stride;
    std::fill_n(own, count, 0.0);
    work(own, piece * rows_per_piece_, std::min((piece + 1) * rows_per_piece_, level.num_rows()));
  }
  team.wait();
  read_sums(buffer, count, sums);
}

/// z = cycle(b), then `work(piece, first, end)` on all rows, those of a piece in order and by one
/// member.
template <class Work>
void Krylov::cycle_with(Team& team, int member, const float* b, float* z, float scale,
                        const Work& work) {
  const Level& level = multigrid_.finest();
  if (goes_in_waves(level, team) && level.is_two_colored &&
      rows_per_piece_ <= level.shape[1]) {  // pieces are parts of planes
    const auto after = [&](std::int64_t z_plane, std::int64_t first, std::int64_t end) {
      const std::int64_t base = z_plane * level.shape[1];
      while (first < end) {
        const std::int64_t piece = (base + first) / rows_per_piece_;
        const std::int64_t until = std::min(end, (piece + 1) * rows_per_piece_ - base);
        work(piece, base + first, base + until);
        first = until;
      }
    };
    const RowWork by_plane(after);
    multigrid_.cycle(team, member, b, z, scale, &by_plane);
    return;
  }
  multigrid_.cycle(team, member, b, z, scale);
  const Share share = share_of(pieces_, member, team.size());
  for (std::int64_t piece = share.begin; piece < share.end; ++piece)
    work(piece, piece * rows_per_piece_, std::min((piece + 1) * rows_per_piece_, level.num_rows()));
  team.wait();
}

/// z = cycle(b), q = A z, and the sums of q q, q b and q q_k.
void Krylov::cycle(Team& team, int member, const float* b, State& state, double* sums) {
  const Level& level = multigrid_.finest();
  const int count = state.count;
  float* z = z_[idx(count)].data();
  float* q = q_[idx(count)].data();
  const float* before[kept];
  for (int k = 0; k < count; ++k) before[k] = q_[idx(k)].data();
  const auto multiply = [&](double* own, std::int64_t first, std::int64_t end) {
    if (first_color_ == 1) {
      KROGH_DISPATCH(multigrid_product)(level, 1, 1, z, b, before, count, q, own, first, end);
      return;
    }
    for (std::int64_t row = first; row < end; ++row)
      for (int color = 0; color < 2; ++color) KROGH_DISPATCH(multigrid_product)
    (level, color, 2, z, b, before, count, q, own, row, row + 1);
  };
  const Share share = share_of(pieces_, member, team.size());
  for (std::int64_t piece = share.begin; piece < share.end; ++piece)
    std::fill_n(sums_[1].data() + piece * sum_stride, 2 + count, 0.0);
  team.wait();
  cycle_with(team, member, b, z, static_cast<float>(state.scale),
             [&](std::int64_t piece, std::int64_t first, std::int64_t end) {
               multiply(sums_[1].data() + piece * sum_stride, first, end);
             });
  read_sums(1, 2 + count, sums);
  if (first_color_ == 0) return;
  // On color 0 the product is the residual, scale b.
  sums[0] += state.scale * state.scale * state.squares[0];
  sums[1] += state.scale * state.scale * state.squares[0];
  for (int k = 0; k < count; ++k) sums[2 + k] += state.scale * state.scales[k] * state.squares[0];
  state.scales[count] = state.scale;
}

void Krylov::take(int count, const double* factors, Combination& x) const {
  for (int k = 0; k < count; ++k) {
    x.parts[x.count] = z_[idx(k)].data();
    x.factors[x.count] = factors[k];
    ++x.count;
  }
}

void Krylov::write(Team& team, int member, const Combination& combination, float* x) const {
  const Level& level = multigrid_.finest();
  const Share share = share_of(level.num_rows(), member, team.size());
  KROGH_DISPATCH(multigrid_add_up)(level, combination, x, share.begin, share.end);
  team.wait();
}

/// Room for so many directions; false, to every member, if the caller does not want to go on.
bool Krylov::goes_on(Team& team, int member, int directions,
                     const std::function<bool()>& keep_going) {
  const Level& level = multigrid_.finest();
  if (member == 0) {
    while (z_.size() < idx(directions)) {
      z_.emplace_back(idx(level.vector_size() + 16));
      q_.emplace_back(idx(level.vector_size() / 2 * (2 - first_color_) + 16));
    }
    stopped_ = keep_going && !keep_going();
  }
  team.wait();
  return !stopped_;
}

KrylovOutcome Krylov::apply(Team& team, int member, float* b, Combination& x,
                            const KrylovRecipe& recipe, const std::function<bool()>& keep_going) {
  const Level& level = multigrid_.finest();
  const int colors = 2 - first_color_;  // that products are stored for
  KrylovOutcome outcome;
  double scale = 1.0, scales[kept] = {};  // of b in the residual and the products on color 0
  const float* before[kept] = {};
  for (; outcome.cycles < recipe.cycles; ++outcome.cycles) {
    const int last = outcome.cycles;
    if (!goes_on(team, member, last + 1, keep_going)) {
      outcome.stopped = true;
      return outcome;
    }
    float* z = z_[idx(last)].data();
    if (last + 1 == recipe.cycles) {
      multigrid_.cycle(team, member, b, z, static_cast<float>(scale));
      continue;
    }
    float* q = q_[idx(last)].data();
    const double* changes = recipe.changes[last];
    const bool is_kept = last + 2 < recipe.cycles;  // later residuals need it
    cycle_with(team, member, b, z, static_cast<float>(scale),
               [&](std::int64_t, std::int64_t first, std::int64_t end) {
                 for (int color = first_color_; color < 2; ++color) KROGH_DISPATCH(krylov_advance)
                 (level, color, colors, z, changes, before, last, is_kept ? q : nullptr, b, first,
                  end);
               });
    before[last] = q;
    scales[last] = scale;
    for (int k = 0; k <= last && first_color_ == 1; ++k) scale -= changes[k] * scales[k];
  }
  x.count = 0;
  take(recipe.cycles, recipe.factors, x);
  outcome.converged = true;
  return outcome;
}

KrylovOutcome Krylov::solve(Team& team, int member, float* b, Combination& x, double tolerance,
                            int largest_number, const std::function<bool()>& keep_going,
                            KrylovRecipe* recipe) {
  const Level& level = multigrid_.finest();
  const int colors = 2 - first_color_;  // that products are stored for
  KrylovOutcome outcome;
  State state;
  if (recipe != nullptr) recipe->cycles = 0;
  double sums[2 + kept];
  add_up(team, member, 0, 2, sums, [&](double* own, std::int64_t first, std::int64_t end) {
    for (int color = 0; color < 2; ++color)
      KROGH_DISPATCH(krylov_residual)(level, color, 2, nullptr, nullptr, 0, b, own + color, first,
                                      end);
  });
  for (int color = 0; color < 2; ++color) state.squares[color] = sums[color];
  const double norm = std::sqrt(sums[0] + sums[1]);
  x.count = 0;
  if (norm < negligible) {
    outcome.converged = true;
    return outcome;
  }
  outcome.residual = norm / norm;  // not finite where the right-hand side is not
  bool adds = false, is_full = false;
  while (outcome.cycles < largest_number) {
    if (is_full) {  // from here with the residual that is left
      take(state.count, state.factors, x);
      if (member == 0 && rest_.size() == 0)
        rest_ = AlignedArray<float>(idx(level.vector_size() + 16));
      team.wait();
      write(team, member, x, rest_.data());
      x = {.count = 1, .parts = {rest_.data()}, .factors = {1.0}};
      adds = true;
      is_full = false;
      state.count = 0;
      std::fill_n(state.factors, kept, 0.0);
    }
    const int last = state.count;
    if (!goes_on(team, member, last + 1, keep_going)) {
      outcome.stopped = true;
      return outcome;
    }
    cycle(team, member, b, state, sums);
    ++outcome.cycles;
    if (!(sums[0] > 0.0) || !std::isfinite(sums[0]) || !std::isfinite(sums[1])) break;
    for (int k = 0; k < last; ++k) state.products[last][k] = state.products[k][last] = sums[2 + k];
    state.products[last][last] = sums[0];
    ++state.count;
    // The residual is orthogonal to the earlier products: only the last has a part in it.
    double change[kept] = {};
    change[last] = sums[1];
    is_full = state.count == kept;
    if (!solve_products(&state.products[0][0], kept, state.count, change)) {
      std::fill_n(change, kept, 0.0);  // nothing new but rounding: along the last alone, then anew
      change[last] = sums[1] / sums[0];
      is_full = true;
    }
    const float* products[kept];
    if (recipe != nullptr && !adds) std::copy_n(change, kept, recipe->changes[last]);
    for (int k = 0; k < state.count; ++k) {
      products[k] = q_[idx(k)].data();
      state.factors[k] += change[k];
    }
    if (first_color_ == 1) {
      double scale = state.scale;
      for (int k = 0; k < state.count; ++k) scale -= change[k] * state.scales[k];
      state.scale = scale;
    }
    add_up(team, member, 0, 1, sums, [&](double* own, std::int64_t first, std::int64_t end) {
      for (int color = first_color_; color < 2; ++color) KROGH_DISPATCH(krylov_residual)
      (level, color, colors, change, products, state.count, b, own, first, end);
    });
    if (first_color_ == 1) sums[0] += state.scale * state.scale * state.squares[0];
    outcome.residual = std::sqrt(sums[0]) / norm;
    if (outcome.residual <= tolerance) {
      outcome.converged = true;
      break;
    }
  }
  take(state.count, state.factors, x);
  if (recipe != nullptr && outcome.converged && !adds) {
    recipe->cycles = state.count;
    std::copy_n(state.factors, kept, recipe->factors);
  }
  if (!outcome.converged && first_color_ == 1) {  // so that b holds the residual on both colors
    const Share share = share_of(level.vector_size() / 2, member, team.size());
    for (std::int64_t i = share.begin; i < share.end; ++i) b[i] *= static_cast<float>(state.scale);
    team.wait();
  }
  return outcome;
}

}  // namespace krogh::linalg
