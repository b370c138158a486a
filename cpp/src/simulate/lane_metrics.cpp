// Metrics of outputs over windows of time, taken from the continuous output of every step.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/base/isa.hpp>

#include "simulate/lane_engine.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr double infinity = std::numeric_limits<double>::infinity();
/// Outputs are sampled at the quarters of a step; the quartic through the five values carries the
/// integral (Boole's rule, order 6), extremes and threshold crossings.
constexpr int samples = 5;

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

/// Root of f between low and high, where it changes sign.
template <class Function>
double bisect(const Function& f, double low, double high) {
  const double sign = f(low);
  for (int k = 0; k < 52; ++k) {
    const double middle = 0.5 * (low + high);
    (f(middle) * sign > 0.0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
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
}

/// Adds the accepted steps of all lanes to their metrics. Windows begin and end at stops, so a step
/// lies in a window or outside of it.
void LaneEngine::take_metrics() {
  const int num_outputs = program_.num_outputs();
  const std::int64_t own = context_.options->windows_per_subject;
  const std::size_t num_windows = own > 0 ? idx(own) : context_.options->windows.size();
  const auto& thresholds = context_.options->thresholds;
  prepare_dense();
  std::vector<double> sampled(idx(samples) * idx(num_outputs) * idx(lanes_));
  auto sample = [&](int k, int m, int l) -> double& {
    return sampled[(idx(k) * idx(num_outputs) + idx(m)) * idx(lanes_) + idx(l)];
  };
  for (int k = 0; k < samples; ++k) {
    std::fill(theta_, theta_ + lanes_, 0.25 * k);
    KROGH_DISPATCH(interpolate)(block_.y, block_.y_new, block_.dense, theta_, n_, lanes_,
                                registers_.data() + std::ptrdiff_t{layout_.states} * lanes_);
    for (int l = 0; l < lanes_; ++l)
      reg(layout_.time, l) = block_.time[l] + theta_[l] * block_.step_used[l];
    context_.native->outputs.run(registers_.data());
    for (int m = 0; m < num_outputs; ++m)
      for (int l = 0; l < lanes_; ++l) sample(k, m, l) = reg(layout_.outputs + m, l);
  }
  for (int l = 0; l < lanes_; ++l) {
    if (!lane(l).is_active || !(block_.accepted[l] > 0.0)) continue;
    const double start = block_.time[l];
    const double h = block_.step_used[l];
    const Window* windows =
        context_.options->windows.data() + (own > 0 ? lane(l).subject * own : 0);
    for (std::size_t w = 0; w < num_windows; ++w) {
      // The middle of the step decides, which no rounding of the stops can move across an edge.
      const double middle = start + 0.5 * h;
      if (!(middle >= windows[w].begin && middle <= windows[w].end)) continue;
      for (int m = 0; m < num_outputs; ++m) {
        double v[samples];
        double c[samples];
        for (int k = 0; k < samples; ++k) v[k] = sample(k, m, l);
        quartic(v, c);
        double* out = metrics_[idx(l)].data() + (w * idx(num_outputs) + idx(m)) * num_metrics;
        auto consider = [&](double th, double value) {
          if (value > out[0]) {
            out[0] = value;
            out[1] = start + th * h;
          }
          if (value < out[2]) {
            out[2] = value;
            out[3] = start + th * h;
          }
        };
        for (int k = 0; k < samples; ++k) consider(0.25 * k, v[k]);
        for (int k = 0; k + 1 < samples; ++k) {
          const double a = 0.25 * k;
          const double b = a + 0.25;
          if (slope_at(c, a) * slope_at(c, b) >= 0.0) continue;
          const double th = bisect([&](double x) { return slope_at(c, x); }, a, b);
          consider(th, value_at(c, th));
        }
        out[4] += h / 90.0 * (7.0 * (v[0] + v[4]) + 32.0 * (v[1] + v[3]) + 12.0 * v[2]);
        out[6] = v[samples - 1];
        const double threshold = thresholds.empty() ? 0.0 : thresholds[idx(m)];
        auto reach = [&](double th) {
          if (std::isnan(out[7])) out[7] = start + th * h;
        };
        for (int k = 0; k + 1 < samples; ++k) {
          const double a = 0.25 * k;
          const double left = v[k] - threshold;
          const double right = v[k + 1] - threshold;
          if (left >= 0.0) reach(a);
          if (left > 0.0 && right > 0.0) {
            out[5] += 0.25 * h;
          } else if (left * right < 0.0) {
            const double th = bisect([&](double x) { return value_at(c, x) - threshold; }, a, a + 0.25);
            out[5] += h * (left > 0.0 ? th - a : a + 0.25 - th);
            reach(th);
          }
        }
      }
    }
  }
}

}  // namespace krogh::simulate
