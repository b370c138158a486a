// Metrics of outputs over the steps of all lanes: extremes, integral and last value.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>

#include "base/kernel_math.hpp"
#include "simulate/metrics_kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// s0 to s4 are twelve times the slopes of the quartic at the samples, per quarter step
/// (Abramowitz & Stegun 1964, table 25.2, five points).
template <int L>
double gather_rows(const simulate::MetricView& view) {
  const long stride = static_cast<long>(view.outputs) * L;
  const double* start = view.start;
  const double* step = view.step;
  const double* takes_part = view.takes_part;
  double closer[static_cast<std::size_t>(L)] = {};
  for (long at = 0; at < stride; at += L) {
    const double* v = view.samples + at;
    double* maximum = view.maximum + at;
    double* time_of_maximum = view.time_of_maximum + at;
    double* minimum = view.minimum + at;
    double* time_of_minimum = view.time_of_minimum + at;
    double* integral = view.integral + at;
    double* last = view.last + at;
    double* looks_closer = view.looks_closer + at;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double v0 = v[l];
      const double v1 = v[stride + l];
      const double v2 = v[2 * stride + l];
      const double v3 = v[3 * stride + l];
      const double v4 = v[4 * stride + l];
      const bool is_on = takes_part[l] > 0.0;
      const double h = step[l];

      double high = v0;
      double where_high = 0.0;
      double low = v0;
      double where_low = 0.0;
      where_high = v1 > high ? 0.25 : where_high;
      high = v1 > high ? v1 : high;
      where_low = v1 < low ? 0.25 : where_low;
      low = v1 < low ? v1 : low;
      where_high = v2 > high ? 0.5 : where_high;
      high = v2 > high ? v2 : high;
      where_low = v2 < low ? 0.5 : where_low;
      low = v2 < low ? v2 : low;
      where_high = v3 > high ? 0.75 : where_high;
      high = v3 > high ? v3 : high;
      where_low = v3 < low ? 0.75 : where_low;
      low = v3 < low ? v3 : low;
      where_high = v4 > high ? 1.0 : where_high;
      high = v4 > high ? v4 : high;
      where_low = v4 < low ? 1.0 : where_low;
      low = v4 < low ? v4 : low;

      const bool is_higher = is_on & (high > maximum[l]);
      const bool is_lower = is_on & (low < minimum[l]);
      time_of_maximum[l] = is_higher ? fma_(where_high, h, start[l]) : time_of_maximum[l];
      maximum[l] = is_higher ? high : maximum[l];
      time_of_minimum[l] = is_lower ? fma_(where_low, h, start[l]) : time_of_minimum[l];
      minimum[l] = is_lower ? low : minimum[l];
      const double area = h / 90.0 * (7.0 * (v0 + v4) + 32.0 * (v1 + v3) + 12.0 * v2);
      integral[l] += is_on ? area : 0.0;
      last[l] = is_on ? v4 : last[l];

      const double s0 = -25.0 * v0 + 48.0 * v1 - 36.0 * v2 + 16.0 * v3 - 3.0 * v4;
      const double s1 = -3.0 * v0 - 10.0 * v1 + 18.0 * v2 - 6.0 * v3 + v4;
      const double s2 = v0 - 8.0 * v1 + 8.0 * v3 - v4;
      const double s3 = -v0 + 6.0 * v1 - 18.0 * v2 + 10.0 * v3 + 3.0 * v4;
      const double s4 = 3.0 * v0 - 16.0 * v1 + 36.0 * v2 - 48.0 * v3 + 25.0 * v4;
      const bool turns = (s0 * s1 < 0.0) | (s1 * s2 < 0.0) | (s2 * s3 < 0.0) | (s3 * s4 < 0.0);
      // Between samples the quartic leaves them by at most half a quarter step times its slope.
      double steepest = std::fabs(s0) > std::fabs(s4) ? std::fabs(s0) : std::fabs(s4);
      steepest = std::fabs(s1) > steepest ? std::fabs(s1) : steepest;
      steepest = std::fabs(s2) > steepest ? std::fabs(s2) : steepest;
      steepest = std::fabs(s3) > steepest ? std::fabs(s3) : steepest;
      const double reach = steepest / 12.0;
      const bool may_win = (high + reach > maximum[l]) | (low - reach < minimum[l]);
      const bool looks = is_on & turns & may_win;
      looks_closer[l] = looks ? 1.0 : 0.0;
      closer[l] = looks ? 1.0 : closer[l];
    }
  }
  double any = 0.0;
  for (int l = 0; l < L; ++l) any += closer[l];
  return any;
}

}  // namespace

bool metrics_gather(const simulate::MetricView& view) {
  switch (view.lanes) {
    case 8: return gather_rows<8>(view) > 0.0;
    case 16: return gather_rows<16>(view) > 0.0;
    default: return gather_rows<32>(view) > 0.0;
  }
}

}  // namespace krogh::KROGH_ISA
