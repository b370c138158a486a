// Step of the stabilized explicit method RKC2 on a block of lanes, each with its own time, step
// size and number of stages.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/stage_sums.kernel.hpp"
#include "integrate/step_control.kernel.hpp"

// Formulas: Sommeijer, Shampine & Verwer 1997, J. Comput. Appl. Math. 88:315,
// doi 10.1016/S0377-0427(97)00219-7, eqs. (2.1)-(2.9) and the error estimate (2.10).
//
//   Y_1 = y + m1 h F_0
//   Y_j = (1 - mu_j - nu_j) y + mu_j Y_{j-1} + nu_j Y_{j-2} + m_j h F(Y_{j-1}) + g_j h F_0
//   w0 = 1 + 2/(13 s^2), w1 = T_s'(w0)/T_s''(w0), b_j = T_j''(w0)/T_j'(w0)^2, b_0 = b_1 = b_2,
//   m1 = b_1 w1, mu_j = 2 w0 b_j/b_{j-1}, nu_j = -b_j/b_{j-2}, m_j = 2 w1 b_j/b_{j-1},
//   g_j = -(1 - b_{j-1} T_{j-1}(w0)) m_j
//   error = 0.8 (y - Y_s) + 0.4 h (F_0 + F(Y_s))
//
// Slots of the stage values: h F_0, h F(Y_s), Y_s - y, then two earlier stages in turn.

namespace krogh::KROGH_ISA {
namespace {

using integrate::LaneBlock;
using integrate::TangentBlock;

constexpr int sweeps_at_start = 8;  // scales that differ by 10^15 come within 10^0.06
constexpr int sweeps_per_step = 2;

/// Upper bound of the spectral radius of the Jacobian: for any positive vector d,
/// rho(J) <= rho(|J|) <= max_i (|J| d)_i / d_i (Collatz 1942, Math. Z. 48:221). The sweeps
/// d <- sqrt(d |J| d) lower the bound toward rho(|J|) whatever units the states are in; d is kept
/// from step to step.
template <int L>
void spectral_bound(LaneBlock& b, double* bound) {
  const int n = b.num_states;
  double* image = row<L>(b, b.sum_register);
  bool any = false;
  for (int l = 0; l < L; ++l) {
    any = any || b.stale[l] > 0.0;
    bound[l] = 1e300;
  }
  if (any)
    for (int i = 0; i < n; ++i)
      for (int l = 0; l < L; ++l)
        row_of<L>(b.balance, i)[l] = b.stale[l] > 0.0 ? 1.0 : row_of<L>(b.balance, i)[l];
  const int sweeps = any ? sweeps_at_start : sweeps_per_step;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (long q = 0; q < static_cast<long>(n) * L; ++q) image[q] = 0.0;
    for (int e = 0; e < b.num_entries; ++e) {
      double* out = row_of<L>(image, b.rows[e]);
      const double* jacobian = row<L>(b, b.jacobian_registers[e]);
      const double* weight = b.balance + static_cast<long>(b.columns[e]) * L;
      KROGH_SIMD
      for (int l = 0; l < L; ++l) out[l] = fma_(__builtin_fabs(jacobian[l]), weight[l], out[l]);
    }
    alignas(64) double largest[static_cast<unsigned>(L)];
    for (int l = 0; l < L; ++l) largest[l] = 0.0;
    for (int i = 0; i < n; ++i) {
      const double* out = image + static_cast<long>(i) * L;
      double* weight = row_of<L>(b.balance, i);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) {
        const double ratio = out[l] / weight[l];
        largest[l] = ratio > largest[l] ? ratio : largest[l];
        // A lane that needs few sweeps does not see those that another one needs.
        const bool moves = out[l] > 0.0 && (sweep < sweeps_per_step || b.stale[l] > 0.0);
        weight[l] = moves ? __builtin_sqrt(weight[l] * out[l]) : weight[l];
      }
    }
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const bool counts = sweep < sweeps_per_step || b.stale[l] > 0.0;
      bound[l] = counts && largest[l] < bound[l] ? largest[l] : bound[l];
    }
  }
  // Only ratios matter: keeps the weights within range.
  alignas(64) double heaviest[static_cast<unsigned>(L)];
  for (int l = 0; l < L; ++l) heaviest[l] = 0.0;
  for (int i = 0; i < n; ++i) {
    const double* weight = b.balance + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) heaviest[l] = weight[l] > heaviest[l] ? weight[l] : heaviest[l];
  }
  for (int i = 0; i < n; ++i) {
    double* weight = row_of<L>(b.balance, i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) weight[l] /= heaviest[l];
  }
  for (int l = 0; l < L; ++l) b.stale[l] = 0.0;
}

