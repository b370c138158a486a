// Loops that measure the arithmetic and memory roofs, one copy per instruction set.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#define KROGH_BENCH_DECLARE_ROOF(isa)                                \
  namespace krogh_bench::isa {                                       \
  double multiply_add(long num_rounds, double* sink);                \
  double triad(double* a, const double* b, const double* c, long n); \
  }

/// multiply_add: runs `num_rounds` rounds of independent chains x <- x*f + s; returns the number of
/// floating-point operations (a multiply-add counts two) and adds the chains to `sink`.
/// triad: a = b + 3 c; returns bytes moved as STREAM counts them (McCalpin 1995): 24 an element.
KROGH_BENCH_DECLARE_ROOF(x86_v2)
KROGH_BENCH_DECLARE_ROOF(x86_v3)
KROGH_BENCH_DECLARE_ROOF(x86_v4)
KROGH_BENCH_DECLARE_ROOF(plain)

#undef KROGH_BENCH_DECLARE_ROOF
