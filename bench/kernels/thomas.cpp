// Implicit diffusion by directions in turn with tiled vector Thomas sweeps, to compare with.
// SPDX-License-Identifier: BSD-3-Clause
//
//   krogh_thomas CELLS SHARE DECAY STEPS REPEATS FILE
//
// One step solves (1 - X)(1 - Y)(1 - Z) u_new = u/DECAY in a closed cube of CELLS^3 equal voxels,
// X, Y, Z being SHARE times the differences to the neighbors. Three passes over memory: lines along
// x in blocks of 8, turned over through a buffer; lines along y row by row in a plane; lines along
// z in tiles of 64 columns (layout after Laszlo, Giles & Appleyard 2016, ACM Trans. Math. Softw.
// 42:31, doi 10.1145/2830568). Writes the values after the first repeat to FILE and prints the
// seconds of the fastest one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Lines {
  std::vector<double> upper, inverse;  ///< after elimination
};

Lines eliminate(int n, double share) {
  Lines lines;
  for (int i = 0; i < n; ++i) {
    const double diagonal = 1.0 + (i > 0 ? share : 0.0) + (i + 1 < n ? share : 0.0);
    const double pivot = diagonal - (i > 0 ? share * lines.upper.back() : 0.0);
    lines.inverse.push_back(1.0 / pivot);
    lines.upper.push_back(i + 1 < n ? share / pivot : 0.0);
  }
  return lines;
}

constexpr int block = 8, tile = 64;

void sweep_x(const Lines& a, double share, int n, double* u, double* buffer) {
  const long rows = static_cast<long>(n) * n;
  for (long r = 0; r < rows; r += block) {
    const int count = static_cast<int>(std::min<long>(block, rows - r));
    for (int l = 0; l < count; ++l)
      for (int i = 0; i < n; ++i) buffer[i * block + l] = u[(r + l) * n + i];
    for (int l = 0; l < block; ++l) buffer[l] *= a.inverse[0];
    for (int i = 1; i < n; ++i)
#pragma omp simd
      for (int l = 0; l < block; ++l)
        buffer[i * block + l] =
            (buffer[i * block + l] + share * buffer[(i - 1) * block + l]) * a.inverse[i];
    for (int i = n - 2; i >= 0; --i)
#pragma omp simd
      for (int l = 0; l < block; ++l)
        buffer[i * block + l] += a.upper[i] * buffer[(i + 1) * block + l];
    for (int l = 0; l < count; ++l)
      for (int i = 0; i < n; ++i) u[(r + l) * n + i] = buffer[i * block + l];
  }
}

/// Lines whose places lie `step` apart; `width` of them side by side.
void sweep_side_by_side(const Lines& a, double share, double scale, int n, double* u, long step,
                        int width) {
  for (int l = 0; l < width; ++l) u[l] *= scale * a.inverse[0];
  for (int i = 1; i < n; ++i) {
    double* here = u + i * step;
    const double* before = here - step;
#pragma omp simd
    for (int l = 0; l < width; ++l) here[l] = (scale * here[l] + share * before[l]) * a.inverse[i];
  }
  for (int i = n - 2; i >= 0; --i) {
    double* here = u + i * step;
    const double* behind = here + step;
#pragma omp simd
    for (int l = 0; l < width; ++l) here[l] += a.upper[i] * behind[l];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "krogh_thomas CELLS SHARE DECAY STEPS REPEATS FILE\n");
    return 2;
  }
  const int n = std::atoi(argv[1]), steps = std::atoi(argv[4]), repeats = std::atoi(argv[5]);
  const double share = std::atof(argv[2]), scale = 1.0 / std::atof(argv[3]);
  if (n < 2 || steps < 1 || repeats < 1) return 2;
  const Lines a = eliminate(n, share);
  const long plane = static_cast<long>(n) * n;
  std::vector<double> u(static_cast<std::size_t>(plane * n));
  std::vector<double> buffer(static_cast<std::size_t>(n) * block);
  for (std::size_t k = 0; k < u.size(); ++k)
    u[k] = 1.0 + static_cast<double>((k * 2654435761U) % 1000U) * 1e-3;
  double fastest = 1e300;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto begin = std::chrono::steady_clock::now();
    for (int s = 0; s < steps; ++s) {
      sweep_x(a, share, n, u.data(), buffer.data());
      for (int z = 0; z < n; ++z) sweep_side_by_side(a, share, 1.0, n, u.data() + z * plane, n, n);
      for (long column = 0; column < plane; column += tile)
        sweep_side_by_side(a, share, scale, n, u.data() + column, plane,
                           static_cast<int>(std::min<long>(tile, plane - column)));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fastest = std::min(fastest, took.count());
    if (repeat > 0) continue;
    std::FILE* file = std::fopen(argv[6], "wb");
    if (file == nullptr || std::fwrite(u.data(), sizeof(double), u.size(), file) != u.size())
      return 1;
    std::fclose(file);
  }
  std::printf("%.9g\n", fastest);
  return 0;
}
