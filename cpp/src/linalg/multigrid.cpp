// Grids of the multigrid cycle: couplings, setup, order of sweeps.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/multigrid.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace krogh::linalg {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Unknowns of the coarsest grid, which is solved directly.
constexpr std::int64_t coarsest_unknowns = 32;
/// Grids with fewer points are left to one thread: a barrier would cost more.
constexpr std::int64_t solo_points = 8192;
/// Directions coupled less than this share of the strongest keep their points: errors there are not
/// smooth along them, and the strong directions catch up on the coarser grids.
constexpr double weak_coupling = 0.3;

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

/// A face beside a flow: the conductance that stood there at rest, and the flow along the axis.
struct Fitted {
  float conductance;
  float flow;
};

/// Couplings to the neighbor before and of it that are exponentially fitted (space::add_flow).
std::pair<float, float> fit(const Fitted& face) {
  const double flow = static_cast<double>(face.flow), speed = std::abs(flow);
  const auto whole = static_cast<double>(face.conductance);
  double part = whole;
  if (speed > 0.0) part = speed < 80.0 * whole ? speed / std::expm1(speed / whole) : 0.0;
  return {static_cast<float>(part + std::max(flow, 0.0)),
          static_cast<float>(part + std::max(-flow, 0.0))};
}

/// What such couplings were made of.
Fitted fitted_of(float before, float back) {
  const double flow = static_cast<double>(before) - static_cast<double>(back);
  const double speed = std::abs(flow), part = static_cast<double>(std::min(before, back));
  // Below the rounding of the couplings the quotient is that of the limit.
  if (speed <= 1e-6 * part) return {static_cast<float>(part + 0.5 * speed), 0.0F};
  const double whole = part > 0.0 ? speed / std::log1p(speed / part) : 0.0;
  return {static_cast<float>(whole), static_cast<float>(flow)};
}

bool is_small(const Level& level) { return level.num_points() < solo_points; }

bool has_ghosts(const Level& level) {
  return level.periodic[0] || level.periodic[1] || level.periodic[2];
}

}  // namespace

Multigrid::Multigrid(std::array<int, 3> shape, int components, std::array<bool, 3> periodic,
                     bool has_flow)
    : components_(components), has_flow_(has_flow) {
  add_level(shape, periodic);
}

void Multigrid::add_level(std::array<int, 3> shape, std::array<bool, 3> periodic) {
  Level level;
  level.shape = shape;
  level.components = components_;
  level.periodic = periodic;
  // Behind each row at least two numbers stay zero, even where it fills its last vector.
  level.row = round_up((shape[0] + 1) / 2, 8) + 8;
  level.plane = (shape[1] + 2) * level.row;
  level.size = (shape[2] + 2) * level.plane;
  const std::int64_t m = components_;
  std::vector<AlignedArray<float>> memory;
  auto take = [&](std::int64_t per_point) {
    memory.emplace_back(idx(2 * per_point * level.size + 16));
    return memory.back().data();
  };
  level.has_flow = has_flow_;
  for (float*& g : level.g) g = take(m);
  for (std::size_t d = 0; d < 3; ++d) level.back[d] = has_flow_ ? take(m) : level.g[d];
  level.local = take(m * m);
  level.inverse = take(m * m);
  if (!levels_.empty()) {
    level.x = take(m);
    level.b = take(m);
  }
  levels_.push_back(level);
  memory_.push_back(std::move(memory));
}

void Multigrid::choose_directions(Level& level) const {
  std::array<double, 3> mean{};
  for (std::size_t d = 0; d < 3; ++d) {
    double sum = 0.0;
    std::int64_t count = 0;
    const std::int64_t numbers = level.vector_size();
    for (std::int64_t i = 0; i < numbers; ++i) {
      const double both =
          static_cast<double>(level.g[d][i]) + static_cast<double>(level.back[d][i]);
      if (!(both > 0.0)) continue;
      sum += 0.5 * both;
      ++count;
    }
    if (level.shape[d] > 1 && count > 0) mean[d] = sum / static_cast<double>(count);
  }
  const double strongest = *std::max_element(mean.begin(), mean.end());
  for (std::size_t d = 0; d < 3; ++d)
    level.coarsened[d] =
        level.shape[d] > 1 && (strongest == 0.0 || mean[d] >= weak_coupling * strongest);
}

