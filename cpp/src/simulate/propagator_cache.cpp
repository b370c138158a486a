// Exact propagators of a linear model for the lanes of a block.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/propagator_cache.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "linalg/twofold_lu.hpp"

namespace krogh::simulate {
namespace {

using linalg::Twofold;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr int most_slots = 6;
constexpr std::size_t slot_budget = std::size_t{1} << 17;  ///< doubles of all slots together (1 MB)
/// Pivots this far below their column are rounding errors of the matrix:
/// nothing is eliminated.
constexpr double singular = 64.0 * std::numeric_limits<double>::epsilon();

/// Registers of X: A without entries that are always zero, inputs, b.
struct Augmented {
  std::vector<std::pair<int, int>> entries;
  std::vector<std::int32_t> sources;
  bool has_constant = false;
};

Augmented augment(const model::Program& program, std::span<const int> input_states) {
  const int n = program.num_states();
  const auto& registers = program.linear_registers();
  Augmented x;
  for (const model::Entry& e : program.jacobian()) {
    x.entries.emplace_back(e.row, e.column);
    x.sources.push_back(registers[idx(e.row * n + e.column)]);
  }
  int column = n;
  for (int state : input_states) {
    x.entries.emplace_back(state, column++);
    x.sources.push_back(-1);
  }
  auto is_zero = [&](std::int32_t r) {
    return std::any_of(program.constants().begin(), program.constants().end(),
                       [r](const auto& c) { return c.first == r && c.second == 0.0; });
  };
  for (int i = 0; i < n; ++i) {
    const std::int32_t r = registers[idx(n * n + i)];
    if (is_zero(r)) continue;
    x.has_constant = true;
    x.entries.emplace_back(i, column);
    x.sources.push_back(r);
  }
  return x;
}

linalg::ExponentialPlan plan_for(const model::Program& program, std::span<const int> input_states) {
  const Augmented x = augment(program, input_states);
  const int n = program.num_states();
  const int size = n + static_cast<int>(input_states.size()) + (x.has_constant ? 1 : 0);
  return {size, n, x.entries};
}

}  // namespace

PropagatorCache::PropagatorCache(const model::Program& program, int lanes,
                                 std::span<const int> input_states)
    : program_(program),
      lanes_(lanes),
      n_(program.num_states()),
      input_states_(input_states.begin(), input_states.end()),
      plan_(plan_for(program, input_states)) {
  const Augmented x = augment(program, input_states);
  sources_ = x.sources;
  has_constant_ = x.has_constant;
  num_columns_ = plan_.size() - n_;
  for (std::size_t e = 0; e < x.entries.size(); ++e)
    drift_.push_back({x.entries[e].first, x.entries[e].second, static_cast<int>(e)});
  std::stable_sort(drift_.begin(), drift_.end(),
                   [](const FlowEntry& a, const FlowEntry& b) { return a.row < b.row; });
  for (const auto& [row, column] : plan_.closure())
    if (row < n_) kept_.push_back({row, column, static_cast<int>(kept_.size())});
  const std::size_t width = idx(lanes);
  matrix_ = AlignedBuffer(sources_.size() * width);
  std::fill_n(matrix_.data(), matrix_.size(), 0.0);
  columns_ = AlignedBuffer(idx(std::max(num_columns_, 1)) * width);
  std::fill_n(columns_.data(), columns_.size(), 1.0);
  shift_ = AlignedBuffer(width);
  rounded_ = AlignedBuffer(width);
  std::fill_n(rounded_.data(), width, 0.0);
  work_flow_ = AlignedBuffer(kept_.size() * width);
  std::fill_n(work_flow_.data(), work_flow_.size(), 0.0);
  work_y_ = AlignedBuffer(idx(n_) * width);
  constexpr std::size_t group = linalg::exponential_lanes;
  group_ = AlignedBuffer((sources_.size() + 1 + 2 * plan_.closure().size()) * group +
                         plan_.scratch_size());
  norms_.assign(width, 0.0);
  is_stale_.assign(width, 1);
  const std::size_t slots = std::clamp<std::size_t>(
      slot_budget / std::max<std::size_t>(kept_.size() * width, 1), 2, most_slots);
  slots_.resize(slots);
  for (Slot& slot : slots_) {
    slot.flow = AlignedBuffer(kept_.size() * width);
    std::fill_n(slot.flow.data(), slot.flow.size(), 0.0);
    slot.lengths.assign(width, std::nan(""));
    slot.last_use.assign(width, 0);
  }
}

void PropagatorCache::switch_state(int lane, int state, bool is_on) {
  if (is_off_.empty()) {
    if (is_on) return;
    is_off_.assign(idx(n_) * idx(lanes_), 0);
  }
  is_off_[index(state, lane)] = is_on ? 0 : 1;
  invalidate(lane);
}

/// Takes the matrix of a lane from its registers; flows survive where it is the
/// same as before.
void PropagatorCache::gather(const double* registers, int lane) {
  bool changed = false;
  std::vector<double> sums(idx(n_), 0.0);
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column] = plan_.entries()[e];
    double value = sources_[e] < 0 ? 1.0 : registers[index(sources_[e], lane)];
    if (!is_on(lane, row)) value = 0.0;
    double& kept = matrix_.data()[index(static_cast<int>(e), lane)];
    changed = changed || !(kept == value);
    kept = value;
    if (column < n_) sums[idx(column)] += std::abs(value);
  }
  norms_[idx(lane)] = *std::max_element(sums.begin(), sums.end());
  if (changed)
    for (Slot& slot : slots_) slot.lengths[idx(lane)] = std::nan("");
  is_stale_[idx(lane)] = 0;
}

