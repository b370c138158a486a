// The TMDD law by hand: right-hand side and Jacobian in one pass over the lanes.
// SPDX-License-Identifier: BSD-3-Clause
#include "hand_law.hpp"

namespace krogh_bench::KROGH_BENCH_ISA {
namespace {

template <int L>
void law(const double* __restrict p, const double* __restrict y, double* __restrict f,
         double* __restrict jac) {
#pragma omp simd
  for (int l = 0; l < L; ++l) {
    const double ka = p[l], ka_v1 = p[L + l], loss = p[2 * L + l], q_v1 = p[3 * L + l];
    const double q_v2 = p[4 * L + l], kon = p[5 * L + l], koff = p[6 * L + l];
    const double off = p[7 * L + l], ksyn = p[8 * L + l], kdeg = p[9 * L + l];
    const double a = y[l], c = y[L + l], pe = y[2 * L + l], r = y[3 * L + l], rc = y[4 * L + l];
    const double kon_c = kon * c;
    const double kon_r = kon * r;
    const double bound = kon_c * r - koff * rc;
    f[l] = -ka * a;
    f[L + l] = ka_v1 * a - loss * c + q_v1 * pe - bound;
    f[2 * L + l] = q_v2 * (c - pe);
    f[3 * L + l] = ksyn - kdeg * r - bound;
    f[4 * L + l] = kon_c * r - off * rc;
    jac[l] = -(loss + kon_r);
    jac[L + l] = -kon_c;
    jac[2 * L + l] = kon_r;
    jac[3 * L + l] = -(kdeg + kon_c);
    jac[4 * L + l] = kon_c;
  }
}

}  // namespace

void hand_law(const double* parameters, const double* states, double* slopes, double* jacobian,
              int lanes) {
  switch (lanes) {
    case 8: law<8>(parameters, states, slopes, jacobian); break;
    case 16: law<16>(parameters, states, slopes, jacobian); break;
    default: law<32>(parameters, states, slopes, jacobian);
  }
}

}  // namespace krogh_bench::KROGH_BENCH_ISA
