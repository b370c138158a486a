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

/// Most terms of a Taylor series over a panel on which |A| h <= 1: the remainder is below 1/20! of
/// the state.
constexpr std::size_t most_terms = 20;

/// A polynomial in the position x of [0, 1] inside a panel.
struct Series {
  std::array<double, most_terms> c{};
  std::size_t size = 1;

  double value(double x) const {
    double sum = 0.0;
    for (std::size_t k = size; k-- > 0;) sum = sum * x + c[k];
    return sum;
  }
  Series derivative() const {
    Series d;
    d.size = size - 1;
    for (std::size_t k = 1; k < size; ++k) d.c[k - 1] = static_cast<double>(k) * c[k];
    return d;
  }
};

/// Root of f - level between low and high, where it changes sign: Newton's method, with bisection
/// where that would leave the bracket or does not halve the step.
double root_between(const Series& f, const Series& slope, double level, double low, double high) {
  const double left = f.value(low) - level;
  const double right = f.value(high) - level;
  const bool rises = right > 0.0;
  double x = low + (high - low) * (left / (left - right));
  if (!(x > low && x < high)) x = 0.5 * (low + high);
  double step = high - low;
  for (int k = 0; k < 120; ++k) {
    const double rest = f.value(x) - level;
    ((rest < 0.0) == rises ? low : high) = x;
    double next = x - rest / slope.value(x);
    const bool is_sound = next >= low && next <= high && std::abs(next - x) <= 0.5 * step;
    if (!is_sound) next = 0.5 * (low + high);
    step = std::abs(next - x);
    x = next;
    if (step <= 1e-16) break;
  }
  return x;
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
      if (left[l] > 1.5 * wanted)
        panel[l] = std::min(std::exp2(std::floor(std::log2(wanted))), left[l]);
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
  const std::span<const Window> windows = windows_of(l);
  const std::size_t num_windows = windows.size();
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
      above[0] != above[1] || (turns && highest >= threshold && lowest <= threshold);
  for (std::size_t w = 0; w < num_windows && turns && !is_of_interest; ++w)
    is_of_interest = middle >= windows[w].begin && middle <= windows[w].end &&
                     (highest > metrics(w)[0] || lowest < metrics(w)[2]);
  PanelFinding& finding = finding_;
  finding.extremes.clear();
  finding.time_above = 0.0;
  finding.reached = panel.value[0] >= threshold ? panel.start : std::nan("");
  if (is_of_interest) {
    panel_state_.resize(idx(n_));
    for (int i = 0; i < n_; ++i) panel_state_[idx(i)] = y_start[std::ptrdiff_t{i} * lanes_ + l];
    propagators_->system(registers_.data(), l, panel_system_);
    inspect_panel(l, m, panel, panel_state_, finding);
  } else if (above[0] || above[1]) {
    finding.time_above = panel.length;
  }
  for (std::size_t w = 0; w < num_windows; ++w) {
    // The middle of the panel decides, which no rounding of the stops can move across an edge.
    if (!(middle >= windows[w].begin && middle <= windows[w].end)) continue;
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
    out[6] = panel.value[1];
    if (std::isnan(out[7])) out[7] = finding.reached;
  }
}

/// Finds where an output turns and where it crosses its threshold in a panel that starts at `y`;
/// panel_system_ holds the lane's matrix and its constant input.
void LaneEngine::inspect_panel(int l, int m, const Panel& panel, const std::vector<double>& y,
                               PanelFinding& finding) {
  const int width = n_ + 1;
  const double fastest = propagators_->fastest(registers_.data(), l);
  const auto& thresholds = context_.options->thresholds;
  const double threshold = thresholds.empty() ? 0.0 : thresholds[idx(m)];
  auto slopes_of = [&](const std::vector<double>& x, double one, std::vector<double>& slopes) {
    for (int i = 0; i < n_; ++i) {
      double sum = panel_system_[idx(i * width + n_)] * one;
      for (int j = 0; j < n_; ++j) sum += panel_system_[idx(i * width + j)] * x[idx(j)];
      slopes[idx(i)] = sum;
    }
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
    std::vector<double> slopes(idx(n_));
    slopes_of(middle, 1.0, slopes);
    const double value = output_of(middle, 1.0);
    const double slope = output_of(slopes, 0.0);
    const Panel first{
        panel.start, 0.5 * panel.length, {panel.value[0], value}, {panel.slope[0], slope}};
    const Panel second{panel.start + 0.5 * panel.length,
                       0.5 * panel.length,
                       {value, panel.value[1]},
                       {slope, panel.slope[1]}};
    const std::vector<double> start = y;
    inspect_panel(l, m, first, start, finding);
    inspect_panel(l, m, second, middle, finding);
    return;
  }
  Series series;
  series.c[0] = panel.value[0];
  std::vector<double>& derivative = panel_derivative_;
  std::vector<double>& next = panel_next_;
  derivative = y;
  next.resize(idx(n_));
  double size = 1.0;  // of a term, relative to the state
  for (std::size_t k = 1; k < most_terms && size > 1e-19; ++k) {
    slopes_of(derivative, k == 1 ? 1.0 : 0.0, next);
    for (double& d : next) d *= panel.length / static_cast<double>(k);
    derivative.swap(next);
    series.c[k] = output_of(derivative, 0.0);
    series.size = k + 1;
    size *= fastest * panel.length / static_cast<double>(k);
  }
  const Series slope = series.derivative();
  double ends[3] = {0.0, 1.0, 1.0};
  double values[3] = {panel.value[0], panel.value[1], panel.value[1]};
  int pieces = 1;
  if (panel.slope[0] * panel.slope[1] < 0.0) {
    ends[1] = root_between(slope, slope.derivative(), 0.0, 0.0, 1.0);
    values[1] = series.value(ends[1]);
    finding.extremes.emplace_back(panel.start + ends[1] * panel.length, values[1]);
    pieces = 2;
  }
  auto reach = [&](double x) {
    if (std::isnan(finding.reached)) finding.reached = panel.start + x * panel.length;
  };
  for (int k = 0; k < pieces; ++k) {
    const double low = ends[k];
    const double high = ends[k + 1];
    const bool starts = values[k] > threshold;
    const bool stops = values[k + 1] > threshold;
    if (values[k] >= threshold) reach(low);
    if (starts == stops) {
      if (starts) finding.time_above += (high - low) * panel.length;
      continue;
    }
    const double root = root_between(series, slope, threshold, low, high);
    finding.time_above += (starts ? root - low : high - root) * panel.length;
    reach(root);
  }
}

}  // namespace krogh::simulate