/// The length whose flow is built: 40 bits of it, unless the rest is too long
/// for one first-order step (its square below 2^-55).
double PropagatorCache::rounded(int lane, double length) const {
  const auto bits = std::bit_cast<std::uint64_t>(length);
  const double near = std::bit_cast<double>((bits + 0x800U) & ~std::uint64_t{0xfffU});
  return std::abs(length - near) * norms_[idx(lane)] <= 0x1p-27 ? near : length;
}

int PropagatorCache::find(int lane, double length) const {
  for (std::size_t s = 0; s < slots_.size(); ++s)
    if (slots_[s].lengths[idx(lane)] == length) return static_cast<int>(s);
  return -1;
}

/// Builds the flows of the given lanes over their rounded lengths, several at a
/// time. Each lane gives up a free slot or its least recently used one.
void PropagatorCache::build(const std::vector<int>& missing) {
  constexpr int width = linalg::exponential_lanes;
  double* x = group_.data();
  double* h = x + sources_.size() * width;
  double* high = h + width;
  double* low = high + plan_.closure().size() * width;
  double* scratch = low + plan_.closure().size() * width;
  for (std::size_t first = 0; first < missing.size(); first += width) {
    const std::size_t count = std::min<std::size_t>(width, missing.size() - first);
    for (int k = 0; k < width; ++k) {
      const int lane = missing[first + (idx(k) < count ? idx(k) : 0)];
      for (std::size_t e = 0; e < sources_.size(); ++e)
        x[e * width + idx(k)] = matrix_.data()[index(static_cast<int>(e), lane)];
      h[k] = rounded_.data()[lane];
    }
    KROGH_DISPATCH(exponential)(plan_, x, h, high, low, scratch);
    for (std::size_t k = 0; k < count; ++k) {
      const int lane = missing[first + k];
      std::size_t chosen = 0;
      for (std::size_t s = 0; s < slots_.size(); ++s) {
        const Slot& slot = slots_[s];
        if (std::isnan(slot.lengths[idx(lane)])) {
          chosen = s;
          break;
        }
        if (slot.last_use[idx(lane)] < slots_[chosen].last_use[idx(lane)]) chosen = s;
      }
      Slot& slot = slots_[chosen];
      slot.lengths[idx(lane)] = h[k];
      slot.last_use[idx(lane)] = uses_;
      for (const FlowEntry& e : kept_)
        slot.flow.data()[index(e.position, lane)] =
            high[idx(plan_.position(e.row, e.column)) * width + k];
    }
  }
}

