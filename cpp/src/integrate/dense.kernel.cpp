// Continuous output of a step: its coefficients, and states inside the step.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/stage_sums.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

template <int L>
void dense_rows(const double (*weights)[8], int stages, const double* u, int rows, double* dense) {
  const long stride = static_cast<long>(rows) * L;
  for (int r = 0; r < 3; ++r)
    weigh_stages<L>(stages, weights[r], u, stride, dense + r * stride, rows);
}

/// y(theta) = (1 - theta) y + theta (y_new + (1 - theta) (k1 + theta (k2 + theta k3))).
template <int L>
void interpolate_rows(const double* y, const double* y_new, const double* dense,
                      const double* theta, int rows, double* target) {
  const long stride = static_cast<long>(rows) * L;
  for (long at = 0; at < stride; at += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double th = theta[l];
      const double inner =
          fma_(th, fma_(th, dense[2 * stride + at + l], dense[stride + at + l]), dense[at + l]);
      const double upper = fma_(1.0 - th, inner, y_new[at + l]);
      target[at + l] = (1.0 - th) * y[at + l] + th * upper;
    }
  }
}

}  // namespace

void dense_output(const double (*weights)[8], int stages, const double* stage_values, int rows,
                  int lanes, double* dense) {
  switch (lanes) {
    case 8: dense_rows<8>(weights, stages, stage_values, rows, dense); break;
    case 16: dense_rows<16>(weights, stages, stage_values, rows, dense); break;
    default: dense_rows<32>(weights, stages, stage_values, rows, dense);
  }
}

void interpolate(const double* y, const double* y_new, const double* dense, const double* theta,
                 int rows, int lanes, double* target) {
  switch (lanes) {
    case 8: interpolate_rows<8>(y, y_new, dense, theta, rows, target); break;
    case 16: interpolate_rows<16>(y, y_new, dense, theta, rows, target); break;
    default: interpolate_rows<32>(y, y_new, dense, theta, rows, target);
  }
}

}  // namespace krogh::KROGH_ISA
