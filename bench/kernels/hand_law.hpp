// The TMDD law of bench/cases.py written by hand for blocks of lanes, one copy per instruction set.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

/// Rows of `lanes` doubles, structure of arrays. `parameters`: what the law needs of a patient,
/// prepared once as the tape's prologue does: ka, ka/V1, (CL + Q)/V1, Q/V1, Q/V2, kon, koff,
/// koff + kint, ksyn, kdeg. `states`: A, C, P, R, RC. `slopes`: their derivatives. `jacobian`: the
/// entries that depend on the states, -((CL+Q)/V1 + kon R), -kon C, kon R, -(kdeg + kon C), kon C.
#define KROGH_BENCH_DECLARE_HAND_LAW(isa)                                                         \
  namespace krogh_bench::isa {                                                                    \
  void hand_law(const double* parameters, const double* states, double* slopes, double* jacobian, \
                int lanes);                                                                       \
  }

KROGH_BENCH_DECLARE_HAND_LAW(x86_v2)
KROGH_BENCH_DECLARE_HAND_LAW(x86_v3)
KROGH_BENCH_DECLARE_HAND_LAW(x86_v4)
KROGH_BENCH_DECLARE_HAND_LAW(plain)

#undef KROGH_BENCH_DECLARE_HAND_LAW
