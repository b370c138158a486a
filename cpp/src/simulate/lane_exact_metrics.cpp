// Metrics of linear models: integrals from the flows themselves, extremes and crossings of
// thresholds from the Taylor series of the outputs.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <cmath>

#include "simulate/lane_engine.hpp"
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Terms of the Taylor series over a panel on which |A| h <= 1: the remainder is below 1/20! of the
/// state.
constexpr int terms = 20;
using Series = std::array<double, terms>;

double value_at(const Series& c, double x) {
  double sum = 0.0;
  for (std::size_t k = terms; k-- > 0;) sum = sum * x + c[k];
  return sum;
}

double slope_at(const Series& c, double x) {
  double sum = 0.0;
  for (std::size_t k = terms; k-- > 1;) sum = sum * x + static_cast<double>(k) * c[k];
  return sum;
}

/// Root between low and high, where f changes sign, to the last bit (bisection).
template <class Function>
double root_between(const Function& f, double low, double high) {
  const bool rises = f(high) > 0.0;
  for (int k = 0; k < 54; ++k) {
    const double middle = 0.5 * (low + high);
    ((f(middle) < 0.0) == rises ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

/// Outputs and their time derivatives of all lanes.
void LaneEngine::take_outputs(const double* y, double* values, double* slopes) {
  const int num_outputs = program_.num_outputs();
  double* state_slopes = exact_rows_.data() + std::ptrdiff_t{5 * num_outputs} * lanes_;
  propagators_->slopes(registers_.data(), y, state_slopes);
  std::fill_n(values, std::ptrdiff_t{num_outputs} * lanes_, 0.0);
  std::fill_n(slopes, std::ptrdiff_t{num_outputs} * lanes_, 0.0);
  for (const auto& c : context_.linear_form->outputs) {
    const double* factor = registers_.data() + std::ptrdiff_t{c.value} * lanes_;
    double* value = values + std::ptrdiff_t{c.row} * lanes_;
    double* slope = slopes + std::ptrdiff_t{c.row} * lanes_;
    if (c.column == n_) {
      for (int l = 0; l < lanes_; ++l) value[l] += factor[l];
      continue;
    }
    const double* state = y + std::ptrdiff_t{c.column} * lanes_;
    const double* state_slope = state_slopes + std::ptrdiff_t{c.column} * lanes_;
    for (int l = 0; l < lanes_; ++l) {
      value[l] += factor[l] * state[l];
      slope[l] += factor[l] * state_slope[l];
    }
  }
}

/// Moves lanes by their lengths. With windows, in panels: about one time constant of the fastest
/// mode after something happened, then growing with the time since, in powers of two, so that few
/// different lengths occur and no mode that is still alive turns twice inside a panel.
void LaneEngine::move_in_panels(const double* lengths) {
  if (context_.options->windows.empty()) {
    propagators_->advance(registers_.data(), lengths, motion());
    swap_motion();
    return;
  }
  const std::ptrdiff_t outputs = std::ptrdiff_t{program_.num_outputs()} * lanes_;
  double* integrals = exact_rows_.data();
  double* values[2] = {integrals + outputs, integrals + 2 * outputs};
  double* slopes[2] = {integrals + 3 * outputs, integrals + 4 * outputs};
  double* panel = integrals + 5 * outputs + std::ptrdiff_t{n_} * lanes_;
  double* left = panel + lanes_;
  double* start = left + lanes_;
  std::copy_n(lengths, lanes_, left);
  std::copy_n(block_.time, lanes_, start);
  bool any = std::any_of(left, left + lanes_, [](double h) { return h > 0.0; });
  if (any) take_outputs(block_.y, values[0], slopes[0]);
  while (any) {
    for (int l = 0; l < lanes_; ++l) {
      panel[l] = left[l];
      if (left[l] == 0.0) continue;
      const double fastest = propagators_->fastest(registers_.data(), l);
      const double wanted = std::max(1.0 / fastest, 0.5 * calm_[idx(l)]);
      // A remainder of less than half a panel more is taken along.
      if (left[l] > 1.5 * wanted) panel[l] = std::min(std::exp2(std::floor(std::log2(wanted))), left[l]);
    }
    propagators_->advance(registers_.data(), panel, motion());
    swap_motion();
    take_outputs(block_.y, values[1], slopes[1]);
    any = false;
    for (int l = 0; l < lanes_; ++l) {
      if (panel[l] == 0.0) continue;
      if (lane(l).is_active)
        for (int m = 0; m < program_.num_outputs(); ++m)
          account_panel(l, m,
                        {.start = start[l],
                         .length = panel[l],
                         .value = {at(values[0], m, l), at(values[1], m, l)},
                         .slope = {at(slopes[0], m, l), at(slopes[1], m, l)}},
                        at(integrals, m, l), block_.y_new);
      start[l] += panel[l];
      calm_[idx(l)] += panel[l];
      left[l] = panel[l] == left[l] ? 0.0 : left[l] - panel[l];
      any = any || left[l] > 0.0;
    }
    std::swap(values[0], values[1]);
    std::swap(slopes[0], slopes[1]);
  }
}

/// Adds one panel of one output to the metrics of the windows that it lies in.
void LaneEngine::account_panel(int l, int m, const Panel& panel, double integral,
                               const double* y_start) {
  const auto& windows = context_.options->windows;
  const auto& thresholds = context_.options->thresholds;
  const double threshold = thresholds.empty() ? 0.0 : thresholds[idx(m)];
  const double middle = panel.start + 0.5 * panel.length;
  const double end = panel.start + panel.length;
  const auto num_outputs = idx(program_.num_outputs());
  auto metrics = [&](std::size_t w) {
    return metrics_[idx(l)].data() + (w * num_outputs + idx(m)) * num_metrics;
  };
  const bool turns = panel.slope[0] * panel.slope[1] < 0.0;
  const bool above[2] = {panel.value[0] > threshold, panel.value[1] > threshold};
  // Where the output turns, the tangents at the ends bound how far it can get.
  const double reach[2] = {panel.value[0] + panel.slope[0] * panel.length,
                           panel.value[1] - panel.slope[1] * panel.length};
  const double highest = std::max({panel.value[0], panel.value[1], reach[0], reach[1]});
  const double lowest = std::min({panel.value[0], panel.value[1], reach[0], reach[1]});
  bool is_of_interest =
      above[0] != above[1] || (turns && highest > threshold && lowest < threshold);
  for (std::size_t w = 0; w < windows.size() && turns && !is_of_interest; ++w)
    is_of_interest = middle >= windows[w].begin && middle <= windows[w].end &&
                     (highest > metrics(w)[0] || lowest < metrics(w)[2]);
  PanelFinding finding;
  if (is_of_interest) {
    std::vector<double> y(idx(n_));
    for (int i = 0; i < n_; ++i) y[idx(i)] = y_start[std::ptrdiff_t{i} * lanes_ + l];
    inspect_panel(l, m, panel, y, propagators_->system(registers_.data(), l), finding);
  } else if (above[0] || above[1]) {
    finding.time_above = panel.length;
  }
  for (std::size_t w = 0; w < windows.size(); ++w) {
    // The middle of the panel decides, which no rounding of the stops can move across an edge.
    if (middle < windows[w].begin || middle > windows[w].end) continue;
    double* out = metrics(w);
    auto consider = [out](double time, double value) {
      if (value > out[0]) {
        out[0] = value;
        out[1] = time;
      }
      if (value < out[2]) {
        out[2] = value;
        out[3] = time;
      }
    };
    consider(panel.start, panel.value[0]);
    for (const auto& [time, value] : finding.extremes) consider(time, value);
    consider(end, panel.value[1]);
    out[4] += integral;
    out[5] += finding.time_above;
  }
}

/// Finds where an output turns and where it crosses its threshold in a panel that starts at `y`.
void LaneEngine::inspect_panel(int l, int m, const Panel& panel, const std::vector<double>& y,
                               const std::vector<double>& system, PanelFinding& finding) {
  const int width = n_ + 1;
  const double fastest = propagators_->fastest(registers_.data(), l);
  auto slopes_of = [&](const std::vector<double>& x, double one) {
    std::vector<double> slopes(idx(n_));
    for (int i = 0; i < n_; ++i) {
      double sum = system[idx(i * width + n_)] * one;
      for (int j = 0; j < n_; ++j) sum += system[idx(i * width + j)] * x[idx(j)];
      slopes[idx(i)] = sum;
    }
    return slopes;
  };
  auto output_of = [&](const std::vector<double>& x, double one) {
    double sum = 0.0;
    for (const auto& c : context_.linear_form->outputs)
      if (c.row == m) sum += reg(c.value, l) * (c.column == n_ ? one : x[idx(c.column)]);
    return sum;
  };
  if (fastest * panel.length > 1.0) {
    // Too long for the series: two halves.
    PropagatorCache::Rates rates{std::vector<double>(idx(n_), 0.0),
                                 std::vector<double>(idx(n_ * num_directions_), 0.0)};
    for (int i = 0; i < n_; ++i) rates.y[idx(i)] = reg(layout_.input_rates + i, l);
    const std::vector<double> middle =
        propagators_->flow(registers_.data(), l, 0.5 * panel.length, {y, rates.tangents}, rates).y;
    const double value = output_of(middle, 1.0);
    const double slope = output_of(slopes_of(middle, 1.0), 0.0);
    const Panel first{panel.start, 0.5 * panel.length, {panel.value[0], value},
                      {panel.slope[0], slope}};
    const Panel second{panel.start + 0.5 * panel.length, 0.5 * panel.length,
                       {value, panel.value[1]}, {slope, panel.slope[1]}};
    inspect_panel(l, m, first, y, system, finding);
    inspect_panel(l, m, second, middle, system, finding);
    return;
  }
  const auto& thresholds = context_.options->thresholds;
  const double threshold = thresholds.empty() ? 0.0 : thresholds[idx(m)];
  Series series{};
  series[0] = panel.value[0];
  std::vector<double> derivative = y;
  for (std::size_t k = 1; k < terms; ++k) {
    derivative = slopes_of(derivative, k == 1 ? 1.0 : 0.0);
    for (double& d : derivative) d *= panel.length / static_cast<double>(k);
    series[k] = output_of(derivative, 0.0);
  }
  std::vector<double> ends{0.0};
  if (panel.slope[0] * panel.slope[1] < 0.0) {
    const double turn = root_between([&](double x) { return slope_at(series, x); }, 0.0, 1.0);
    finding.extremes.emplace_back(panel.start + turn * panel.length, value_at(series, turn));
    ends.push_back(turn);
  }
  ends.push_back(1.0);
  for (std::size_t k = 0; k + 1 < ends.size(); ++k) {
    const double low = ends[k];
    const double high = ends[k + 1];
    const bool starts = (k == 0 ? panel.value[0] : value_at(series, low)) > threshold;
    const bool stops =
        (k + 2 == ends.size() ? panel.value[1] : value_at(series, high)) > threshold;
    if (starts == stops) {
      if (starts) finding.time_above += (high - low) * panel.length;
      continue;
    }
    const double root =
        root_between([&](double x) { return value_at(series, x) - threshold; }, low, high);
    finding.time_above += (starts ? root - low : high - root) * panel.length;
  }
}

}  // namespace krogh::simulate