void Multigrid::set_couplings() {
  levels_.resize(1);
  memory_.resize(1);
  auto close = [](Level& level) {  // the couplings of ghosts behind the last points
    for (std::size_t d = 0; d < 3; ++d) {
      if (!level.periodic[d]) continue;
      std::array<int, 3> end = level.shape;
      end[d] = 1;
      for (int z = 0; z < end[2]; ++z)
        for (int y = 0; y < end[1]; ++y)
          for (int x = 0; x < end[0]; ++x)
            for (int j = 0; j < level.components; ++j) {
              std::array<int, 3> ghost{x, y, z};
              ghost[d] = level.shape[d];
              for (float* g : {level.g[d], level.back[d]})
                g[level.place(ghost[0], ghost[1], ghost[2], j, level.components)] =
                    g[level.place(x, y, z, j, level.components)];
            }
    }
  };
  close(levels_.front());
  while (true) {
    Level& fine = levels_.back();
    fine.coarsened = {};
    if (fine.num_points() * components_ <= coarsest_unknowns) return;
    choose_directions(fine);
    std::array<int, 3> shape = fine.shape;
    std::array<bool, 3> periodic = fine.periodic;
    for (std::size_t d = 0; d < 3; ++d) {
      if (fine.coarsened[d]) shape[d] = (shape[d] + 1) / 2;
      if (shape[d] == 1) periodic[d] = false;
    }
    add_level(shape, periodic);
    const Level& of = levels_[levels_.size() - 2];
    Level& coarse = levels_.back();
    for (std::size_t d = 0; d < 3; ++d) {
      const float factor = of.coarsened[d] ? 0.5F : 1.0F;
      if (of.coarsened[d] && coarse.shape[d] == 1) continue;
      for (int z = 0; z < of.shape[2]; ++z)
        for (int y = 0; y < of.shape[1]; ++y)
          for (int x = 0; x < of.shape[0]; ++x) {
            const std::array<int, 3> at{x, y, z};
            if (of.coarsened[d] && at[d] % 2 != 0) continue;  // inside an aggregate
            std::array<int, 3> to{};
            for (std::size_t e = 0; e < 3; ++e) to[e] = of.coarsened[e] ? at[e] / 2 : at[e];
            for (int j = 0; j < components_; ++j) {
              const std::int64_t from = of.place(x, y, z, j, components_);
              const std::int64_t place = coarse.place(to[0], to[1], to[2], j, components_);
              if (has_flow_) {
                const Fitted one = fitted_of(of.g[d][from], of.back[d][from]);
                coarse.g[d][place] += factor * one.conductance;
                coarse.back[d][place] += one.flow;
              } else {
                coarse.g[d][place] += factor * of.g[d][from];
              }
            }
          }
      const std::int64_t numbers = coarse.vector_size();
      for (std::int64_t i = 0; i < numbers && has_flow_; ++i)
        std::tie(coarse.g[d][i], coarse.back[d][i]) = fit({coarse.g[d][i], coarse.back[d][i]});
    }
    close(coarse);
  }
}

bool Multigrid::factor(Team& team, int member) {
  for (std::size_t k = 0; k < levels_.size(); ++k) {
    const Level& level = levels_[k];
    const bool solo = k > 0 && is_small(level);
    const Share rows = solo ? Share{0, member == 0 ? level.num_rows() : 0}
                            : share_of(level.num_rows(), member, team.size());
    if (k > 0) KROGH_DISPATCH(multigrid_gather)(levels_[k - 1], level, rows.begin, rows.end);
    KROGH_DISPATCH(multigrid_invert)(level, rows.begin, rows.end);
    if (!solo || k + 1 == levels_.size()) team.wait();
  }
  if (member == 0) is_regular_ = factor_coarsest();
  team.wait();
  return is_regular_;
}

bool Multigrid::factor_coarsest() {
  const Level& level = levels_.back();
  const std::int64_t m = components_;
  const std::int64_t n = level.num_points() * m;
  const auto [nx, ny, nz] = level.shape;
  std::vector<double> a(idx(n * n), 0.0);
  auto number = [nx = nx, ny = ny](int x, int y, int z) {
    return (std::int64_t{z} * ny + y) * nx + x;
  };
  for (int z = 0; z < nz; ++z)
    for (int y = 0; y < ny; ++y)
      for (int x = 0; x < nx; ++x) {
        const std::int64_t here = number(x, y, z);
        for (std::int64_t j = 0; j < m; ++j) {
          for (std::int64_t l = 0; l < m; ++l)
            a[idx((here * m + j) * n + here * m + l)] +=
                static_cast<double>(level.local[level.place(x, y, z, j * m + l, m * m)]);
          for (std::size_t d = 0; d < 3; ++d) {
            std::array<int, 3> before{x, y, z};
            const std::array<int, 3> at = before;
            --before[d];
            if (at[d] == 0) {
              if (!level.periodic[d]) continue;
              before[d] = level.shape[d] - 1;
            }
            const auto g = static_cast<double>(level.g[d][level.place(x, y, z, j, m)]);
            const auto back = static_cast<double>(level.back[d][level.place(x, y, z, j, m)]);
            const std::int64_t i = here * m + j;
            const std::int64_t k = number(before[0], before[1], before[2]) * m + j;
            a[idx(i * n + i)] += g;
            a[idx(k * n + k)] += back;
            a[idx(i * n + k)] -= g;
            a[idx(k * n + i)] -= back;
          }
        }
      }
  // Gauss-Jordan with row pivoting.
  inverse_.assign(idx(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i) inverse_[idx(i * n + i)] = 1.0;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(a[idx(i * n + k)]) > std::abs(a[idx(pivot * n + k)])) pivot = i;
    const double value = a[idx(pivot * n + k)];
    if (!(std::abs(value) > 0.0) || !std::isfinite(value)) return false;
    for (std::int64_t j = 0; j < n && pivot != k; ++j) {
      std::swap(a[idx(pivot * n + j)], a[idx(k * n + j)]);
      std::swap(inverse_[idx(pivot * n + j)], inverse_[idx(k * n + j)]);
    }
    const double scale = 1.0 / value;
    for (std::int64_t j = 0; j < n; ++j) {
      a[idx(k * n + j)] *= scale;
      inverse_[idx(k * n + j)] *= scale;
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const double factor = a[idx(i * n + k)];
      if (i == k || factor == 0.0) continue;
      for (std::int64_t j = 0; j < n; ++j) {
        a[idx(i * n + j)] -= factor * a[idx(k * n + j)];
        inverse_[idx(i * n + j)] -= factor * inverse_[idx(k * n + j)];
      }
    }
  }
  return true;
}

