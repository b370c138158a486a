// Exact propagators of a linear model: matrices, flows of a block, the cache of lengths.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/propagator_cache.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::size_t most_slots = 24;
constexpr std::size_t slot_budget = std::size_t{1} << 17;  ///< doubles of all slots together (1 MB)

/// A number rounded to 40 bits.
double shortened(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  return std::bit_cast<double>((bits + 0x800U) & ~std::uint64_t{0xfffU});
}

using Entry = linalg::ExponentialPlan::Entry;

/// The augmented matrix: rows of states, then of inputs, the constant, and the integrals.
struct Augmented {
  std::vector<Entry> entries;
  std::vector<std::int32_t> sources;
  int size = 0;
  int constant = -1;
};

Augmented augment(const model::Program& program, std::span<const int> input_states,
                  const model::LinearForm& form) {
  const int n = program.num_states();
  const auto& registers = program.linear_registers();
  Augmented x;
  x.size = n + static_cast<int>(input_states.size());
  auto add = [&x](int row, int column, int block, std::int32_t source) {
    x.entries.push_back({row, column, block});
    x.sources.push_back(source);
  };
  for (const model::Entry& e : program.jacobian())
    add(e.row, e.column, 0, registers[idx(e.row * n + e.column)]);
  for (std::size_t c = 0; c < input_states.size(); ++c)
    add(input_states[c], n + static_cast<int>(c), 0, -1);
  auto is_zero = [&](std::int32_t r) {
    return std::any_of(program.constants().begin(), program.constants().end(),
                       [r](const auto& c) { return c.first == r && c.second == 0.0; });
  };
  auto constant = [&x] {
    if (x.constant < 0) x.constant = x.size++;
    return x.constant;
  };
  for (int i = 0; i < n; ++i) {
    const std::int32_t r = registers[idx(n * n + i)];
    if (!is_zero(r)) add(i, constant(), 0, r);
  }
  for (const auto& c : form.outputs)
    if (c.column == n) constant();
  const int first_integral = x.size;
  for (const auto& c : form.outputs) {
    add(first_integral + c.row, c.column == n ? x.constant : c.column, 0, c.value);
    x.size = std::max(x.size, first_integral + c.row + 1);
  }
  for (std::size_t k = 0; k < form.derivatives.size(); ++k)
    for (const auto& c : form.derivatives[k])
      add(c.row, c.column == n ? constant() : c.column, static_cast<int>(k) + 1, c.value);
  return x;
}

linalg::ExponentialPlan plan_for(const model::Program& program, std::span<const int> input_states,
                                 const model::LinearForm& form) {
  Augmented x = augment(program, input_states, form);
  return {x.size, program.num_states(), static_cast<int>(form.derivatives.size()) + 1,
          std::move(x.entries)};
}

}  // namespace

PropagatorCache::PropagatorCache(const model::Program& program, int lanes,
                                 std::span<const int> input_states, const model::LinearForm& form)
    : program_(program),
      lanes_(lanes),
      n_(program.num_states()),
      num_directions_(static_cast<int>(form.derivatives.size())),
      input_states_(input_states.begin(), input_states.end()),
      plan_(plan_for(program, input_states, form)) {
  const Augmented x = augment(program, input_states, form);
  sources_ = x.sources;
  has_constant_ = x.constant >= 0;
  constant_column_ = x.constant;
  if (!form.outputs.empty()) num_integrals_ = program.num_outputs();
  list_products();
  const std::size_t width = idx(lanes);
  auto filled = [](std::size_t size, double value) {
    AlignedBuffer buffer(size);
    std::fill_n(buffer.data(), size, value);
    return buffer;
  };
  matrix_ = filled(sources_.size() * width, 0.0);
  one_ = filled(width, 1.0);
  zero_ = filled(width, 0.0);
  shift_ = filled(width, 0.0);
  rounded_ = filled(width, 0.0);
  work_flow_ = filled(plan_.closure().size() * width, 0.0);
  work_ = filled(target_rows_.size() * width, 0.0);
  group_ =
      AlignedBuffer((sources_.size() + 1 + 2 * plan_.closure().size()) * linalg::exponential_lanes +
                    plan_.scratch_size());
  norms_.assign(width, 0.0);
  is_stale_.assign(width, 1);
  const std::size_t slots =
      std::clamp<std::size_t>(slot_budget / (plan_.closure().size() * width), 2, most_slots);
  slots_.resize(slots);
  for (Slot& slot : slots_) {
    slot.flow = filled(plan_.closure().size() * width, 0.0);
    slot.lengths.assign(width, std::nan(""));
    slot.last_use.assign(width, 0);
  }
}

