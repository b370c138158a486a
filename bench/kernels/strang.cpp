// Strang splitting of reaction and diffusion in voxels, for comparison with the coupled solver.
// SPDX-License-Identifier: BSD-3-Clause
//
//   krogh_strang CELLS STEP_S STEPS < rates > profile
//
// An antibody (free F, bound B, internalized E) and its receptor S in CELLS^3 voxels of 10 um with
// closed sides. Reads the rate of exchange of every voxel [1/s] and writes the bound antibody at
// the end, both as doubles with x fastest; the seconds taken go to the error stream.
//
// One step: diffusion and exchange over half a step, kinetics over a whole one, diffusion and
// exchange over the other half; adjacent halves are done as one. Second order in time: diffusion by
// the Crank-Nicolson scheme in the alternating-direction form of Douglas (1962), which keeps steady
// states of diffusion, with eliminations made once, lines side by side in vector registers;
// kinetics by the L-stable two-stage Rosenbrock method (gamma = 1 - 1/sqrt(2)) with its exact
// Jacobian.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace {

constexpr double spacing = 10.0, diffusivity = 10.0, eps = 0.24;
constexpr double kon = 7.1e-4 / eps, koff = 3.5e-4, ke = 3.3e-5, total = 833.0;
constexpr double peak = 3.6 * 0.020 / 148781.0 * 1e6 / 1e-3;
constexpr int lanes = 8;

/// Two-compartment plasma after a bolus.
struct Plasma {
  double rate[2], weight[2];
  Plasma() {
    const double out = 0.1726 / 3600.0, back = 0.0890 / 3600.0;
    const double lost = std::log(2.0) / (278.4 * 3600.0);
    const double sum = out + back + 2.0 * lost, product = (out + lost) * (back + lost) - out * back;
    const double root = std::sqrt(sum * sum - 4.0 * product);
    rate[0] = 0.5 * (sum - root);
    rate[1] = 0.5 * (sum + root);
    weight[0] = peak * (back + lost - rate[0]) / (rate[1] - rate[0]);
    weight[1] = peak - weight[0];
  }
  double operator()(double t) const {
    return weight[0] * std::exp(-rate[0] * t) + weight[1] * std::exp(-rate[1] * t);
  }
};

class Strang {
 public:
  Strang(int cells, double step, std::vector<double> rates)
      : n_(cells), size_(static_cast<long>(cells) * cells * cells), rate_(std::move(rates)) {
    f_.assign(size_, 0.0);
    b_.assign(size_, 0.0);
    s_.assign(size_, total);
    first_.resize(size_);
    work_.resize(size_);
    step_ = step;
    prepare(0.5 * step);
  }

  void run(long steps) {
    prepare(0.5 * step_);
    diffuse(0.0, 0.5 * step_);
    prepare(step_);
    for (long k = 0; k < steps; ++k) {
      react(step_);
      if (k + 1 == steps) prepare(0.5 * step_);
      diffuse((k + 0.5) * step_, k + 1 == steps ? 0.5 * step_ : step_);
    }
  }

  const std::vector<double>& bound() const { return b_; }

 private:
  /// Eliminations of (1 - h/2 L) along each direction; that along x holds the exchange.
  void prepare(double h) {
    const double g = 0.5 * h * diffusivity / (spacing * spacing);
    const long n = n_;
    upper_.assign(n, 0.0);
    pivot_.assign(n, 0.0);
    for (long i = 0; i < n; ++i) {
      double diagonal = 1.0 + (i > 0 ? g : 0.0) + (i + 1 < n ? g : 0.0);
      if (i > 0) diagonal -= g * upper_[i - 1];
      pivot_[i] = 1.0 / diagonal;
      upper_[i] = i + 1 < n ? g * pivot_[i] : 0.0;
    }
    pivot_x_.assign(size_, 0.0);
    for (long line = 0; line < n * n; ++line)
      for (long i = 0; i < n; ++i) {
        const long k = line * n + i;
        double diagonal =
            1.0 + 0.5 * h * rate_[k] / eps + (i > 0 ? g : 0.0) + (i + 1 < n ? g : 0.0);
        if (i > 0) diagonal -= g * g * pivot_x_[k - 1];
        pivot_x_[k] = 1.0 / diagonal;
      }
    g_ = g;
  }

  /// (1 - h/2 Lx)(1 - h/2 Ly)(1 - h/2 Lz) d = h (L f + supply), f += d.
  void diffuse(double t, double h) {
    const long n = n_, plane = n * n;
    const double outside = plasma_(t + 0.5 * h), g = 2.0 * g_;
    const double* f = f_.data();
    double* r = work_.data();
    for (long z = 0; z < n; ++z)
      for (long y = 0; y < n; ++y) {
        const long k = (z * n + y) * n;
        const long up = z + 1 < n ? plane : 0, down = z > 0 ? -plane : 0;
        const long front = y + 1 < n ? n : 0, rear = y > 0 ? -n : 0;
#pragma omp simd
        for (long x = 0; x < n; ++x) {
          const long i = k + x;
          r[i] = g * ((f[i + up] + f[i + down]) + (f[i + front] + f[i + rear]) - 4.0 * f[i]) +
                 h * rate_[i] * (outside - f[i] / eps);
        }
#pragma omp simd
        for (long x = 1; x < n; ++x) r[k + x] += g * (f[k + x - 1] - f[k + x]);
#pragma omp simd
        for (long x = 0; x < n - 1; ++x) r[k + x] += g * (f[k + x + 1] - f[k + x]);
      }
    for (long line = 0; line < plane; line += lanes) {
      const int count = static_cast<int>(plane - line < lanes ? plane - line : lanes);
      solve_x(r + line * n, pivot_x_.data() + line * n, count);
    }
    for (long z = 0; z < n; ++z) solve_across(r + z * plane, n, n);
    solve_across(r, plane, plane);
    double* to = f_.data();
#pragma omp simd
    for (long i = 0; i < size_; ++i) to[i] += r[i];
  }

