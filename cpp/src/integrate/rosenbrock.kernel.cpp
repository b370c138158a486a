// Rosenbrock step on a block of lanes, each with its own time and step size.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/stage_sums.kernel.hpp"
#include "integrate/step_control.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::LaneBlock;
using integrate::RosenbrockTableau;
using integrate::TangentBlock;

/// Stage state y + sum a_j u_j and negative stage sum -(1/h) sum c_j u_j from S earlier stages.
template <int L, int S>
void combine(const double* a, const double* c, const double* y, const double* u, long stage_stride,
             const double* inverse_step, double* stage_state, double* sum, int num_rows) {
  const Weights<S> of_state(a);
  const Weights<S> of_sum(c);
  for (int i = 0; i < num_rows; ++i) {
    const double* u_i = u + static_cast<long>(i) * L;
    const double* y_i = y + static_cast<long>(i) * L;
    double* state_i = stage_state + static_cast<long>(i) * L;
    double* sum_i = sum + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = y_i[l];
      double total = 0.0;
      for (int j = 0; j < S; ++j) {
        const double u_j = u_i[j * stage_stride + l];
        value = fma_(of_state.value[j], u_j, value);
        total = fma_(of_sum.value[j], u_j, total);
      }
      state_i[l] = value;
      sum_i[l] = -(total * inverse_step[l]);
    }
  }
}

template <int L>
void combine_stages(int stage, const double* a, const double* c, const double* y, const double* u,
                    long stride, const double* inverse_step, double* state, double* sum, int rows) {
  switch (stage) {
    case 1: combine<L, 1>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    case 2: combine<L, 2>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    case 3: combine<L, 3>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    case 4: combine<L, 4>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    case 5: combine<L, 5>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    case 6: combine<L, 6>(a, c, y, u, stride, inverse_step, state, sum, rows); break;
    default: combine<L, 7>(a, c, y, u, stride, inverse_step, state, sum, rows);
  }
}

/// y + sum weights_j u_j over all stages, and optionally the error sum.
template <int L, int S>
void finish_rows(const RosenbrockTableau& tableau, const double* y, const double* u, long stride,
                 double* y_new, double* error, int rows) {
  const Weights<S> of_state(tableau.m);
  const Weights<S> of_error(tableau.e);
  for (int i = 0; i < rows; ++i) {
    const long at = static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = y[at + l];
      double defect = 0.0;
      for (int j = 0; j < S; ++j) {
        const double u_j = u[j * stride + at + l];
        value = fma_(of_state.value[j], u_j, value);
        defect = fma_(of_error.value[j], u_j, defect);
      }
      y_new[at + l] = value;
      error[at + l] = defect;
    }
  }
}

template <int L>
void finish(const RosenbrockTableau& tableau, const double* y, const double* u, long stride,
            double* y_new, double* error, int rows) {
  switch (tableau.stages) {
    case 4: finish_rows<L, 4>(tableau, y, u, stride, y_new, error, rows); break;
    case 6: finish_rows<L, 6>(tableau, y, u, stride, y_new, error, rows); break;
    default: finish_rows<L, 8>(tableau, y, u, stride, y_new, error, rows);
  }
}

/// Stage coefficients c_j gamma: the register holds 1/(h gamma) where the formula has 1/h.
void scale_sums(const RosenbrockTableau& tableau, int stage, double* scaled) {
  for (int j = 0; j < stage; ++j) scaled[j] = tableau.c[stage][j] * tableau.gamma;
}