/// Which entries of a flow meet what. Sources: states, inputs, 1, tangents, derivatives of rates.
/// Targets: states, integrals, tangents.
void PropagatorCache::list_products() {
  const int inputs = static_cast<int>(input_states_.size());
  const int columns = inputs + (has_constant_ ? 1 : 0);
  const int first_integral = n_ + columns;
  const int tangent_target = n_ + num_integrals_;
  const int tangent_source = n_ + columns;
  const int rate_source = tangent_source + num_directions_ * n_;
  auto list = [&](const std::vector<Entry>& entries, std::vector<FlowEntry>& products) {
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const auto& [row, column, block] = entries[e];
      const int position = static_cast<int>(e);
      if (column >= first_integral) continue;  // of an integral itself
      if (block > 0) {
        products.push_back({tangent_target + (block - 1) * n_ + row, column, position});
        continue;
      }
      if (row >= first_integral) products.push_back({n_ + row - first_integral, column, position});
      if (row >= n_) continue;
      products.push_back({row, column, position});
      for (int k = 0; k < num_directions_; ++k) {
        const int target = tangent_target + k * n_ + row;
        if (column < n_) products.push_back({target, tangent_source + k * n_ + column, position});
        if (column >= n_ && column < n_ + inputs)
          products.push_back({target, rate_source + k * inputs + column - n_, position});
      }
    }
    std::stable_sort(products.begin(), products.end(),
                     [](const FlowEntry& a, const FlowEntry& b) { return a.target < b.target; });
  };
  list(plan_.closure(), products_);
  list(plan_.entries(), drift_);
  for (const FlowEntry& e : drift_)
    if (e.target < n_) slope_products_.push_back(e);
  source_rows_.resize(idx(rate_source + num_directions_ * inputs));
  shifted_rows_.resize(source_rows_.size());
  target_rows_.resize(idx(tangent_target + num_directions_ * n_));
  work_rows_.resize(target_rows_.size());
  start_rows_.resize(target_rows_.size());
}

/// Takes the matrix of a lane from its registers; flows survive where it is the same as before.
void PropagatorCache::gather(const double* registers, int lane) {
  bool changed = false;
  std::vector<double> sums(idx(n_), 0.0);
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column, block] = plan_.entries()[e];
    const double value = sources_[e] < 0 ? 1.0 : registers[index(sources_[e], lane)];
    double& kept = matrix_.data()[index(static_cast<int>(e), lane)];
    changed = changed || !(kept == value);
    kept = value;
    if (block == 0 && row < n_ && column < n_) sums[idx(column)] += std::abs(value);
  }
  norms_[idx(lane)] = *std::max_element(sums.begin(), sums.end());
  if (changed)
    for (Slot& slot : slots_) slot.lengths[idx(lane)] = std::nan("");
  is_stale_[idx(lane)] = 0;
}

/// The length whose flow is built: 40 bits of it, unless the rest is too long for one first-order
/// step (its square below 2^-55).
double PropagatorCache::rounded(int lane, double length) const {
  const double near = shortened(length);
  return std::abs(length - near) * norms_[idx(lane)] <= 0x1p-27 ? near : length;
}

int PropagatorCache::find(int lane, double length) const {
  for (std::size_t s = 0; s < slots_.size(); ++s)
    if (slots_[s].lengths[idx(lane)] == length) return static_cast<int>(s);
  return -1;
}

/// Builds the flows of the given lanes over their rounded lengths, several at a time. Each lane
/// gives up a free slot or its least recently used one.
void PropagatorCache::build(const std::vector<int>& missing) {
  constexpr int width = linalg::exponential_lanes;
  double* x = group_.data();
  double* h = x + sources_.size() * width;
  double* high = h + width;
  double* low = high + plan_.closure().size() * width;
  double* scratch = low + plan_.closure().size() * width;
  for (std::size_t first = 0; first < missing.size(); first += width) {
    const std::size_t count = std::min<std::size_t>(width, missing.size() - first);
    for (std::size_t k = 0; k < width; ++k) {
      const int lane = missing[first + (k < count ? k : 0)];
      for (std::size_t e = 0; e < sources_.size(); ++e)
        x[e * width + k] = matrix_.data()[index(static_cast<int>(e), lane)];
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
      for (std::size_t e = 0; e < plan_.closure().size(); ++e)
        slot.flow.data()[index(static_cast<int>(e), lane)] = high[e * width + k];
    }
  }
}

