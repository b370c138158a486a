// Exact propagators of a linear model: flows of one lane, states at rest, periodic states.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>

#include "linalg/twofold_lu.hpp"
#include "simulate/lane_engine.hpp"
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

using linalg::Twofold;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Pivots this far below their column are rounding errors of the matrix: nothing is eliminated.
constexpr double singular = 64.0 * std::numeric_limits<double>::epsilon();

std::vector<int> chosen_states(const std::vector<char>& is_chosen) {
  std::vector<int> chosen;
  for (std::size_t i = 0; i < is_chosen.size(); ++i)
    if (is_chosen[i] != 0) chosen.push_back(static_cast<int>(i));
  return chosen;
}

/// Solves M y = right for the chosen states, the others held at their values in y, column by
/// column. @param matrix  (n, n). @param right  (columns, n). @param y  (columns, n), in and out.
/// @return false if M is singular to the precision of its entries.
bool solve_chosen(const std::vector<Twofold>& matrix, const std::vector<Twofold>& right, int n,
                  int columns, const std::vector<int>& chosen, std::vector<double>& y) {
  const int m = static_cast<int>(chosen.size());
  std::vector<char> is_chosen(idx(n), 0);
  for (int i : chosen) is_chosen[idx(i)] = 1;
  std::vector<Twofold> a, b;
  for (int i : chosen) {
    for (int j : chosen) a.push_back(matrix[idx(i * n + j)]);
    for (int k = 0; k < columns; ++k) {
      Twofold sum = right[idx(k * n + i)];
      for (int j = 0; j < n; ++j)
        if (is_chosen[idx(j)] == 0)
          sum = sum - matrix[idx(i * n + j)] * Twofold{y[idx(k * n + j)], 0.0};
      b.push_back(sum);
    }
  }
  if (!linalg::solve_twofold(a, b, m, columns, singular)) return false;
  for (const Twofold& value : b)
    if (!std::isfinite(value.high)) return false;
  for (int i = 0; i < m; ++i)
    for (int k = 0; k < columns; ++k) y[idx(k * n + chosen[idx(i)])] = b[idx(i * columns + k)].high;
  return true;
}

/// Whether the powers of M (restricted to the chosen states) decay: repeated squaring.
bool decays(const std::vector<Twofold>& matrix, const std::vector<int>& chosen, int n) {
  const std::size_t m = chosen.size();
  std::vector<double> power(m * m), next(m * m);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < m; ++j)
      power[i * m + j] = matrix[idx(chosen[i] * n + chosen[j])].high;
  for (int k = 0; k < 64; ++k) {
    double largest = 0.0;
    for (double v : power) largest = std::max(largest, std::abs(v));
    if (largest * static_cast<double>(m) < 1.0) return true;
    if (!(largest < 1e100)) return false;
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < m; ++j) {
        double sum = 0.0;
        for (std::size_t q = 0; q < m; ++q) sum += power[i * m + q] * power[q * m + j];
        next[i * m + j] = sum;
      }
    power.swap(next);
  }
  return false;
}

bool are_positive(const std::vector<double>& y, const std::vector<int>& chosen) {
  return std::all_of(chosen.begin(), chosen.end(), [&](int i) { return y[idx(i)] >= 0.0; });
}

}  // namespace

PropagatorCache::Rates PropagatorCache::no_rates() const {
  return {std::vector<double>(idx(n_), 0.0), std::vector<double>(idx(n_ * num_directions_), 0.0)};
}

PropagatorCache::State PropagatorCache::flow(const double* registers, int lane, double length,
                                             const State& start, const Rates& rates) {
  if (length == 0.0) return start;
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const Exponential e = exponential(lane, length);
  auto entry = [&](int row, int column, int block) {
    const int p = plan_.position(row, column, block);
    return p < 0 ? Twofold{} : Twofold{e.high[idx(p)], e.low[idx(p)]};
  };
  // What the columns of the matrix stand for: states, inputs, 1.
  std::vector<double> source = start.y;
  for (int state : input_states_) source.push_back(rates.y[idx(state)]);
  if (has_constant_) source.push_back(1.0);
  const int columns = static_cast<int>(source.size());
  State end = start;
  for (int i = 0; i < n_; ++i) {
    Twofold sum;
    for (int j = 0; j < columns; ++j) sum = sum + entry(i, j, 0) * Twofold{source[idx(j)], 0.0};
    end.y[idx(i)] = sum.high;
    for (int k = 0; k < num_directions_; ++k) {
      Twofold tangent;
      for (int j = 0; j < n_; ++j)
        tangent = tangent + entry(i, j, 0) * Twofold{start.tangents[idx(k * n_ + j)], 0.0};
      for (std::size_t c = 0; c < input_states_.size(); ++c)
        tangent = tangent + entry(i, n_ + static_cast<int>(c), 0) *
                                Twofold{rates.tangents[idx(k * n_ + input_states_[c])], 0.0};
      for (int j = 0; j < columns; ++j)
        tangent = tangent + entry(i, j, k + 1) * Twofold{source[idx(j)], 0.0};
      end.tangents[idx(k * n_ + i)] = tangent.high;
    }
  }
  return end;
}

