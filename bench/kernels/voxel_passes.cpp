// Passes of the voxels' linear solver beside a STREAM triad of the same run, one thread.
// SPDX-License-Identifier: BSD-3-Clause
//
// Usage: krogh_bench_voxels [cells] [components]. Writes JSON: ns a voxel, GB/s and the share of
// the triad's GB/s. Bytes are those that a pass has to move if every array it touches is read or
// written once (as STREAM counts, without reads of lines that are overwritten). Times are processor
// time of the thread, best of several.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/team.hpp"
#include "linalg/krylov.hpp"
#include "linalg/multigrid.hpp"

using namespace krogh;

namespace {

double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Best time of a call [s].
template <class Work>
double best(const Work& work) {
  double least = 1e300;
  for (int repeat = 0; repeat < 7; ++repeat) {
    const double start = seconds();
    int count = 0;
    do {
      work();
      ++count;
    } while (seconds() - start < 0.05);
    least = std::min(least, (seconds() - start) / count);
  }
  return least;
}

double triad() {
  constexpr std::size_t n = 1 << 24;
  std::vector<double> a(n, 0.0), b(n, 1.0), c(n, 2.0);
  const double time = best([&] {
    double* to = a.data();
    const double* from = b.data();
    const double* other = c.data();
    for (std::size_t i = 0; i < n; ++i) to[i] = from[i] + 3.0 * other[i];
    asm volatile("" ::"r"(to) : "memory");
  });
  return 24e-9 * n / time;
}

}  // namespace

int main(int argc, char** argv) {
  const int n = argc > 1 ? std::atoi(argv[1]) : 128;
  const int m = argc > 2 ? std::atoi(argv[2]) : 1;
  linalg::Multigrid multigrid({n, n, n}, m, {});
  const std::size_t size = static_cast<std::size_t>(multigrid.finest().vector_size()) + 16;
  AlignedArray<float> b(size), x(size), q(size), right(size);
  std::mt19937 draw(1);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  {
    linalg::Level& level = multigrid.finest();
    for (int z = 0; z < n; ++z)
      for (int y = 0; y < n; ++y)
        for (int px = 0; px < n; ++px)
          for (int j = 0; j < m; ++j) {
            const int at[3] = {px, y, z};
            for (std::size_t d = 0; d < 3; ++d)
              if (at[d] > 0) level.g[d][level.place(px, y, z, j, m)] = 1.0F;
            for (int l = 0; l < m; ++l)
              level.local[level.place(px, y, z, j * m + l, m * m)] = j == l ? 1.0F : 0.1F;
            right.data()[level.place(px, y, z, j, m)] = uniform(draw);
          }
  }
  multigrid.set_couplings();
  const linalg::Level& level = multigrid.finest();
  Team team(1);
  multigrid.factor(team, 0);
  linalg::Krylov krylov(multigrid);
  // The answer before the time: the residual of the solution found.
  std::copy(right.data(), right.data() + size, b.data());
  linalg::Combination found;
  const linalg::KrylovOutcome outcome = krylov.solve(team, 0, b.data(), found, 1e-4, 60, {});
  krylov.write(team, 0, found, x.data());
  double sums[2] = {}, defect = 0.0, whole = 0.0;
  for (int color = 0; color < 2; ++color) KROGH_DISPATCH(multigrid_product)
  (level, color, 2, x.data(), right.data(), nullptr, 0, q.data(), sums, 0, level.num_rows());
  for (std::size_t i = 0; i < size; ++i) {
    const double r = static_cast<double>(right.data()[i]) - static_cast<double>(q.data()[i]);
    defect += r * r;
    whole += static_cast<double>(right.data()[i]) * static_cast<double>(right.data()[i]);
  }
  if (!outcome.converged || std::sqrt(defect / whole) > 2e-4) {
    std::fprintf(stderr, "wrong answer: residual %g\n", std::sqrt(defect / whole));
    return 1;
  }
  const double roof = triad(), voxels = static_cast<double>(n) * n * n;
  std::printf("{\"cells\": %d, \"components\": %d, \"triad_gb_per_s\": %.1f", n, m, roof);
  auto report = [&](const char* name, double time, double numbers) {
    const double rate = 4e-9 * numbers * voxels / time;
    std::printf(", \"%s\": {\"ns\": %.3f, \"gb_per_s\": %.1f, \"share\": %.2f}", name,
                1e9 * time / voxels, rate, rate / roof);
  };
  const double d = m;
  report(
      "operator", best([&] {
        for (int color = 0; color < 2; ++color) KROGH_DISPATCH(multigrid_product)
        (level, color, 2, x.data(), right.data(), nullptr, 0, q.data(), sums, 0, level.num_rows());
      }),
      // Each color reads all couplings, half of the local blocks, x, writes half of q; r for sums.
      6 * d + d * d + 2 * d + d + d);
  report("smoother", best([&] {
           for (int color = 0; color < 2; ++color) KROGH_DISPATCH(multigrid_sweep)
           (level, color, 1.0F, right.data(), x.data(), 0, level.num_rows());
         }),
         6 * d + d * d + d + d + d);
  // In waves every array passes once on the way down and once on the way up; coarse grids add 1/7.
  report("cycle", best([&] { multigrid.cycle(team, 0, right.data(), x.data()); }),
         8.0 / 7.0 * 2.0 * (3 * d + d * d + d + 2 * d));
  std::printf(", \"cycles\": %d}\n", outcome.cycles);
  return 0;
}