void PropagatorCache::advance(const double* registers, const double* lengths, const double* y,
                              double* y_new) {
  ++uses_;
  const std::int32_t rates = program_.layout().input_rates;
  for (std::size_t c = 0; c < input_states_.size(); ++c)
    std::copy_n(registers + index(rates + input_states_[c], 0), lanes_,
                columns_.data() + index(static_cast<int>(c), 0));
  bool shifts = false;
  bool is_common = true;
  bool has_idle = false;
  const double* last = slots_[idx(last_slot_)].lengths.data();
  for (int l = 0; l < lanes_; ++l) {
    if (lengths[l] == 0.0) {
      has_idle = true;
      shift_.data()[l] = 0.0;
      continue;
    }
    if (is_stale_[idx(l)] != 0) gather(registers, l);
    const double near = rounded(l, lengths[l]);
    rounded_.data()[l] = near;
    shift_.data()[l] = lengths[l] - near;
    shifts = shifts || shift_.data()[l] != 0.0;
    is_common = is_common && last[l] == near;
  }
  if (!is_common) {
    std::vector<int> missing;
    for (int l = 0; l < lanes_; ++l)
      if (lengths[l] != 0.0 && find(l, rounded_.data()[l]) < 0) missing.push_back(l);
    if (!missing.empty()) build(missing);
    for (int l = 0; l < lanes_; ++l)
      if (lengths[l] != 0.0) last_slot_ = find(l, rounded_.data()[l]);
    last = slots_[idx(last_slot_)].lengths.data();
    is_common = true;
    for (int l = 0; l < lanes_; ++l)
      is_common = is_common && (lengths[l] == 0.0 || last[l] == rounded_.data()[l]);
  }
  const double* flow = slots_[idx(last_slot_)].flow.data();
  if (is_common) {
    for (int l = 0; l < lanes_; ++l)
      if (lengths[l] != 0.0) slots_[idx(last_slot_)].last_use[idx(l)] = uses_;
  } else {
    for (int l = 0; l < lanes_; ++l) {
      if (lengths[l] == 0.0) continue;
      Slot& slot = slots_[idx(find(l, rounded_.data()[l]))];
      slot.last_use[idx(l)] = uses_;
      for (std::size_t e = 0; e < kept_.size(); ++e)
        work_flow_.data()[index(static_cast<int>(e), l)] =
            slot.flow.data()[index(static_cast<int>(e), l)];
    }
    flow = work_flow_.data();
  }
  const double* start = y;
  if (shifts) {
    const FlowView drift{.entries = drift_.data(),
                         .num_entries = static_cast<int>(drift_.size()),
                         .num_states = n_,
                         .lanes = lanes_,
                         .values = matrix_.data(),
                         .columns = columns_.data()};
    KROGH_DISPATCH(flow_shift)(drift, shift_.data(), y, work_y_.data());
    start = work_y_.data();
  }
  const FlowView view{.entries = kept_.data(),
                      .num_entries = static_cast<int>(kept_.size()),
                      .num_states = n_,
                      .lanes = lanes_,
                      .values = flow,
                      .columns = columns_.data()};
  KROGH_DISPATCH(flow_apply)(view, start, y_new);
  if (!has_idle) return;
  for (int l = 0; l < lanes_; ++l)
    if (lengths[l] == 0.0)
      for (int i = 0; i < n_; ++i) y_new[index(i, l)] = y[index(i, l)];
}

PropagatorCache::Exponential PropagatorCache::exponential(int lane, double length) {
  constexpr int width = linalg::exponential_lanes;
  double* x = group_.data();
  double* h = x + sources_.size() * width;
  double* high = h + width;
  double* low = high + plan_.closure().size() * width;
  double* scratch = low + plan_.closure().size() * width;
  for (int k = 0; k < width; ++k) {
    for (std::size_t e = 0; e < sources_.size(); ++e)
      x[e * width + idx(k)] = matrix_.data()[index(static_cast<int>(e), lane)];
    h[k] = length;
  }
  KROGH_DISPATCH(exponential)(plan_, x, h, high, low, scratch);
  Exponential result;
  for (std::size_t e = 0; e < plan_.closure().size(); ++e) {
    result.high.push_back(high[e * width]);
    result.low.push_back(low[e * width]);
  }
  return result;
}

std::vector<double> PropagatorCache::flow(const double* registers, int lane, double length,
                                          const std::vector<double>& y,
                                          const std::vector<double>& rates) {
  if (length == 0.0) return y;
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const Exponential e = exponential(lane, length);
  std::vector<double> source = y;
  for (int state : input_states_) source.push_back(rates[idx(state)]);
  if (has_constant_) source.push_back(1.0);
  std::vector<double> result;
  for (int i = 0; i < n_; ++i) {
    Twofold sum;
    for (int j = 0; j < plan_.size(); ++j) {
      const int p = plan_.position(i, j);
      if (p >= 0) sum = sum + Twofold{e.high[idx(p)], e.low[idx(p)]} * Twofold{source[idx(j)], 0.0};
    }
    result.push_back(sum.high);
  }
  return result;
}

/// Solves M y = right for the chosen states, the others held at their values.
/// @return false if M is singular to the precision of its entries.
bool PropagatorCache::solve(const std::vector<char>& is_solved,
                            const std::vector<double>& matrix_high,
                            const std::vector<double>& matrix_low, const std::vector<double>& right,
                            std::vector<double>& y) const {
  std::vector<int> chosen;
  for (int i = 0; i < n_; ++i)
    if (is_solved[idx(i)] != 0) chosen.push_back(i);
  const int m = static_cast<int>(chosen.size());
  std::vector<Twofold> a, b;
  for (int i : chosen) {
    Twofold sum{right[idx(i)], 0.0};
    for (int j = 0; j < n_; ++j) {
      const Twofold entry{matrix_high[idx(i * n_ + j)], matrix_low[idx(i * n_ + j)]};
      if (is_solved[idx(j)] != 0) {
        a.push_back(entry);
      } else {
        sum = sum - entry * Twofold{y[idx(j)], 0.0};
      }
    }
    b.push_back(sum);
  }
  if (!linalg::solve_twofold(a, b, m, 1, singular)) return false;
  for (int i = 0; i < m; ++i) {
    if (!std::isfinite(b[idx(i)].high)) return false;
    y[idx(chosen[idx(i)])] = b[idx(i)].high;
  }
  return true;
}