bool PropagatorCache::rest(const double* registers, int lane, const Rates& rates,
                           const std::vector<char>& is_solved, State& state) {
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const std::vector<int> chosen = chosen_states(is_solved);
  std::vector<Twofold> matrix(idx(n_ * n_)), right(idx(n_)),
      tangent_right(idx(n_ * num_directions_));
  for (int i = 0; i < n_; ++i) right[idx(i)].high = rates.y[idx(i)];
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column, block] = plan_.entries()[e];
    const double value = matrix_.data()[index(static_cast<int>(e), lane)];
    if (block > 0 || row >= n_) continue;
    if (column < n_) matrix[idx(row * n_ + column)].high = -value;
    if (column == constant_column_) right[idx(row)] = right[idx(row)] + Twofold{value, 0.0};
  }
  if (!solve_chosen(matrix, right, n_, 1, chosen, state.y)) return false;
  bool is_positive = true;  // off-diagonal of A and inputs: then stable means a state >= 0
  for (int i : chosen) {
    is_positive = is_positive && right[idx(i)].high >= 0.0;
    for (int j : chosen)
      is_positive = is_positive && (i == j || matrix[idx(i * n_ + j)].high <= 0.0);
  }
  if (is_positive && !are_positive(state.y, chosen)) return false;
  if (!is_positive) {
    const Exponential e = exponential(lane, 1.0 / norms_[idx(lane)]);
    std::vector<Twofold> step(idx(n_ * n_));
    for (int i = 0; i < n_; ++i)
      for (int j = 0; j < n_; ++j)
        if (plan_.position(i, j) >= 0)
          step[idx(i * n_ + j)].high = e.high[idx(plan_.position(i, j))];
    if (!decays(step, chosen, n_)) return false;
  }
  // -A s = A_k y + b_k + d(rates).
  for (int k = 0; k < num_directions_; ++k)
    for (int i = 0; i < n_; ++i)
      tangent_right[idx(k * n_ + i)].high = rates.tangents[idx(k * n_ + i)];
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column, block] = plan_.entries()[e];
    if (block == 0) continue;
    const Twofold value{matrix_.data()[index(static_cast<int>(e), lane)], 0.0};
    const double with = column == constant_column_ ? 1.0 : state.y[idx(column)];
    Twofold& sum = tangent_right[idx((block - 1) * n_ + row)];
    sum = sum + value * Twofold{with, 0.0};
  }
  return num_directions_ == 0 ||
         solve_chosen(matrix, tangent_right, n_, num_directions_, chosen, state.tangents);
}

PropagatorCache::State PropagatorCache::orbit(const double* registers, int lane,
                                              const ActiveDose& dose, double interval,
                                              double length, State state) {
  const auto place = idx(dose.state);
  auto along = [&](const std::vector<double>& d, int k) { return d.empty() ? 0.0 : d[idx(k)]; };
  Rates rates = no_rates();
  if (dose.rate == 0.0) {
    state.y[place] += dose.amount;
    for (int k = 0; k < num_directions_; ++k)
      state.tangents[idx(k * n_) + place] += along(dose.d_amount, k);
    return flow(registers, lane, length, state, rates);
  }
  const double overlapping = std::floor(dose.duration / interval);
  const double rest = dose.duration - overlapping * interval;
  auto running = [&](double number) {
    rates.y[place] = number * dose.rate;
    for (int k = 0; k < num_directions_; ++k)
      rates.tangents[idx(k * n_) + place] = number * along(dose.d_rate, k);
  };
  running(overlapping + 1.0);
  state = flow(registers, lane, std::min(rest, length), state, rates);
  if (length <= rest) return state;
  // The last of the infusions ends; a later end leaves more behind.
  for (int k = 0; k < num_directions_; ++k)
    state.tangents[idx(k * n_) + place] += dose.rate * along(dose.d_duration, k);
  running(overlapping);
  return flow(registers, lane, length - rest, state, rates);
}

bool PropagatorCache::periodic(const double* registers, int lane, const ActiveDose& dose,
                               double interval, const std::vector<char>& is_solved, State& state) {
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const std::vector<int> chosen = chosen_states(is_solved);
  // One period from nothing, then (I - E) y = what one period adds.
  const State nothing = no_rates();
  const State added = orbit(registers, lane, dose, interval, interval, nothing);
  const Exponential e = exponential(lane, interval);
  std::vector<Twofold> matrix(idx(n_ * n_)), step(matrix);
  for (int i = 0; i < n_; ++i)
    for (int j = 0; j < n_; ++j) {
      const int p = plan_.position(i, j);
      if (p >= 0) step[idx(i * n_ + j)] = {e.high[idx(p)], e.low[idx(p)]};
      matrix[idx(i * n_ + j)] = Twofold{i == j ? 1.0 : 0.0, 0.0} - step[idx(i * n_ + j)];
    }
  auto solve = [&](const std::vector<double>& right, int columns, std::vector<double>& y) {
    std::vector<Twofold> wide;
    for (const double v : right) wide.push_back({v, 0.0});
    return solve_chosen(matrix, wide, n_, columns, chosen, y);
  };
  if (!solve(added.y, 1, state.y)) return false;
  bool is_positive = true;  // step and what is added: then stable means a state >= 0
  for (int i : chosen) {
    is_positive = is_positive && added.y[idx(i)] >= 0.0;
    for (int j : chosen) is_positive = is_positive && step[idx(i * n_ + j)].high >= 0.0;
  }
  if (is_positive ? !are_positive(state.y, chosen) : !decays(step, chosen, n_)) return false;
  if (num_directions_ == 0) return true;
  const State moved = orbit(registers, lane, dose, interval, interval, {state.y, nothing.tangents});
  return solve(moved.tangents, num_directions_, state.tangents);
}

}  // namespace krogh::simulate