void Multigrid::solve_coarsest(const float* b, float* x) {
  const Level& level = levels_.back();
  const std::int64_t m = components_;
  const std::int64_t n = level.num_points() * m;
  const auto [nx, ny, nz] = level.shape;
  right_.resize(idx(n));
  auto each = [&, nx = nx, ny = ny, nz = nz](const auto& visit) {
    std::int64_t i = 0;
    for (int z = 0; z < nz; ++z)
      for (int y = 0; y < ny; ++y)
        for (int px = 0; px < nx; ++px)
          for (std::int64_t j = 0; j < m; ++j) visit(i++, level.place(px, y, z, j, m));
  };
  each([&](std::int64_t i, std::int64_t at) { right_[idx(i)] = static_cast<double>(b[at]); });
  each([&](std::int64_t i, std::int64_t at) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < n; ++k) sum += inverse_[idx(i * n + k)] * right_[idx(k)];
    x[at] = static_cast<float>(sum);
  });
}

void Multigrid::fill_ghosts(Team& team, int member, float* x) {
  const Level& level = levels_.front();
  fill_ghosts_of(level, team, member, x);
}

void Multigrid::fill_ghosts_of(const Level& level, const Team& team, int member, float* x) {
  const std::int64_t m = components_;
  for (std::size_t d = 0; d < 3; ++d) {
    if (!level.periodic[d]) continue;
    // The two directions of the face, the outer of them shared out.
    const std::size_t inner = d == 0 ? 1 : 0, outer = d == 2 ? 1 : 2;
    const Share share = share_of(level.shape[outer], member, team.size());
    for (std::int64_t o = share.begin; o < share.end; ++o)
      for (int i = 0; i < level.shape[inner]; ++i)
        for (std::int64_t j = 0; j < m; ++j) {
          std::array<int, 3> at{};
          at[inner] = i;
          at[outer] = static_cast<int>(o);
          auto place = [&](int along) {
            at[d] = along;
            return level.place(at[0], at[1], at[2], j, m);
          };
          const int last = level.shape[d] - 1;
          x[place(-1)] = x[place(last)];
          x[place(last + 1)] = x[place(0)];
        }
  }
}

void Multigrid::cycle(Team& team, int member, const float* b, float* x) {
  cycle_from(0, team, member, b, x);
}

void Multigrid::cycle_from(std::size_t k, Team& team, int member, const float* b, float* x) {
  const Level& level = levels_[k];
  if (team.size() > 1 && (is_small(level) || k + 1 == levels_.size())) {
    if (member == 0) {
      Team alone(1);
      cycle_from(k, alone, 0, b, x);
    }
    team.wait();
    return;
  }
  if (k + 1 == levels_.size()) {
    solve_coarsest(b, x);
    fill_ghosts_of(level, team, member, x);
    return;
  }
  Level& coarse = levels_[k + 1];
  const Share rows = share_of(level.num_rows(), member, team.size());
  const Share coarse_rows = share_of(coarse.num_rows(), member, team.size());
  const bool ghosts = has_ghosts(level);
  auto settle = [&] {
    team.wait();
    if (!ghosts) return;
    fill_ghosts_of(level, team, member, x);
    team.wait();
  };
  if (ghosts) {  // an odd periodic direction has neighbors of one color
    const std::int64_t numbers = level.components * level.size;
    const Share share = share_of(numbers, member, team.size());
    std::fill(x + numbers + share.begin, x + numbers + share.end, 0.0F);
  }
  KROGH_DISPATCH(multigrid_begin)(level, 0, b, x, rows.begin, rows.end);
  settle();
  KROGH_DISPATCH(multigrid_sweep)(level, 1, b, x, rows.begin, rows.end);
  settle();
  KROGH_DISPATCH(multigrid_restrict)(level, coarse, b, x, coarse_rows.begin, coarse_rows.end);
  team.wait();
  cycle_from(k + 1, team, member, coarse.b, coarse.x);
  KROGH_DISPATCH(multigrid_prolong)(level, coarse, x, rows.begin, rows.end);
  settle();
  KROGH_DISPATCH(multigrid_sweep)(level, 1, b, x, rows.begin, rows.end);
  settle();
  KROGH_DISPATCH(multigrid_sweep)(level, 0, b, x, rows.begin, rows.end);
  settle();
}

}  // namespace krogh::linalg
