// Unknowns beside those of the voxels: the plasma, and the constants that keep amounts.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_engine.hpp"

#include <algorithm>
#include <cmath>

namespace krogh::simulate {
namespace {

/// Solves a x = b for a small dense system, overwriting both; partial pivoting.
void solve_small(std::vector<double>& a, double* b, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(a[idx(i * n + k)]) > std::abs(a[idx(pivot * n + k)])) pivot = i;
    for (std::int64_t j = 0; j < n && pivot != k; ++j)
      std::swap(a[idx(pivot * n + j)], a[idx(k * n + j)]);
    if (pivot != k) std::swap(b[pivot], b[k]);
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = a[idx(i * n + k)] / a[idx(k * n + k)];
      for (std::int64_t j = k; j < n; ++j) a[idx(i * n + j)] -= factor * a[idx(k * n + j)];
      b[i] -= factor * b[k];
    }
  }
  for (std::int64_t k = n - 1; k >= 0; --k) {
    for (std::int64_t j = k + 1; j < n; ++j) b[k] -= a[idx(k * n + j)] * b[j];
    b[k] /= a[idx(k * n + k)];
  }
}

}  // namespace

/// What each exchange with the plasma takes out of its state per time at the stage's values.
void VolumeEngine::take(Member& self) const {
  const VolumePlasmaProblem& plasma = problem_.plasma;
  for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
    self.taken[k] = plasma.uptake_factor[k] * self.entering[idx(plasma.exchange[k].exchange)];
}

/// The part of the stage's unknowns that stands outside.
void VolumeEngine::set_change(Member& self) const {
  const VolumePlasmaProblem& plasma = problem_.plasma;
  for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
    self.change[idx(plasma.exchange[k].exchange)] =
        plasma.outside_factor[k] * self.kept[idx(self.plasma->kept_of()[k])];
}

/// Rates of the linear system added up by connected region.
void VolumeEngine::sum_rates(Member& self) {
  const VolumeBlock& b = self.block;
  const std::int64_t exchanges = b.num_exchanges, stride = 2 * num_connected_ * exchanges;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = rate_sums_.data() + p * stride;
    std::fill_n(own, stride, 0.0);
    KROGH_DISPATCH(volume_rate_sums)(b, piece, own);
  });
  self.team.wait();
  if (self.number == 0) {
    std::fill(exchange_sums_.begin(), exchange_sums_.end(), 0.0);
    for (std::size_t p = 0; p < pieces_.size(); ++p)
      for (std::int64_t slot = 0; slot < pieces_[p].num_regions; ++slot) {
        const std::int64_t region = pieces_[p].regions != nullptr ? pieces_[p].regions[slot] : 0;
        const std::int64_t from = static_cast<std::int64_t>(p) * stride + slot * 2 * exchanges;
        for (std::int64_t way = 0; way < 2; ++way)
          for (std::int64_t e = 0; e < exchanges; ++e)
            exchange_sums_[idx((way * num_connected_ + region) * exchanges + e)] +=
                rate_sums_[idx(from + way * exchanges + e)];
      }
  }
  self.team.wait();
}

/// Answers of the tissue to a unit of each kept state of the plasma.
bool VolumeEngine::find_responses(Member& self, Attempt& failure) {
  VolumeBlock& b = self.block;
  const VolumePlasmaProblem& plasma = problem_.plasma;
  for (std::int64_t q = 0; q < num_kept_; ++q) {
    std::vector<double> outside(idx(b.num_exchanges), 0.0);
    for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
      if (self.plasma->kept_of()[k] == q)
        outside[idx(plasma.exchange[k].exchange)] = plasma.outside_factor[k];
    double* const response = b.responses + q * b.num_mobile * b.stride;
    b.systems = supplied_views_.data();
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      if (b.diagonal != nullptr) {
        KROGH_DISPATCH(volume_supply_natural)(b, piece, outside.data(), response);
      } else {
        KROGH_DISPATCH(volume_supply)(b, piece, outside.data());
      }
    });
    self.team.wait();
    if (b.diagonal != nullptr) {
      if (!solve_adi(self, response, failure)) return false;
    } else if (!solve_linear(self, supplied_views_, nullptr, failure)) {
      return false;
    }
    add_up(self, extract_sums_, b.num_exchanges, self.answered.data() + q * b.num_exchanges,
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_extract)
             (b, piece, response, own);
           });
    self.team.wait();
  }
  return true;
}

