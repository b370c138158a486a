// Measures the machine roof, peak multiply-add rate and STREAM triad, on one and on all threads.
// SPDX-License-Identifier: BSD-3-Clause
//
// Usage: krogh_roof [num_threads]   (default: as many as the process may use)
// Prints one JSON object. Rates are the best and the median of the repeats.

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "roof_kernels.hpp"

namespace {

using Clock = std::chrono::steady_clock;

struct Kernels {
  const char* name;
  double (*multiply_add)(long, double*);
  double (*triad)(double*, const double*, const double*, long);
};

#define KROGH_BENCH_KERNELS(isa) \
  Kernels { #isa, krogh_bench::isa::multiply_add, krogh_bench::isa::triad }

Kernels select_kernels() {
#ifdef KROGH_BENCH_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    return KROGH_BENCH_KERNELS(x86_v4);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    return KROGH_BENCH_KERNELS(x86_v3);
  }
  return KROGH_BENCH_KERNELS(x86_v2);
#else
  return KROGH_BENCH_KERNELS(plain);
#endif
}

struct Rate {
  double best;
  double median;
};

Rate summarize(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2]};
}

/// Rates of `num_repeats` rounds of `work(thread)`, which returns its amount of work, run on all
/// threads at once between two barriers.
Rate measure(int num_threads, int num_repeats, const std::function<double(int)>& work) {
  std::vector<double> amounts(static_cast<std::size_t>(num_threads));
  std::vector<double> rates;
  std::barrier gate(num_threads);
  auto body = [&](int thread) {
    for (int repeat = -1; repeat < num_repeats; ++repeat) {  // round -1 warms up
      gate.arrive_and_wait();
      const auto start = Clock::now();
      amounts[static_cast<std::size_t>(thread)] = work(thread);
      gate.arrive_and_wait();
      const std::chrono::duration<double> seconds = Clock::now() - start;
      if (thread == 0 && repeat >= 0) {
        double amount = 0.0;
        for (double a : amounts) amount += a;
        rates.push_back(amount / seconds.count());
      }
      gate.arrive_and_wait();
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 1; thread < num_threads; ++thread) threads.emplace_back(body, thread);
  body(0);
  for (auto& thread : threads) thread.join();
  return summarize(std::move(rates));
}

Rate measure_multiply_add(const Kernels& kernels, int num_threads) {
  std::vector<double> sinks(static_cast<std::size_t>(num_threads) * 8);
  return measure(num_threads, 15, [&](int thread) {
    return kernels.multiply_add(4'000'000, &sinks[static_cast<std::size_t>(thread) * 8]);
  });
}

Rate measure_triad(const Kernels& kernels, int num_threads) {
  constexpr long n = 8'000'000;  // 64 MB an array: far outside the last cache
  struct Arrays {
    std::vector<double> a, b, c;
  };
  std::vector<Arrays> arrays(static_cast<std::size_t>(num_threads));
  return measure(num_threads, 15, [&](int thread) {
    auto& [a, b, c] = arrays[static_cast<std::size_t>(thread)];
    if (a.empty()) {  // first touched by the thread that uses them
      a.assign(n, 0.0);
      b.assign(n, 1.0);
      c.assign(n, 2.0);
    }
    return kernels.triad(a.data(), b.data(), c.data(), n);
  });
}

void print(const char* key, Rate rate, const char* end) {
  std::printf("  \"%s\": {\"best\": %.4g, \"median\": %.4g}%s\n", key, rate.best * 1e-9,
              rate.median * 1e-9, end);
}

}  // namespace

int main(int argc, char** argv) {
  const Kernels kernels = select_kernels();
  int num_threads = argc > 1 ? std::atoi(argv[1]) : 0;
  if (num_threads <= 0)
    num_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::printf("{\n  \"instruction_set\": \"%s\",\n  \"num_threads\": %d,\n", kernels.name,
              num_threads);
  print("gflops_one_thread", measure_multiply_add(kernels, 1), ",");
  print("gflops_all_threads", measure_multiply_add(kernels, num_threads), ",");
  print("triad_gb_per_s_one_thread", measure_triad(kernels, 1), ",");
  print("triad_gb_per_s_all_threads", measure_triad(kernels, num_threads), "");
  std::printf("}\n");
}