namespace {

/// Whether the powers of M (restricted to the chosen states) decay: repeated
/// squaring.
bool decays(const std::vector<double>& matrix, const std::vector<char>& is_chosen, int n) {
  std::vector<int> chosen;
  for (int i = 0; i < n; ++i)
    if (is_chosen[idx(i)] != 0) chosen.push_back(i);
  const std::size_t m = chosen.size();
  std::vector<double> power(m * m), next(m * m);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < m; ++j) power[i * m + j] = matrix[idx(chosen[i] * n + chosen[j])];
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

}  // namespace

bool PropagatorCache::rest(const double* registers, int lane, const std::vector<double>& rates,
                           const std::vector<char>& is_solved, std::vector<double>& y) {
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  std::vector<double> high(idx(n_ * n_), 0.0);
  std::vector<double> right(idx(n_), 0.0);
  for (int i = 0; i < n_; ++i)
    if (is_on(lane, i)) right[idx(i)] = rates[idx(i)];
  bool is_positive = true;  // off-diagonal of A and inputs: then stable means a state >= 0
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column] = plan_.entries()[e];
    const double value = matrix_.data()[index(static_cast<int>(e), lane)];
    if (column < n_) {
      high[idx(row * n_ + column)] = -value;
      is_positive = is_positive && (row == column || value >= 0.0);
    } else if (sources_[e] >= 0) {
      right[idx(row)] += value;
    }
  }
  for (double v : right) is_positive = is_positive && v >= 0.0;
  std::vector<char> solved = is_solved;
  for (int i = 0; i < n_; ++i)
    if (!is_on(lane, i)) solved[idx(i)] = 0;
  if (!solve(solved, high, std::vector<double>(high.size(), 0.0), right, y)) return false;
  if (is_positive) return std::all_of(y.begin(), y.end(), [](double v) { return v >= 0.0; });
  // A small step towards rest must be a contraction in the long run: exp(A /
  // |A|).
  const Exponential e = exponential(lane, 1.0 / norms_[idx(lane)]);
  std::vector<double> matrix(idx(n_ * n_), 0.0);
  for (int i = 0; i < n_; ++i)
    for (int j = 0; j < n_; ++j)
      if (plan_.position(i, j) >= 0) matrix[idx(i * n_ + j)] = e.high[idx(plan_.position(i, j))];
  return decays(matrix, solved, n_);
}

bool PropagatorCache::periodic(const double* registers, int lane, int state, double amount,
                               double rate, double duration, double interval,
                               const std::vector<char>& is_solved, std::vector<double>& y) {
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const double overlapping = rate > 0.0 ? std::floor(duration / interval) : 0.0;
  const double rest = rate > 0.0 ? duration - overlapping * interval : 0.0;
  // One period from nothing, then (I - E) y = what one period adds.
  std::vector<double> added(idx(n_), 0.0);
  std::vector<double> rates(idx(n_), 0.0);
  if (rate == 0.0) {
    added[idx(state)] = amount;
    added = flow(registers, lane, interval, added, rates);
  } else {
    rates[idx(state)] = (overlapping + 1.0) * rate;
    added = flow(registers, lane, rest, added, rates);
    rates[idx(state)] = overlapping * rate;
    added = flow(registers, lane, interval - rest, added, rates);
  }
  const Exponential e = exponential(lane, interval);
  std::vector<double> high(idx(n_ * n_), 0.0), low(high), matrix(high);
  bool is_positive = rate >= 0.0;
  for (double v : added) is_positive = is_positive && v >= 0.0;
  for (int i = 0; i < n_; ++i)
    for (int j = 0; j < n_; ++j) {
      const int p = plan_.position(i, j);
      if (p < 0) continue;
      matrix[idx(i * n_ + j)] = e.high[idx(p)];
      is_positive = is_positive && e.high[idx(p)] >= 0.0;
      const Twofold identity{i == j ? 1.0 : 0.0, 0.0};
      const Twofold entry = identity - Twofold{e.high[idx(p)], e.low[idx(p)]};
      high[idx(i * n_ + j)] = entry.high;
      low[idx(i * n_ + j)] = entry.low;
    }
  std::vector<char> solved = is_solved;
  for (int i = 0; i < n_; ++i)
    if (!is_on(lane, i)) solved[idx(i)] = 0;
  if (!solve(solved, high, low, added, y)) return false;
  if (is_positive) return std::all_of(y.begin(), y.end(), [](double v) { return v >= 0.0; });
  return decays(matrix, solved, n_);
}

}  // namespace krogh::simulate