/// Unknowns of the plasma's kept states. @param let_out  what exchanges let out of the tissue
/// solved with the plasma held, (exchanges); null: the plasma does not feel the tissue.
void VolumeEngine::solve_plasma(Member& self, const double* let_out) {
  const VolumePlasmaProblem& plasma = problem_.plasma;
  const std::int64_t size = num_kept_, exchanges = self.block.num_exchanges;
  std::vector<double> matrix(idx(size * size));
  for (std::int64_t i = 0; i < size; ++i) {
    self.kept[idx(i)] = self.plasma->right(static_cast<int>(i));
    for (std::int64_t j = 0; j < size; ++j)
      matrix[idx(i * size + j)] = self.plasma->matrix(static_cast<int>(i), static_cast<int>(j));
  }
  for (std::size_t k = 0; k < plasma.exchange.size() && let_out != nullptr; ++k) {
    const std::int64_t e = plasma.exchange[k].exchange, i = self.plasma->kept_of()[k];
    double rate = 0.0;
    for (std::int64_t region = 0; region < num_connected_; ++region)
      rate += exchange_sums_[idx(region * exchanges + e)];
    self.kept[idx(i)] += plasma.uptake_factor[k] * let_out[e];
    matrix[idx(i * size + i)] += plasma.uptake_factor[k] * rate * plasma.outside_factor[k];
    for (std::int64_t j = 0; j < size; ++j)
      matrix[idx(i * size + j)] -= plasma.uptake_factor[k] * self.answered[idx(j * exchanges + e)];
  }
  solve_small(matrix, self.kept.data(), size);
}

/// The constant of each connected region and mobile state that makes its residuals add up to zero,
/// and with a plasma that feels the tissue the change of its unknowns that keeps its own equations.
void VolumeEngine::find_constants(const Member& self, int stage) {
  const std::int64_t m = block_.num_mobile, per_region = m + m * m;
  if (stage == 0) std::fill(operators_.begin(), operators_.end(), 0.0);
  std::fill(constants_.begin(), constants_.end(), 0.0);
  for (std::size_t p = 0; p < pieces_.size(); ++p) {
    const double* sums = solution_sums_.data() + solution_offsets_[p];
    for (std::int64_t slot = 0; slot < pieces_[p].num_regions; ++slot) {
      const std::int64_t region = pieces_[p].regions != nullptr ? pieces_[p].regions[slot] : 0;
      for (std::int64_t j = 0; j < m; ++j)
        constants_[idx(region * m + j)] += sums[slot * per_region + j];
      for (std::int64_t e = 0; e < m * m && stage == 0; ++e)
        operators_[idx(region * m * m + e)] += sums[slot * per_region + m + e];
    }
  }
  auto solve = [&](std::int64_t region, double* b) {
    std::vector<double> matrix(operators_.begin() + region * m * m,
                               operators_.begin() + (region + 1) * m * m);
    solve_small(matrix, b, m);
  };
  for (std::int64_t region = 0; region < num_connected_; ++region)
    solve(region, constants_.data() + region * m);
  if (!is_two_way_) return;
  // Eliminates the constants of the regions; what is left is a system of the kept states.
  const VolumePlasmaProblem& plasma = problem_.plasma;
  const std::int64_t size = num_kept_, exchanges = block_.num_exchanges;
  const std::size_t count = plasma.exchange.size();
  const std::vector<int>& kept_of = self.plasma->kept_of();
  std::vector<double> matrix(idx(size * size)), answers(idx(num_connected_ * size * m), 0.0);
  std::fill(plasma_shift_.begin(), plasma_shift_.end(), 0.0);
  for (std::int64_t i = 0; i < size; ++i)
    for (std::int64_t j = 0; j < size; ++j)
      matrix[idx(i * size + j)] = self.plasma->matrix(static_cast<int>(i), static_cast<int>(j));
  for (std::int64_t region = 0; region < num_connected_; ++region) {
    const double* rates = exchange_sums_.data() + region * exchanges;
    const double* out = rates + num_connected_ * exchanges;
    for (std::int64_t q = 0; q < size; ++q) {
      double* answer = answers.data() + (region * size + q) * m;
      for (std::size_t k = 0; k < count; ++k) {
        const VolumeExchange& e = problem_.exchange[idx(plasma.exchange[k].exchange)];
        if (kept_of[k] == q)
          answer[e.mobile] += rates[plasma.exchange[k].exchange] * plasma.outside_factor[k];
      }
      solve(region, answer);
    }
    for (std::size_t k = 0; k < count; ++k) {
      const std::int64_t e = plasma.exchange[k].exchange, i = kept_of[k];
      const std::int64_t j = problem_.exchange[idx(e)].mobile;
      const double taken = plasma.uptake_factor[k] * out[e];
      matrix[idx(i * size + i)] += plasma.uptake_factor[k] * rates[e] * plasma.outside_factor[k];
      for (std::int64_t q = 0; q < size; ++q)
        matrix[idx(i * size + q)] -= taken * answers[idx((region * size + q) * m + j)];
      plasma_shift_[idx(i)] += taken * constants_[idx(region * m + j)];
    }
  }
  solve_small(matrix, plasma_shift_.data(), size);
  for (std::int64_t region = 0; region < num_connected_; ++region)
    for (std::int64_t q = 0; q < size; ++q)
      for (std::int64_t j = 0; j < m; ++j)
        constants_[idx(region * m + j)] +=
            answers[idx((region * size + q) * m + j)] * plasma_shift_[idx(q)];
}

}  // namespace krogh::simulate