/// Tangents of one stage: for each direction the right-hand side of the variational system, with
/// the second-derivative term of the augmented Jacobian, and one more solve with the same factors.
/// The block-triangular augmented Jacobian keeps the order of methods that need an exact one
/// (Hairer & Wanner, Solving ODEs II, 1996, IV.7).
template <int L>
void tangent_stage(const RosenbrockTableau& tableau, LaneBlock& b, TangentBlock& t, int stage,
                   const double* h, const double* u_stage) {
  const int n = b.num_states;
  double* states = row<L>(b, b.state_register);
  double* sums = row<L>(b, b.sum_register);
  const double* inverse_step = row<L>(b, b.inverse_step_register);
  t.first_order->run(b.registers);
  copy_rows<L>(b.y, states, n);
  copy_rows<L>(b.time, row<L>(b, b.time_register), 1);
  copy_rows<L>(u_stage, row<L>(b, t.direction_register), n);
  double* time_direction = row<L>(b, t.direction_register + n);
  const double weight = tableau.gamma_i[stage];
  for (int l = 0; l < L; ++l) time_direction[l] = h[l] * weight;
  t.second_order->run(b.registers);
  const long stride = static_cast<long>(t.count) * n * L;
  double c[8];
  scale_sums(tableau, stage, c);
  for (int k = 0; k < t.count; ++k) {
    const long first = static_cast<long>(k) * n * L;
    const double* s = t.s + first;
    double* u = t.stage_values + first;
    if (stage == 0) {
      copy_rows<L>(s, states, n);
      for (long q = 0; q < static_cast<long>(n) * L; ++q) sums[q] = 0.0;
    } else {
      combine_stages<L>(stage, tableau.a[stage], c, s, u, stride, inverse_step, states, sums, n);
    }
    for (int e = 0; e < t.num_entries; ++e) {
      double* target = row_of<L>(sums, t.rows[e]);
      const double* jacobian = row<L>(b, t.jacobian_registers[e]);
      const double* tangent = row_of<L>(states, t.columns[e]);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) target[l] = fma_(-jacobian[l], tangent[l], target[l]);
      if (t.curvature_registers[e] < 0) continue;
      const double* curvature = row<L>(b, t.curvature_registers[e]);
      const double* start = s + static_cast<long>(t.columns[e]) * L;
      KROGH_SIMD
      for (int l = 0; l < L; ++l) target[l] = fma_(-curvature[l], start[l], target[l]);
    }
    for (int q = t.source_offsets[k]; q < t.source_offsets[k + 1]; ++q) {
      double* target = row_of<L>(sums, t.source_rows[q]);
      const double* source = row<L>(b, t.source_registers[q]);
      for (int l = 0; l < L; ++l) target[l] -= source[l];
      if (t.source_curvature_registers[q] < 0) continue;
      const double* curvature = row<L>(b, t.source_curvature_registers[q]);
      for (int l = 0; l < L; ++l) target[l] -= curvature[l];
    }
    const double* rates = t.input_rates + first;
    for (int q = 0; q < b.num_input_states; ++q) {
      const int i = b.input_states[q];
      for (int l = 0; l < L; ++l)
        sums[static_cast<long>(i) * L + l] -= rates[static_cast<long>(i) * L + l];
    }
    b.solve->run(b.registers);
    copy_rows<L>(row<L>(b, b.solution_register), u + stage * stride, n);
  }
}

/// sums -= h weight dF/dt
template <int L>
void add_time_slopes(const LaneBlock& b, double weight, double* sums) {
  if (b.time_slope_register < 0 || weight == 0.0) return;
  const double* time_slopes = row<L>(b, b.time_slope_register);
  for (int i = 0; i < b.num_states; ++i) {
    double* sum = row_of<L>(sums, i);
    const double* slope = time_slopes + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) sum[l] = fma_(-(b.step_used[l] * weight), slope[l], sum[l]);
  }
}

template <int L>
void step(const RosenbrockTableau& tableau, LaneBlock& b, TangentBlock* tangents) {
  const int n = b.num_states;
  double* time = row<L>(b, b.time_register);
  double* states = row<L>(b, b.state_register);
  double* sums = row<L>(b, b.sum_register);
  double* slopes = row<L>(b, b.slope_register);
  double* inverse_step = row<L>(b, b.inverse_step_register);
  const long stride = static_cast<long>(n) * L;

  copy_rows<L>(b.time, time, 1);
  copy_rows<L>(b.y, states, n);
  b.rhs_jacobian->run(b.registers);
  add_rates<L>(b, slopes, 1.0);
  choose_step<L>(b, slopes);
  const double* h = b.step_used;
  const double gamma = tableau.gamma;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    inverse_step[l] = 1.0 / (h[l] * gamma);
    b.evaluations[l] = tableau.stages;
  }
  for (int i = 0; i < n; ++i) {
    double* sum = row_of<L>(sums, i);
    const double* slope = slopes + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) sum[l] = -slope[l];
  }
  add_time_slopes<L>(b, tableau.gamma_i[0], sums);
  b.factor->run(b.registers);
  if (tangents != nullptr) tangent_stage<L>(tableau, b, *tangents, 0, h, b.stage_values);

  for (int s = 1; s < tableau.stages; ++s) {
    double c[8];
    scale_sums(tableau, s, c);
    combine_stages<L>(s, tableau.a[s], c, b.y, b.stage_values, stride, inverse_step, states, sums,
                      n);
    add_rates<L>(b, sums, -1.0);
    add_time_slopes<L>(b, tableau.gamma_i[s], sums);
    const double alpha = tableau.alpha[s];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) time[l] = fma_(alpha, h[l], b.time[l]);
    b.stage[s]->run(b.registers);
    if (tangents != nullptr)
      tangent_stage<L>(tableau, b, *tangents, s, h, b.stage_values + s * stride);
  }
  // The error rows share memory with the sums, which are no longer needed.
  finish<L>(tableau, b.y, b.stage_values, stride, b.y_new, sums, n);
  clear_error<L>(b);
  add_error<L>(b, sums, b.y, b.y_new, b.atol, n);
  int total = n;
  if (tangents != nullptr) {
    const long tangent_stride = static_cast<long>(tangents->count) * n * L;
    for (int k = 0; k < tangents->count; ++k) {
      const long first = static_cast<long>(k) * n * L;
      finish<L>(tableau, tangents->s + first, tangents->stage_values + first, tangent_stride,
                tangents->s_new + first, sums, n);
      if (tangents->atol == nullptr) continue;
      add_error<L>(b, sums, tangents->s + first, tangents->s_new + first,
                   tangents->atol + static_cast<long>(k) * n, n);
      total += n;
    }
  }
  judge_step<L>(b, total);
}

