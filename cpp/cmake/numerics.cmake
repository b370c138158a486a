# Floating-point and optimization flags, each with its reason.
# SPDX-License-Identifier: BSD-3-Clause

add_library(krogh_numerics INTERFACE)
target_compile_options(krogh_numerics INTERFACE
  # a*b + c is fused only where the source says fma_(a, b, c): otherwise bits would differ between
  # compilers and between baseline and kernels.
  -ffp-contract=off
  # sqrt and friends need not set errno, so they become instructions.
  -fno-math-errno
  # No floating-point exception is trapped, so both sides of a choice may be evaluated: without it
  # loops with a condition do not vectorize. Values are not affected.
  -fno-trapping-math)
# Never -ffast-math: it breaks isfinite, the order of sums and the compensated logarithm.

# Loops marked "omp simd" are vectorized; this needs no OpenMP run-time library.
set(KROGH_KERNEL_OPTIONS -fopenmp-simd -O3)

if(KROGH_NATIVE)
  target_compile_options(krogh_numerics INTERFACE -march=native)
endif()
