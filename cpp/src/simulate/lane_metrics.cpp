// Metrics of outputs over windows of time, taken from the continuous output of every step.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/base/isa.hpp>

#include "simulate/lane_engine.hpp"
#include "simulate/metrics_kernel.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int samples = metric_samples;
/// Rows per output: samples, the eight metrics gathered since the last stop, where to look closer.
constexpr int rows_per_output = samples + num_metrics + 1;

/// Coefficients in theta of the quartic through values at 0, 1/4, 1/2, 3/4, 1 (Newton differences).
void quartic(const double* v, double* c) {
  const double d1 = v[1] - v[0];
  const double d2 = v[2] - 2.0 * v[1] + v[0];
  const double d3 = v[3] - 3.0 * v[2] + 3.0 * v[1] - v[0];
  const double d4 = v[4] - 4.0 * v[3] + 6.0 * v[2] - 4.0 * v[1] + v[0];
  // In x = 4 theta: v0 + d1 x + d2 x(x-1)/2 + d3 x(x-1)(x-2)/6 + d4 x(x-1)(x-2)(x-3)/24.
  const double e1 = d1 - d2 / 2.0 + d3 / 3.0 - d4 / 4.0;
  const double e2 = d2 / 2.0 - d3 / 2.0 + 11.0 * d4 / 24.0;
  const double e3 = d3 / 6.0 - d4 / 4.0;
  const double e4 = d4 / 24.0;
  c[0] = v[0];
  c[1] = 4.0 * e1;
  c[2] = 16.0 * e2;
  c[3] = 64.0 * e3;
  c[4] = 256.0 * e4;
}

double value_at(const double* c, double th) {
  return c[0] + th * (c[1] + th * (c[2] + th * (c[3] + th * c[4])));
}

double slope_at(const double* c, double th) {
  return c[1] + th * (2.0 * c[2] + th * (3.0 * c[3] + th * 4.0 * c[4]));
}

double curvature_at(const double* c, double th) {
  return 2.0 * c[2] + th * (6.0 * c[3] + th * 12.0 * c[4]);
}

/// Root of f between low and high, where it changes sign: Newton's method kept inside the bracket.
template <class Function, class Slope>
double root_between(const Function& f, const Slope& slope, double low, double high) {
  const double sign = f(low);
  double x = 0.5 * (low + high);
  for (int k = 0; k < 25; ++k) {
    const double value = f(x);
    (value * sign > 0.0 ? low : high) = x;
    double next = x - value / slope(x);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    const double change = std::abs(next - x);
    x = next;
    if (change < 1e-13) break;
  }
  return x;
}

}  // namespace

void LaneEngine::start_metrics(int l) {
  const PointOptions& options = *context_.options;
  const std::size_t windows =
      options.windows_per_subject > 0 ? idx(options.windows_per_subject) : options.windows.size();
  std::vector<double>& m = metrics_[idx(l)];
  m.assign(windows * idx(program_.num_outputs()) * num_metrics, 0.0);
  for (std::size_t k = 0; k + num_metrics <= m.size(); k += num_metrics) {
    m[k] = -infinity;
    m[k + 1] = m[k + 3] = m[k + 6] = m[k + 7] = std::nan("");
    m[k + 2] = infinity;
  }
  if (windows == 0) return;
  const auto size = idx(program_.num_outputs()) * idx(lanes_);
  if (gathered_.size() == 0) gathered_ = AlignedBuffer(idx(rows_per_output) * size + idx(lanes_));
  restart_gathering(l);
}

/// Row `metric` of the numbers gathered since the last stop, (outputs, lanes).
double* LaneEngine::gathered(int metric) {
  return gathered_.data() + std::ptrdiff_t{samples + metric} * program_.num_outputs() * lanes_;
}

void LaneEngine::restart_gathering(int l) {
  for (int m = 0; m < program_.num_outputs(); ++m) {
    at(gathered(0), m, l) = -infinity;
    at(gathered(2), m, l) = infinity;
    at(gathered(4), m, l) = at(gathered(5), m, l) = 0.0;
    for (int k : {1, 3, 6, 7}) at(gathered(k), m, l) = std::nan("");
  }
}