/// Rows that a flow reads and writes.
void PropagatorCache::point_to(const double* registers, const Motion& motion) {
  std::size_t s = 0;
  const std::ptrdiff_t width = lanes_;
  for (int i = 0; i < n_; ++i) source_rows_[s++] = motion.y + i * width;
  const double* rates = registers + program_.layout().input_rates * width;
  for (int state : input_states_) source_rows_[s++] = rates + state * width;
  if (has_constant_) source_rows_[s++] = one_.data();
  for (int q = 0; q < num_directions_ * n_; ++q) source_rows_[s++] = motion.tangents + q * width;
  for (int k = 0; k < num_directions_; ++k)
    for (int state : input_states_)
      source_rows_[s++] = motion.tangent_rates + (k * n_ + state) * width;
  std::size_t t = 0;
  for (int i = 0; i < n_; ++i) target_rows_[t++] = motion.y_new + i * width;
  for (int m = 0; m < num_integrals_; ++m) target_rows_[t++] = motion.integrals + m * width;
  for (int q = 0; q < num_directions_ * n_; ++q)
    target_rows_[t++] = motion.tangents_new + q * width;
}

void PropagatorCache::apply(const double* flow) {
  const FlowView view{.entries = products_.data(),
                      .num_entries = static_cast<int>(products_.size()),
                      .num_targets = static_cast<int>(target_rows_.size()),
                      .lanes = lanes_,
                      .values = flow,
                      .sources = source_rows_.data(),
                      .targets = target_rows_.data()};
  KROGH_DISPATCH(flow_apply)(view);
}

void PropagatorCache::advance_all(const double* registers, double length, const Motion& motion) {
  // A length of at most 40 bits that all lanes have a flow for: nothing else to look at.
  if (!any_is_stale_ && shortened(length) == length) {
    for (Slot& slot : slots_) {
      if (slot.lengths[0] != length) continue;
      bool is_common = true;
      for (const double known : slot.lengths) is_common = is_common && known == length;
      if (!is_common) continue;
      ++uses_;
      std::fill(slot.last_use.begin(), slot.last_use.end(), uses_);
      point_to(registers, motion);
      apply(slot.flow.data());
      return;
    }
  }
  const std::vector<double> lengths(idx(lanes_), length);
  advance(registers, lengths.data(), motion);
}

void PropagatorCache::advance(const double* registers, const double* lengths,
                              const Motion& motion) {
  ++uses_;
  point_to(registers, motion);
  bool shifts = false;
  bool has_idle = false;
  std::vector<int> missing, found(idx(lanes_), -1);
  for (int l = 0; l < lanes_; ++l) {
    shift_.data()[l] = 0.0;
    if (lengths[l] == 0.0) {
      has_idle = true;
      continue;
    }
    if (is_stale_[idx(l)] != 0) gather(registers, l);
    const double near = rounded(l, lengths[l]);
    rounded_.data()[l] = near;
    shift_.data()[l] = lengths[l] - near;
    shifts = shifts || shift_.data()[l] != 0.0;
    found[idx(l)] = find(l, near);
    if (found[idx(l)] < 0) missing.push_back(l);
  }
  any_is_stale_ = has_idle && any_is_stale_;
  if (!missing.empty()) build(missing);
  int common = -1;
  bool is_common = true;
  for (int l = 0; l < lanes_; ++l) {
    if (lengths[l] == 0.0) continue;
    if (found[idx(l)] < 0) found[idx(l)] = find(l, rounded_.data()[l]);
    slots_[idx(found[idx(l)])].last_use[idx(l)] = uses_;
    if (common < 0) common = found[idx(l)];
    is_common = is_common && found[idx(l)] == common;
  }
  if (common < 0) common = 0;
  const double* flow = slots_[idx(common)].flow.data();
  if (!is_common) {
    for (int l = 0; l < lanes_; ++l) {
      if (lengths[l] == 0.0) continue;
      const double* own = slots_[idx(found[idx(l)])].flow.data();
      for (std::size_t e = 0; e < plan_.closure().size(); ++e)
        work_flow_.data()[index(static_cast<int>(e), l)] = own[index(static_cast<int>(e), l)];
    }
    flow = work_flow_.data();
  }
  if (shifts) {
    // Targets become sources: states and tangents keep their places, integrals start from zero.
    for (std::size_t t = 0; t < work_rows_.size(); ++t)
      work_rows_[t] = work_.data() + index(static_cast<int>(t), 0);
    shifted_rows_ = source_rows_;
    const int tangent_target = n_ + num_integrals_;
    const auto tangent_source =
        n_ + static_cast<int>(input_states_.size()) + (has_constant_ ? 1 : 0);
    for (int i = 0; i < n_; ++i) {
      start_rows_[idx(i)] = source_rows_[idx(i)];
      shifted_rows_[idx(i)] = work_rows_[idx(i)];
    }
    for (int m = 0; m < num_integrals_; ++m) start_rows_[idx(n_ + m)] = zero_.data();
    for (int q = 0; q < num_directions_ * n_; ++q) {
      start_rows_[idx(tangent_target + q)] = source_rows_[idx(tangent_source + q)];
      shifted_rows_[idx(tangent_source + q)] = work_rows_[idx(tangent_target + q)];
    }
    const FlowView drift{.entries = drift_.data(),
                         .num_entries = static_cast<int>(drift_.size()),
                         .num_targets = static_cast<int>(work_rows_.size()),
                         .lanes = lanes_,
                         .values = matrix_.data(),
                         .sources = source_rows_.data(),
                         .targets = work_rows_.data()};
    KROGH_DISPATCH(flow_shift)(drift, shift_.data(), start_rows_.data());
    source_rows_ = shifted_rows_;
  }
  apply(flow);
  if (shifts)
    for (int m = 0; m < num_integrals_; ++m)
      for (int l = 0; l < lanes_; ++l) motion.integrals[index(m, l)] += work_rows_[idx(n_ + m)][l];
  if (!has_idle) return;
  for (int l = 0; l < lanes_; ++l) {
    if (lengths[l] != 0.0) continue;
    for (int i = 0; i < n_; ++i) motion.y_new[index(i, l)] = motion.y[index(i, l)];
    for (int m = 0; m < num_integrals_; ++m) motion.integrals[index(m, l)] = 0.0;
    for (int q = 0; q < num_directions_ * n_; ++q)
      motion.tangents_new[index(q, l)] = motion.tangents[index(q, l)];
  }
}

