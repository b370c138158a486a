// Step selection, error norm and acceptance for a block of lanes; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "integrate/lane_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Sets step_used: the proposal, or for restarting lanes a step from the sizes of state and slope
/// (Hairer, Norsett & Wanner, Solving ODEs I, 1993, II.4), never past the next stop. A remainder
/// of less than two steps is halved so that the last step is not a sliver.
template <int L>
void choose_step(integrate::LaneBlock& b, const double* slopes) {
  alignas(64) double size[static_cast<unsigned>(L)];
  alignas(64) double slope[static_cast<unsigned>(L)];
  for (int l = 0; l < L; ++l) size[l] = slope[l] = 0.0;
  bool any = false;
  for (int l = 0; l < L; ++l) any = any || b.restart[l] > 0.0;
  if (any) {
    for (int i = 0; i < b.num_states; ++i) {
      const long at = static_cast<long>(i) * L;
      const double atol = b.atol[i];
      KROGH_SIMD
      for (int l = 0; l < L; ++l) {
        const double scale = 1.0 / fma_(b.rtol, __builtin_fabs(b.y[at + l]), atol);
        const double value = b.y[at + l] * scale;
        const double rate = slopes[at + l] * scale;
        size[l] = fma_(value, value, size[l]);
        slope[l] = fma_(rate, rate, slope[l]);
      }
    }
  }
  const double inverse_n = 1.0 / b.num_states;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    const double d0 = __builtin_sqrt(size[l] * inverse_n);
    const double d1 = __builtin_sqrt(slope[l] * inverse_n);
    // As in the cited recipe: 1 % of the time in which the slope would change the state by its own
    // size; where either is negligible, a millionth of what remains.
    const double guess = (d0 > 1e-5 && d1 > 1e-5) ? 0.01 * (d0 / d1) : 1e-6 * b.remaining[l];
    double h = b.restart[l] == 1.0 ? (guess < b.step[l] ? guess : b.step[l]) : b.step[l];
    h = b.control.fixed_step > 0.0 ? b.control.fixed_step : h;
    h = h < b.max_step[l] ? h : b.max_step[l];
    const double left = b.remaining[l];
    const bool is_last = h * 1.000001 >= left;
    const bool is_near = b.control.fixed_step <= 0.0 && h * 2.0 > left;
    h = is_last ? left : (is_near ? 0.5 * left : h);
    b.step_used[l] = h;
  }
}

template <int L>
void clear_error(integrate::LaneBlock& b) {
  for (int l = 0; l < L; ++l) b.error[l] = 0.0;
}

/// Adds the squares of the weighted errors of `rows` components.
template <int L>
void add_error(integrate::LaneBlock& b, const double* defect, const double* before,
               const double* after, const double* atol, int rows) {
  for (int i = 0; i < rows; ++i) {
    const long at = static_cast<long>(i) * L;
    const double floor = atol[i];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double start = __builtin_fabs(before[at + l]);
      const double end = __builtin_fabs(after[at + l]);
      const double scale = fma_(b.rtol, start > end ? start : end, floor);
      const double weighted = defect[at + l] / scale;
      b.error[l] = fma_(weighted, weighted, b.error[l]);
      // A value that is not finite at the end must not hide behind an infinite scale.
      b.error[l] = end < 1e300 ? b.error[l] : __builtin_nan("");
    }
  }
}

/// Root mean square, acceptance and the next step. Written with numbers in place of truth values,
/// so that the loop over lanes vectorizes.
template <int L>
void judge_step(integrate::LaneBlock& b, int count) {
  const integrate::StepControl c = b.control;
  const double inverse_count = 1.0 / count;
  const double error_limit = c.fixed_step > 0.0 ? 1e300 : 1.0;
  double* const error_row = b.error;
  double* const before_row = b.error_before;
  double* const step_row = b.step;
  double* const restart_row = b.restart;
  double* const accepted_row = b.accepted;
  const double* const used_row = b.step_used;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    const double error = __builtin_sqrt(error_row[l] * inverse_count);
    const double finite = error < 1e300 ? 1.0 : 0.0;
    const double accepted = error <= error_limit ? finite : 0.0;
    const double bounded = error > 1e-10 ? error : 1e-10;
    const double now = finite > 0.0 ? bounded : 1.0;
    double factor = c.safety * exp_(fma_(-c.exponent, log_(now), c.memory * log_(before_row[l])));
    factor = factor < c.largest_shrink ? c.largest_shrink : factor;
    factor = factor > c.largest_growth ? c.largest_growth : factor;
    const double shrink = factor < 0.9 ? factor : 0.9;
    factor = accepted > 0.0 ? factor : shrink;
    factor = finite > 0.0 ? factor : 0.25;
    const double used = used_row[l];
    const double proposal = used * factor;
    // A step cut short by a stop does not shrink the proposal that was made before it.
    const double step = step_row[l];
    const double restart = restart_row[l];
    double cut = used < 0.999 * step ? accepted : 0.0;
    cut = restart == 0.0 ? cut : 0.0;
    cut = factor >= 1.0 ? cut : 0.0;
    const double larger = proposal < step ? step : proposal;
    step_row[l] = cut > 0.0 ? larger : proposal;
    error_row[l] = error;
    accepted_row[l] = accepted > 0.0 ? 1.0 : finite - 1.0;
    const double remembered = bounded > 1e-4 ? bounded : 1e-4;
    before_row[l] = accepted > 0.0 ? remembered : before_row[l];
    const double again = restart > 0.0 ? 2.0 : 0.0;
    restart_row[l] = accepted > 0.0 ? 0.0 : again;
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
