// Explicit Runge-Kutta step on a block of lanes, each with its own time and step size.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/stage_sums.kernel.hpp"
#include "integrate/step_control.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::ExplicitTableau;
using integrate::LaneBlock;
using integrate::TangentBlock;

/// Slopes at the start of the step: those of the last stage where the step before was accepted,
/// those of the start where it was not, and a fresh evaluation where a discontinuity lies between.
template <int L>
void start_slopes(LaneBlock& b) {
  const int n = b.num_states;
  bool any = false;
  for (int l = 0; l < L; ++l) any = any || b.stale[l] > 0.0;
  for (int i = 0; i < n; ++i) {
    double* first = row_of<L>(b.first_slope, i);
    const double* last = b.last_slope + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) first[l] = b.accepted[l] > 0.0 ? last[l] : first[l];
  }
  if (!any) return;
  copy_rows<L>(b.time, row<L>(b, b.time_register), 1);
  copy_rows<L>(b.y, row<L>(b, b.state_register), n);
  b.rhs->run(b.registers);
  double* slopes = row<L>(b, b.slope_register);
  add_rates<L>(b, slopes, 1.0);
  for (int i = 0; i < n; ++i) {
    double* first = row_of<L>(b.first_slope, i);
    const double* fresh = slopes + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) first[l] = b.stale[l] > 0.0 ? fresh[l] : first[l];
  }
  for (int l = 0; l < L; ++l) {
    b.evaluations[l] += b.stale[l] > 0.0 ? 1.0 : 0.0;
    b.stale[l] = 0.0;
  }
}

/// Tangents of one stage: the variational equations along the stage's state, which stands in the
/// registers.
template <int L>
void tangent_stage(const ExplicitTableau& tableau, LaneBlock& b, TangentBlock& t, int stage) {
  const int n = b.num_states;
  double* scratch = row<L>(b, b.sum_register);
  const long stride = static_cast<long>(t.count) * n * L;
  t.first_order->run(b.registers);
  for (int k = 0; k < t.count; ++k) {
    const long first = static_cast<long>(k) * n * L;
    double* u = t.stage_values + first;
    const double* s = t.s + first;
    if (stage > 0) {
      sum_stages<L>(stage, tableau.a[stage], s, u, stride, scratch, n);
      s = scratch;
      if (stage == tableau.stages - 1) copy_rows<L>(scratch, t.s_new + first, n);
    }
    tangent_slopes<L>(b, t, k, b.step_used, s, u + stage * stride);
  }
}

/// Notices steps whose length is held by stability: for the last two stages, both at the end of the
/// step, |k7 - k6|/|y7 - y6| is close to the dominant eigenvalue there (Hairer & Wanner, Solving
/// ODEs II, 1996, IV.2, eq. 2.22; six calm steps in a row clear the count, as in their DOPRI5).
/// Steps longer than 0.6 of the stability interval count: there a mode is not followed but damped,
/// and an implicit method is faster (measured at rtol 1e-8 on TMDD). The sixth stage's state stands
/// in the rows of the dense output.
template <int L>
void watch_stiffness(const ExplicitTableau& tableau, LaneBlock& b) {
  const int n = b.num_states;
  const long stride = static_cast<long>(n) * L;
  const double* last = b.stage_values + (tableau.stages - 1) * stride;
  const double* before = last - stride;
  alignas(64) double slope_change[static_cast<unsigned>(L)], change[static_cast<unsigned>(L)];
  for (int l = 0; l < L; ++l) slope_change[l] = change[l] = 0.0;
  for (int i = 0; i < n; ++i) {
    const long at = static_cast<long>(i) * L;
    const double atol = b.atol[i];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double scale = 1.0 / fma_(b.rtol, __builtin_fabs(b.y_new[at + l]), atol);
      const double k = (last[at + l] - before[at + l]) * scale;
      const double y = (b.y_new[at + l] - b.dense[at + l]) * scale;
      slope_change[l] = fma_(k, k, slope_change[l]);
      change[l] = fma_(y, y, change[l]);
    }
  }
  const double limit = 0.6 * tableau.stability_interval;
  double* const stiff = b.stiff_steps;
  double* const calm = b.calm_steps;
  const double* const accepted = b.accepted;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    const double counts = accepted[l] > 0.0 ? 1.0 : 0.0;
    const double held = slope_change[l] > limit * limit * change[l] ? counts : 0.0;
    const double quiet = held > 0.0 ? 0.0 : calm[l] + counts;
    stiff[l] = quiet >= 6.0 ? 0.0 : stiff[l] + held;
    calm[l] = quiet;
  }
}