/// Chebyshev polynomial of the first kind and its derivatives at w0, by recurrence over the degree.
template <int L>
struct Chebyshev {
  alignas(64) double value[static_cast<unsigned>(L)], value_before[static_cast<unsigned>(L)];
  alignas(64) double first[static_cast<unsigned>(L)], first_before[static_cast<unsigned>(L)];
  alignas(64) double second[static_cast<unsigned>(L)], second_before[static_cast<unsigned>(L)];

  /// Degree 1, with degree 0 before it.
  void start(const double* w0) {
    for (int l = 0; l < L; ++l) {
      value[l] = w0[l];
      value_before[l] = first[l] = 1.0;
      first_before[l] = second[l] = second_before[l] = 0.0;
    }
  }
  void raise(const double* w0) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double two = 2.0 * w0[l];
      const double next = fma_(two, value[l], -value_before[l]);
      const double next_first = fma_(two, first[l], 2.0 * value[l] - first_before[l]);
      const double next_second = fma_(two, second[l], 4.0 * first[l] - second_before[l]);
      value_before[l] = value[l];
      first_before[l] = first[l];
      second_before[l] = second[l];
      value[l] = next;
      first[l] = next_first;
      second[l] = next_second;
    }
  }
};

/// Coefficients of one stage for every lane.
template <int L>
struct Stage {
  alignas(64) double mu[static_cast<unsigned>(L)], nu[static_cast<unsigned>(L)];
  alignas(64) double slope[static_cast<unsigned>(L)], first_slope[static_cast<unsigned>(L)];
  alignas(64) double moves[static_cast<unsigned>(L)];  ///< 0: the lane has had all its stages
};

/// One stage of `rows` values. `evaluated` is h F(Y_{j-1}); `older` is replaced by the new stage.
template <int L>
void advance(const Stage<L>& c, const double* y, const double* start, const double* evaluated,
             const double* newer, double* older, int rows) {
  for (int i = 0; i < rows; ++i) {
    const long at = static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      // Written in differences from y, which the sum of the weights (one) permits.
      const double base = y[at + l];
      double value = fma_(c.mu[l], newer[at + l] - base, base);
      value = fma_(c.nu[l], older[at + l] - base, value);
      value = fma_(c.slope[l], evaluated[at + l], value);
      value = fma_(c.first_slope[l], start[at + l], value);
      older[at + l] = c.moves[l] > 0.0 ? value : newer[at + l];
    }
  }
}

/// h F at the state and time in the registers.
template <int L>
void evaluate(LaneBlock& b, double* target) {
  b.rhs->run(b.registers);
  double* slopes = row<L>(b, b.slope_register);
  add_rates<L>(b, slopes, 1.0);
  for (int i = 0; i < b.num_states; ++i) {
    const double* slope = slopes + static_cast<long>(i) * L;
    double* out = row_of<L>(target, i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) out[l] = b.step_used[l] * slope[l];
  }
}

template <int L>
void finish_rows(const double* y, const double* y_new, double* u, long stride, double* defect,
                 int rows) {
  for (int i = 0; i < rows; ++i) {
    const long at = static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double change = y_new[at + l] - y[at + l];
      u[2 * stride + at + l] = change;
      defect[at + l] = fma_(0.4, u[at + l] + u[stride + at + l], -0.8 * change);
    }
  }
}