/// Refines states inside the step, which stand in the registers for the fractions `theta` of it, by
/// one Newton step on what the polynomial leaves over in the equations. With the polynomial p, its
/// error e and z = h gamma J,
///
///   delta = (1/(h gamma) - J)^-1 (F(p) - p'/h) = (1 - z)^-1 (z e - gamma e') + O(e^2),
///   p + delta - (1 - z)^-1 delta  has the error  e - z (1 - z)^-2 (gamma e' - z e) + O(e^2):
///
/// where z is small nothing changes in the leading order; where it is large, in components that
/// follow the others at once and in which the polynomial through stage values is poor, the error
/// falls to e / z. At the ends of the step e is zero and nothing needs to be done.
template <int L>
void refine(LaneBlock& b, const double* theta) {
  const int n = b.num_states;
  const long stride = static_cast<long>(n) * L;
  double* states = row<L>(b, b.state_register);
  double* sums = row<L>(b, b.sum_register);
  const double* slopes = row<L>(b, b.slope_register);
  const double* inverse_step = row<L>(b, b.inverse_step_register);
  b.rhs_jacobian->run(b.registers);
  for (long at = 0; at < stride; at += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double th = theta[l];
      const double k1 = b.dense[at + l];
      const double k2 = b.dense[stride + at + l];
      const double k3 = b.dense[2 * stride + at + l];
      const double inner = fma_(th, fma_(th, k3, k2), k1);
      const double inner_slope = fma_(2.0 * th, k3, k2);
      double slope = b.y_new[at + l] - b.y[at + l];
      slope = fma_(1.0 - 2.0 * th, inner, slope);
      slope = fma_(th * (1.0 - th), inner_slope, slope);
      sums[at + l] = slope / b.step_used[l] - slopes[at + l];
    }
  }
  add_rates<L>(b, sums, -1.0);
  b.factor->run(b.registers);
  double* delta = b.stage_values;  // where the factors' own solution goes; no stage is needed now
  for (long at = 0; at < stride; at += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) sums[at + l] = -(inverse_step[l] * delta[at + l]);
  }
  b.solve->run(b.registers);
  const double* mild = row<L>(b, b.solution_register);
  for (long at = 0; at < stride; at += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double correction = delta[at + l] - mild[at + l];
      // Where the equations have no value at the polynomial's state, that state stands.
      states[at + l] += __builtin_fabs(correction) < 1e300 ? correction : 0.0;
    }
  }
}

}  // namespace

void rosenbrock_refine(LaneBlock& block, const double* theta) {
  switch (block.lanes) {
    case 8: refine<8>(block, theta); break;
    case 16: refine<16>(block, theta); break;
    default: refine<32>(block, theta);
  }
}

void rosenbrock_step(const RosenbrockTableau& tableau, LaneBlock& block, TangentBlock* tangents) {
  switch (block.lanes) {
    case 8: step<8>(tableau, block, tangents); break;
    case 16: step<16>(tableau, block, tangents); break;
    default: step<32>(tableau, block, tangents);
  }
}

}  // namespace krogh::KROGH_ISA