void PropagatorCache::slopes(const double* registers, const double* y, double* target) {
  std::vector<const double*> sources;
  std::vector<double*> targets;
  for (int i = 0; i < n_; ++i) {
    sources.push_back(y + index(i, 0));
    targets.push_back(target + index(i, 0));
  }
  for (int state : input_states_)
    sources.push_back(registers + index(program_.layout().input_rates + state, 0));
  if (has_constant_) sources.push_back(one_.data());
  if (any_is_stale_) {
    for (int l = 0; l < lanes_; ++l)
      if (is_stale_[idx(l)] != 0) gather(registers, l);
    any_is_stale_ = false;
  }
  const FlowView view{.entries = slope_products_.data(),
                      .num_entries = static_cast<int>(slope_products_.size()),
                      .num_targets = n_,
                      .lanes = lanes_,
                      .values = matrix_.data(),
                      .sources = sources.data(),
                      .targets = targets.data()};
  KROGH_DISPATCH(flow_apply)(view);
}

void PropagatorCache::system(const double* registers, int lane, std::vector<double>& a) {
  if (is_stale_[idx(lane)] != 0) gather(registers, lane);
  const int width = n_ + 1;
  a.assign(idx(n_ * width), 0.0);
  for (int i = 0; i < n_; ++i)
    for (int state : input_states_)
      if (state == i)
        a[idx(i * width + n_)] += registers[index(program_.layout().input_rates + i, lane)];
  for (std::size_t e = 0; e < sources_.size(); ++e) {
    const auto& [row, column, block] = plan_.entries()[e];
    if (block > 0 || row >= n_) continue;
    const double value = matrix_.data()[index(static_cast<int>(e), lane)];
    if (column < n_) a[idx(row * width + column)] = value;
    if (column == constant_column_) a[idx(row * width + n_)] += value;
  }
}

PropagatorCache::Exponential PropagatorCache::exponential(int lane, double length) {
  constexpr int width = linalg::exponential_lanes;
  double* x = group_.data();
  double* h = x + sources_.size() * width;
  double* high = h + width;
  double* low = high + plan_.closure().size() * width;
  double* scratch = low + plan_.closure().size() * width;
  for (std::size_t k = 0; k < width; ++k) {
    for (std::size_t e = 0; e < sources_.size(); ++e)
      x[e * width + k] = matrix_.data()[index(static_cast<int>(e), lane)];
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

}  // namespace krogh::simulate