template <int L>
void step(LaneBlock& b, TangentBlock* t) {
  const int n = b.num_states;
  const long stride = static_cast<long>(n) * L;
  double* time = row<L>(b, b.time_register);
  double* states = row<L>(b, b.state_register);
  double* slopes = row<L>(b, b.slope_register);
  double* scratch = row<L>(b, b.sum_register);
  copy_rows<L>(b.time, time, 1);
  copy_rows<L>(b.y, states, n);
  b.rhs_jacobian->run(b.registers);
  add_rates<L>(b, slopes, 1.0);
  alignas(64) double bound[static_cast<unsigned>(L)];
  spectral_bound<L>(b, bound);
  choose_step<L>(b, slopes);

  // Stages by the stability limit 0.653 (s^2 - 1) of the damped polynomial; their number is bounded
  // so that round-off, which grows like s^2, stays a tenth of the tolerance (the cited paper, 3.2).
  const double by_round_off = __builtin_sqrt(b.rtol / (10.0 * 2.220446049250313e-16));
  const double most = by_round_off > 2.0 ? __builtin_floor(by_round_off) : 2.0;
  alignas(64) double count[static_cast<unsigned>(L)], w0[static_cast<unsigned>(L)],
      w1[static_cast<unsigned>(L)];
  double largest = 2.0;
  for (int l = 0; l < L; ++l) {
    const double stable = ((most - 1.0) * (most - 1.0) - 1.0) / 1.54;
    double h = b.step_used[l];
    if (b.control.fixed_step <= 0.0 && h * bound[l] > stable) h = stable / bound[l];
    b.step_used[l] = h;
    double s = 1.0 + __builtin_ceil(__builtin_sqrt(fma_(1.54 * h, bound[l], 1.0)));
    s = b.busy[l] > 0.0 && s < 1e9 ? (s > 2.0 ? s : 2.0) : 2.0;
    count[l] = s;
    w1[l] = 0.0;
    w0[l] = 1.0 + 2.0 / (13.0 * s * s);
    b.evaluations[l] = s + 1.0;
    largest = s > largest ? s : largest;
  }
  const double* h = b.step_used;
  Chebyshev<L> polynomial;
  polynomial.start(w0);
  for (double j = 2.0; j <= largest; j += 1.0) {
    polynomial.raise(w0);
    KROGH_SIMD
    for (int l = 0; l < L; ++l)
      w1[l] = j == count[l] ? polynomial.first[l] / polynomial.second[l] : w1[l];
  }

  double* const start = b.stage_values;
  double* const evaluated = b.stage_values + stride;
  double* newer = b.stage_values + 3 * stride;
  double* older = b.stage_values + 4 * stride;
  const long tangent_stride = t != nullptr ? static_cast<long>(t->count) * stride : 0;
  double* tangent_newer = t != nullptr ? t->stage_values + 3 * tangent_stride : nullptr;
  double* tangent_older = t != nullptr ? t->stage_values + 4 * tangent_stride : nullptr;
  alignas(64) double b_now[static_cast<unsigned>(L)], b_before[static_cast<unsigned>(L)],
      elapsed[static_cast<unsigned>(L)], elapsed_before[static_cast<unsigned>(L)];
  Stage<L> c;
  for (int l = 0; l < L; ++l) {
    b_now[l] = b_before[l] = 0.25 / (w0[l] * w0[l]);
    elapsed_before[l] = 0.0;
    elapsed[l] = b_now[l] * w1[l];
  }
  for (int i = 0; i < n; ++i) {
    const long at = static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      start[at + l] = h[l] * slopes[at + l];
      older[at + l] = b.y[at + l];
      newer[at + l] = fma_(elapsed[l], start[at + l], b.y[at + l]);
    }
  }
  if (t != nullptr) {
    t->first_order->run(b.registers);
    for (int k = 0; k < t->count; ++k) {
      const long first = static_cast<long>(k) * stride;
      tangent_slopes<L>(b, *t, k, h, t->s + first, t->stage_values + first);
      for (long q = 0; q < stride; ++q) {
        const double s = t->s[first + q];
        tangent_older[first + q] = s;
        tangent_newer[first + q] = fma_(elapsed[q % L], t->stage_values[first + q], s);
      }
    }
  }
  polynomial.start(w0);
  for (double j = 2.0; j <= largest; j += 1.0) {
    copy_rows<L>(newer, states, n);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) time[l] = fma_(elapsed[l], h[l], b.time[l]);
    evaluate<L>(b, evaluated);
    alignas(64) double damping[static_cast<unsigned>(L)];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) damping[l] = fma_(-b_now[l], polynomial.value[l], 1.0);
    polynomial.raise(w0);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double b_next = polynomial.second[l] / (polynomial.first[l] * polynomial.first[l]);
      const double ratio = 2.0 * (b_next / b_now[l]);
      c.mu[l] = ratio * w0[l];
      c.nu[l] = -b_next / b_before[l];
      c.slope[l] = ratio * w1[l];
      c.first_slope[l] = -damping[l] * c.slope[l];
      c.moves[l] = j <= count[l] ? 1.0 : 0.0;
      const double next = fma_(c.mu[l], elapsed[l],
                               fma_(c.nu[l], elapsed_before[l], c.slope[l] + c.first_slope[l]));
      elapsed_before[l] = elapsed[l];
      elapsed[l] = c.moves[l] > 0.0 ? next : elapsed[l];
      b_before[l] = b_now[l];
      b_now[l] = b_next;
    }
    advance<L>(c, b.y, start, evaluated, newer, older, n);
    double* swapped = newer;
    newer = older;
    older = swapped;
    if (t == nullptr) continue;
    t->first_order->run(b.registers);
    for (int k = 0; k < t->count; ++k) {
      const long first = static_cast<long>(k) * stride;
      double* tangent_evaluated = t->stage_values + tangent_stride + first;
      tangent_slopes<L>(b, *t, k, h, tangent_newer + first, tangent_evaluated);
      advance<L>(c, t->s + first, t->stage_values + first, tangent_evaluated, tangent_newer + first,
                 tangent_older + first, n);
    }
    double* tangent_swapped = tangent_newer;
    tangent_newer = tangent_older;
    tangent_older = tangent_swapped;
  }
  copy_rows<L>(newer, b.y_new, n);
  copy_rows<L>(newer, states, n);
  KROGH_SIMD
  for (int l = 0; l < L; ++l) time[l] = b.time[l] + h[l];
  evaluate<L>(b, evaluated);
  finish_rows<L>(b.y, b.y_new, b.stage_values, stride, scratch, n);
  clear_error<L>(b);
  add_error<L>(b, scratch, b.y, b.y_new, b.atol, n);
  int total = n;
  if (t != nullptr) {
    t->first_order->run(b.registers);
    copy_rows<L>(tangent_newer, t->s_new, n * t->count);
    for (int k = 0; k < t->count; ++k) {
      const long first = static_cast<long>(k) * stride;
      tangent_slopes<L>(b, *t, k, h, t->s_new + first, t->stage_values + tangent_stride + first);
      finish_rows<L>(t->s + first, t->s_new + first, t->stage_values + first, tangent_stride,
                     scratch, n);
      if (t->atol == nullptr) continue;
      add_error<L>(b, scratch, t->s + first, t->s_new + first, t->atol + static_cast<long>(k) * n,
                   n);
      total += n;
    }
  }
  judge_step<L>(b, total);
}

}  // namespace

/// The same bound for states and time in the registers, from scratch.
void bound_spectrum(LaneBlock& block, double* bound) {
  alignas(64) double stale[32];
  for (int l = 0; l < block.lanes; ++l) {
    stale[l] = block.stale[l];
    block.stale[l] = 1.0;
  }
  block.rhs_jacobian->run(block.registers);
  switch (block.lanes) {
    case 8: spectral_bound<8>(block, bound); break;
    case 16: spectral_bound<16>(block, bound); break;
    default: spectral_bound<32>(block, bound);
  }
  for (int l = 0; l < block.lanes; ++l) block.stale[l] = stale[l];
}

void stabilized_step(LaneBlock& block, TangentBlock* tangents) {
  switch (block.lanes) {
    case 8: step<8>(block, tangents); break;
    case 16: step<16>(block, tangents); break;
    default: step<32>(block, tangents);
  }
}

}  // namespace krogh::KROGH_ISA