  /// Lines of consecutive numbers, `lanes` of them side by side.
  void solve_x(double* r, const double* pivot, int count) {
    const long n = n_;
    thread_local std::vector<double> tile, own;
    tile.resize(n * lanes);
    own.resize(n * lanes);
    for (int l = 0; l < lanes; ++l) {
      const long from = l < count ? l : 0;
      for (long i = 0; i < n; ++i) {
        tile[i * lanes + l] = r[from * n + i];
        own[i * lanes + l] = pivot[from * n + i];
      }
    }
    double* x = tile.data();
    const double* p = own.data();
#pragma omp simd
    for (int l = 0; l < lanes; ++l) x[l] *= p[l];
    for (long i = 1; i < n; ++i)
#pragma omp simd
      for (int l = 0; l < lanes; ++l)
        x[i * lanes + l] = (x[i * lanes + l] + g_ * x[(i - 1) * lanes + l]) * p[i * lanes + l];
    for (long i = n - 2; i >= 0; --i)
#pragma omp simd
      for (int l = 0; l < lanes; ++l)
        x[i * lanes + l] += g_ * p[i * lanes + l] * x[(i + 1) * lanes + l];
    for (int l = 0; l < count; ++l)
      for (long i = 0; i < n; ++i) r[l * n + i] = tile[i * lanes + l];
  }

  /// Lines across `width` consecutive numbers, from one row to the next at a distance of `stride`.
  void solve_across(double* r, long width, long stride) {
    const long n = n_;
    constexpr long tile = 256;
    for (long first = 0; first < width; first += tile) {
      const long end = first + tile < width ? first + tile : width;
#pragma omp simd
      for (long x = first; x < end; ++x) r[x] *= pivot_[0];
      for (long i = 1; i < n; ++i) {
        double* row = r + i * stride;
        const double* before = row - stride;
        const double p = pivot_[i];
#pragma omp simd
        for (long x = first; x < end; ++x) row[x] = (row[x] + g_ * before[x]) * p;
      }
      for (long i = n - 2; i >= 0; --i) {
        double* row = r + i * stride;
        const double* after = row + stride;
        const double u = upper_[i];
#pragma omp simd
        for (long x = first; x < end; ++x) row[x] += u * after[x];
      }
    }
  }

  /// F' = -v, S' = ke (total - S) - v, B' = v - ke B with v = kon F S - koff B.
  void react(double h) {
    const double gamma = 1.0 - std::sqrt(0.5), w = gamma * h;
    double *f = f_.data(), *s = s_.data(), *b = b_.data();
#pragma omp simd
    for (long i = 0; i < size_; ++i) {
      const double f0 = f[i], s0 = s[i], b0 = b[i];
      // Eliminated to the rate v of a stage: q = v's unknown; the others follow from it.
      const double over = 1.0 / (1.0 + w * ke);
      const double inverse = 1.0 / (1.0 + w * (kon * s0 + kon * f0 * over + koff * over));
      const double v0 = kon * f0 * s0 - koff * b0;
      const double rs = ke * (total - s0), rb = -ke * b0;
      const double q1 = (v0 + w * over * (kon * f0 * rs - koff * rb)) * inverse;
      const double kf1 = -q1, ks1 = (rs - q1) * over, kb1 = (rb + q1) * over;
      const double f1 = f0 + h * kf1, s1 = s0 + h * ks1, b1 = b0 + h * kb1;
      // Second stage: (1 - w J) k2 = g(y + h k1) - 2 k1.
      const double v1 = kon * f1 * s1 - koff * b1;
      const double gf = -v1 - 2.0 * kf1, gs = ke * (total - s1) - v1 - 2.0 * ks1;
      const double gb = v1 - ke * b1 - 2.0 * kb1;
      // Unknown p = change of v by k2: k2f = gf - w p, k2s = (gs - w p) over, k2b = (gb + w p)
      // over.
      const double p = (kon * s0 * gf + over * (kon * f0 * gs - koff * gb)) * inverse;
      f[i] = f0 + 1.5 * h * kf1 + 0.5 * h * (gf - w * p);
      s[i] = s0 + 1.5 * h * ks1 + 0.5 * h * (gs - w * p) * over;
      b[i] = b0 + 1.5 * h * kb1 + 0.5 * h * (gb + w * p) * over;
    }
  }

  long n_, size_;
  double step_ = 0.0, g_ = 0.0;
  Plasma plasma_;
  std::vector<double> rate_, f_, b_, s_, first_, work_, upper_, pivot_, pivot_x_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "krogh_strang CELLS STEP_S STEPS < rates > profile\n");
    return 2;
  }
  const int cells = std::atoi(arguments[1]);
  const double step = std::atof(arguments[2]);
  const long steps = std::atol(arguments[3]);
  const std::size_t size = static_cast<std::size_t>(cells) * cells * cells;
  std::vector<double> rates(size);
  if (cells < 2 || steps < 1 || !(step > 0.0) ||
      std::fread(rates.data(), sizeof(double), size, stdin) != size)
    return 2;
  Strang solver(cells, step, rates);
  const auto begin = std::chrono::steady_clock::now();
  solver.run(steps);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  std::fprintf(stderr, "%.6f\n", taken.count());
  return std::fwrite(solver.bound().data(), sizeof(double), size, stdout) == size ? 0 : 1;
}