template <int L>
void step(const ExplicitTableau& tableau, LaneBlock& b, TangentBlock* tangents) {
  const int n = b.num_states;
  const int stages = tableau.stages;
  const long stride = static_cast<long>(n) * L;
  double* time = row<L>(b, b.time_register);
  double* states = row<L>(b, b.state_register);
  double* slopes = row<L>(b, b.slope_register);
  double* defect = row<L>(b, b.sum_register);
  for (int l = 0; l < L; ++l) b.evaluations[l] = stages - 1;
  start_slopes<L>(b);
  choose_step<L>(b, b.first_slope);
  const double* h = b.step_used;
  for (int i = 0; i < n; ++i) {
    const double* slope = b.first_slope + static_cast<long>(i) * L;
    double* u = row_of<L>(b.stage_values, i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) u[l] = h[l] * slope[l];
  }
  if (tangents != nullptr) {
    copy_rows<L>(b.time, time, 1);
    copy_rows<L>(b.y, states, n);
    tangent_stage<L>(tableau, b, *tangents, 0);
  }
  for (int s = 1; s < stages; ++s) {
    sum_stages<L>(s, tableau.a[s], b.y, b.stage_values, stride, states, n);
    if (s == stages - 2) copy_rows<L>(states, b.dense, n);
    const double alpha = tableau.alpha[s];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) time[l] = fma_(alpha, h[l], b.time[l]);
    b.rhs->run(b.registers);
    add_rates<L>(b, slopes, 1.0);
    for (int i = 0; i < n; ++i) {
      const double* slope = slopes + static_cast<long>(i) * L;
      double* u = b.stage_values + s * stride + static_cast<long>(i) * L;
      KROGH_SIMD
      for (int l = 0; l < L; ++l) u[l] = h[l] * slope[l];
    }
    if (tangents != nullptr) tangent_stage<L>(tableau, b, *tangents, s);
  }
  copy_rows<L>(states, b.y_new, n);
  copy_rows<L>(slopes, b.last_slope, n);
  weigh_stages<L>(stages, tableau.e, b.stage_values, stride, defect, n);
  clear_error<L>(b);
  add_error<L>(b, defect, b.y, b.y_new, b.atol, n);
  int total = n;
  if (tangents != nullptr && tangents->atol != nullptr) {
    const long tangent_stride = static_cast<long>(tangents->count) * n * L;
    for (int k = 0; k < tangents->count; ++k) {
      const long first = static_cast<long>(k) * n * L;
      weigh_stages<L>(stages, tableau.e, tangents->stage_values + first, tangent_stride, defect, n);
      add_error<L>(b, defect, tangents->s + first, tangents->s_new + first,
                   tangents->atol + static_cast<long>(k) * n, n);
      total += n;
    }
  }
  judge_step<L>(b, total);
  watch_stiffness<L>(tableau, b);
}

}  // namespace

void explicit_step(const ExplicitTableau& tableau, LaneBlock& block, TangentBlock* tangents) {
  switch (block.lanes) {
    case 8: step<8>(tableau, block, tangents); break;
    case 16: step<16>(tableau, block, tangents); break;
    default: step<32>(tableau, block, tangents);
  }
}

}  // namespace krogh::KROGH_ISA