/// Adds the accepted steps of all lanes to their metrics. Windows begin and end at stops: numbers
/// are gathered between stops and given to the windows there.
void LaneEngine::take_metrics() {
  const int num_outputs = program_.num_outputs();
  prepare_dense();
  double* sampled = gathered_.data();
  for (int k = 0; k < samples; ++k) {
    double* states = registers_.data() + std::ptrdiff_t{layout_.states} * lanes_;
    std::fill(theta_, theta_ + lanes_, 0.25 * k);
    for (int l = 0; l < lanes_; ++l)
      reg(layout_.time, l) = block_.time[l] + theta_[l] * block_.step_used[l];
    if (k == 0 || k == samples - 1) {
      std::copy_n(k == 0 ? block_.y : block_.y_new, std::ptrdiff_t{n_} * lanes_, states);
    } else {
      context_.stepper.state_inside(block_, theta_);
    }
    context_.native->outputs.run(registers_.data());
    for (int m = 0; m < num_outputs; ++m)
      std::copy_n(&reg(layout_.outputs + m, 0), lanes_,
                  sampled + (std::ptrdiff_t{k} * num_outputs + m) * lanes_);
  }
  double* looks_closer = gathered(num_metrics);
  double* takes_part = looks_closer + std::ptrdiff_t{num_outputs} * lanes_;
  for (int l = 0; l < lanes_; ++l)
    takes_part[l] = lane(l).is_active && block_.accepted[l] > 0.0 ? 1.0 : 0.0;
  const MetricView view{.outputs = num_outputs,
                        .lanes = lanes_,
                        .samples = sampled,
                        .start = block_.time,
                        .step = block_.step_used,
                        .takes_part = takes_part,
                        .maximum = gathered(0),
                        .time_of_maximum = gathered(1),
                        .minimum = gathered(2),
                        .time_of_minimum = gathered(3),
                        .integral = gathered(4),
                        .last = gathered(6),
                        .looks_closer = looks_closer};
  const bool has_extremes = KROGH_DISPATCH(metrics_gather)(view);
  const bool has_thresholds = !context_.options->thresholds.empty();
  for (int l = 0; l < lanes_; ++l) {
    if (!(takes_part[l] > 0.0)) continue;
    if (has_extremes || has_thresholds)
      for (int m = 0; m < num_outputs; ++m) {
        if (at(looks_closer, m, l) > 0.0) find_extremes(l, m);
        if (has_thresholds) measure_time_above(l, m);
      }
    if (block_.step_used[l] >= block_.remaining[l]) give_to_windows(l);
  }
}

/// Extremes between the samples of a step.
void LaneEngine::find_extremes(int l, int m) {
  double v[samples];
  double c[samples];
  for (int k = 0; k < samples; ++k) v[k] = at(gathered_.data(), k * program_.num_outputs() + m, l);
  quartic(v, c);
  for (int k = 0; k + 1 < samples; ++k) {
    const double a = 0.25 * k;
    const double b = a + 0.25;
    if (slope_at(c, a) * slope_at(c, b) >= 0.0) continue;
    const double th = root_between([&](double x) { return slope_at(c, x); },
                                   [&](double x) { return curvature_at(c, x); }, a, b);
    const double value = value_at(c, th);
    const double time = block_.time[l] + th * block_.step_used[l];
    if (value > at(gathered(0), m, l)) {
      at(gathered(0), m, l) = value;
      at(gathered(1), m, l) = time;
    }
    if (value < at(gathered(2), m, l)) {
      at(gathered(2), m, l) = value;
      at(gathered(3), m, l) = time;
    }
  }
}

/// Time above the threshold within a step, and the first time at which it is reached.
void LaneEngine::measure_time_above(int l, int m) {
  const double threshold = context_.options->thresholds[idx(m)];
  const double start = block_.time[l];
  const double h = block_.step_used[l];
  double v[samples];
  double c[samples];
  for (int k = 0; k < samples; ++k)
    v[k] = at(gathered_.data(), k * program_.num_outputs() + m, l) - threshold;
  quartic(v, c);
  double& above = at(gathered(5), m, l);
  double& first = at(gathered(7), m, l);
  auto reach = [&](double th) {
    if (std::isnan(first)) first = start + th * h;
  };
  for (int k = 0; k + 1 < samples; ++k) {
    const double a = 0.25 * k;
    if (v[k] >= 0.0) reach(a);
    if (v[k] > 0.0 && v[k + 1] > 0.0) {
      above += 0.25 * h;
    } else if (v[k] * v[k + 1] < 0.0) {
      const double th = root_between([&](double x) { return value_at(c, x); },
                                     [&](double x) { return slope_at(c, x); }, a, a + 0.25);
      above += h * (v[k] > 0.0 ? th - a : a + 0.25 - th);
      reach(th);
    }
  }
}

/// Gives what a lane gathered since its last stop to the windows in which it lies. The middle of
/// the last step decides, which no rounding of the stops can move across an edge.
void LaneEngine::give_to_windows(int l) {
  const PointOptions& options = *context_.options;
  const std::int64_t own = options.windows_per_subject;
  const std::size_t num_windows = own > 0 ? idx(own) : options.windows.size();
  const Window* windows = options.windows.data() + (own > 0 ? lane(l).subject * own : 0);
  const double middle = block_.time[l] + 0.5 * block_.step_used[l];
  double* out = metrics_[idx(l)].data();
  for (std::size_t w = 0; w < num_windows; ++w) {
    const bool is_inside = middle >= windows[w].begin && middle <= windows[w].end;
    for (int m = 0; m < program_.num_outputs(); ++m, out += num_metrics) {
      if (!is_inside) continue;
      if (at(gathered(0), m, l) > out[0]) {
        out[0] = at(gathered(0), m, l);
        out[1] = at(gathered(1), m, l);
      }
      if (at(gathered(2), m, l) < out[2]) {
        out[2] = at(gathered(2), m, l);
        out[3] = at(gathered(3), m, l);
      }
      out[4] += at(gathered(4), m, l);
      out[5] += at(gathered(5), m, l);
      out[6] = at(gathered(6), m, l);
      if (std::isnan(out[7])) out[7] = at(gathered(7), m, l);
    }
  }
  restart_gathering(l);
}

}  // namespace krogh::simulate
