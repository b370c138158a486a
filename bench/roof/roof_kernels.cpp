// The two loops of the machine roof, compiled once per instruction set.
// SPDX-License-Identifier: BSD-3-Clause

#include "roof_kernels.hpp"

namespace krogh_bench::KROGH_BENCH_ISA {

#if defined(__AVX512F__)
constexpr int width = 8;
#elif defined(__AVX2__)
constexpr int width = 4;
#else
constexpr int width = 2;
#endif

using Vector = double __attribute__((vector_size(width * sizeof(double))));

// Twelve chains hide a latency of four to five cycles on two units and fit sixteen registers.
constexpr int num_chains = 12;

double multiply_add(long num_rounds, double* sink) {
  Vector chains[num_chains];
  for (int i = 0; i < num_chains; ++i) chains[i] = Vector{} + 0.1 * i;
  const Vector factor = Vector{} + 0.999;
  const Vector shift = Vector{} + 1e-3;
  for (long round = 0; round < num_rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < num_chains; ++i) chains[i] = chains[i] * factor + shift;
  }
  Vector sum{};
  for (int i = 0; i < num_chains; ++i) sum += chains[i];
  for (int i = 0; i < width; ++i) *sink += sum[i];
  return 2.0 * width * num_chains * static_cast<double>(num_rounds);
}

double triad(double* a, const double* b, const double* c, long n) {
  for (long i = 0; i < n; ++i) a[i] = b[i] + 3.0 * c[i];
  return 24.0 * static_cast<double>(n);
}

}  // namespace krogh_bench::KROGH_BENCH_ISA
