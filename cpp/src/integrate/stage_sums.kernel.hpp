// Rows of lanes and sums over stages; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "integrate/lane_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

template <int L>
double* row(const integrate::LaneBlock& b, int number) {
  return b.registers + static_cast<long>(number) * L;
}

template <int L>
double* row_of(double* base, int number) {
  return base + static_cast<long>(number) * L;
}

template <int L>
void copy_rows(const double* from, double* to, int rows) {
  for (int i = 0; i < rows; ++i) {
    const double* source = from + static_cast<long>(i) * L;
    double* target = to + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) target[l] = source[l];
  }
}

/// Adds the infusion rates to the rows of the states that receive any.
template <int L>
void add_rates(const integrate::LaneBlock& b, double* rows, double sign) {
  const double* rates = row<L>(b, b.input_rate_register);
  for (int k = 0; k < b.num_input_states; ++k) {
    double* target = row_of<L>(rows, b.input_states[k]);
    const double* rate = rates + static_cast<long>(b.input_states[k]) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) target[l] = fma_(sign, rate[l], target[l]);
  }
}

/// Copy of weights that no store can change, so that they stay in registers over all rows.
template <int S>
struct Weights {
  explicit Weights(const double* from) {
    for (int j = 0; j < S; ++j) value[j] = from[j];
  }
  double value[static_cast<unsigned>(S)];
};

/// target = base + sum_j weights_j u_j over S stages.
template <int L, int S>
void sum_rows(const double* weights, const double* base, const double* u, long stride,
              double* target, int rows) {
  const Weights<S> w(weights);
  for (int i = 0; i < rows; ++i) {
    const double* u_i = u + static_cast<long>(i) * L;
    const double* base_i = base + static_cast<long>(i) * L;
    double* target_i = target + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = base_i[l];
      for (int j = 0; j < S; ++j) value = fma_(w.value[j], u_i[j * stride + l], value);
      target_i[l] = value;
    }
  }
}

template <int L>
void sum_stages(int stages, const double* weights, const double* base, const double* u, long stride,
                double* target, int rows) {
  switch (stages) {
    case 1: sum_rows<L, 1>(weights, base, u, stride, target, rows); break;
    case 2: sum_rows<L, 2>(weights, base, u, stride, target, rows); break;
    case 3: sum_rows<L, 3>(weights, base, u, stride, target, rows); break;
    case 4: sum_rows<L, 4>(weights, base, u, stride, target, rows); break;
    case 5: sum_rows<L, 5>(weights, base, u, stride, target, rows); break;
    case 6: sum_rows<L, 6>(weights, base, u, stride, target, rows); break;
    case 7: sum_rows<L, 7>(weights, base, u, stride, target, rows); break;
    default: sum_rows<L, 8>(weights, base, u, stride, target, rows);
  }
}

/// target = sum_j weights_j u_j over S stages.
template <int L, int S>
void weigh_rows(const double* weights, const double* u, long stride, double* target, int rows) {
  const Weights<S> w(weights);
  for (int i = 0; i < rows; ++i) {
    const double* u_i = u + static_cast<long>(i) * L;
    double* target_i = target + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = w.value[0] * u_i[l];
      for (int j = 1; j < S; ++j) value = fma_(w.value[j], u_i[j * stride + l], value);
      target_i[l] = value;
    }
  }
}

template <int L>
void weigh_stages(int stages, const double* weights, const double* u, long stride, double* target,
                  int rows) {
  switch (stages) {
    case 3: weigh_rows<L, 3>(weights, u, stride, target, rows); break;
    case 4: weigh_rows<L, 4>(weights, u, stride, target, rows); break;
    case 5: weigh_rows<L, 5>(weights, u, stride, target, rows); break;
    case 6: weigh_rows<L, 6>(weights, u, stride, target, rows); break;
    case 7: weigh_rows<L, 7>(weights, u, stride, target, rows); break;
    default: weigh_rows<L, 8>(weights, u, stride, target, rows);
  }
}

/// h (J s + dF/dp + d(rate)/dp) of one direction, J and dF/dp from the registers that the tape of
/// first derivatives has filled. `s` and `target` may not overlap.
template <int L>
void tangent_slopes(const integrate::LaneBlock& b, const integrate::TangentBlock& t, int direction,
                    const double* h, const double* s, double* target) {
  const int n = b.num_states;
  for (long q = 0; q < static_cast<long>(n) * L; ++q) target[q] = 0.0;
  for (int e = 0; e < t.num_entries; ++e) {
    double* out = row_of<L>(target, t.rows[e]);
    const double* jacobian = row<L>(b, t.jacobian_registers[e]);
    const double* tangent = s + static_cast<long>(t.columns[e]) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) out[l] = fma_(jacobian[l], tangent[l], out[l]);
  }
  for (int q = t.source_offsets[direction]; q < t.source_offsets[direction + 1]; ++q) {
    double* out = row_of<L>(target, t.source_rows[q]);
    const double* source = row<L>(b, t.source_registers[q]);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) out[l] += source[l];
  }
  const double* rates = t.input_rates + static_cast<long>(direction) * n * L;
  for (int q = 0; q < b.num_input_states; ++q) {
    double* out = row_of<L>(target, b.input_states[q]);
    const double* rate = rates + static_cast<long>(b.input_states[q]) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) out[l] += rate[l];
  }
  for (int i = 0; i < n; ++i) {
    double* out = row_of<L>(target, i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) out[l] *= h[l];
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
