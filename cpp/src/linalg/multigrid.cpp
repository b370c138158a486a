// Grids of the multigrid cycle: couplings, setup, order of sweeps.
// SPDX-License-Identifier: BSD-3-Clause
#include "linalg/multigrid.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <initializer_list>
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

/// Work on rows numbered through all planes as work on rows of a plane.
template <class Work>
auto by_rows(const Level& level, const Work& work) {
  return [&level, work](std::int64_t z, std::int64_t first, std::int64_t end) {
    work(static_cast<long>(z * level.shape[1] + first),
         static_cast<long>(z * level.shape[1] + end));
  };
}

/// Rows of a plane that several passes in waves handle at a time: a few planes of them stay in the
/// second-level cache. Even, as all bounds between rows.
std::int64_t rows_per_tile(const Level& level) {
  constexpr std::int64_t cache = 400'000, planes = 4;
  const std::int64_t m = level.components;
  const std::int64_t per_row = planes * level.shape[0] * 4 * (6 * m + m * m);
  return std::max<std::int64_t>(8, cache / per_row / 2 * 2);
}

/// Passes over all rows of a grid, of which each looks at the results of the one before in
/// neighboring rows and planes. All that members do here is known to all when it returns.
void pass(const Level& level, Team& team, int member, std::initializer_list<RowWork> works) {
  const std::int64_t ny = level.shape[1], nz = level.shape[2];
  const std::int64_t pairs = (nz + 1) / 2;
  const auto count = static_cast<std::int64_t>(works.size());
  if (!goes_in_waves(level, team)) {
    constexpr std::int64_t height = 8;
    const std::int64_t tiles = (ny + height - 1) / height;
    const Share share = share_of(pairs * tiles, member, team.size());
    for (const RowWork& work : works) {
      for (std::int64_t i = share.begin; i < share.end; ++i)
        for (std::int64_t z = i / tiles * 2; z < std::min(i / tiles * 2 + 2, nz); ++z)
          work(z, i % tiles * height, std::min((i % tiles + 1) * height, ny));
      team.wait();
    }
    return;
  }
  const Share share = share_of(pairs, member, team.size());
  const std::int64_t low = 2 * share.begin, high = std::min(2 * share.end, nz);
  // Near the planes of other members pass k has to wait until they have done pass k - 1.
  const auto first_of = [&](std::int64_t k) { return low == 0 ? 0 : low + k; };
  const auto end_of = [&](std::int64_t k) { return high == nz ? nz : high - k; };
  const std::int64_t height = rows_per_tile(level);
  const std::int64_t tiles = std::max<std::int64_t>(1, ny / height);
  for (std::int64_t tile = 0; tile < tiles; ++tile)
    for (std::int64_t wave = low; wave < high + count - 1; ++wave)
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t z = wave - k;
        if (z < first_of(k) || z >= end_of(k)) continue;
        const std::int64_t first = std::max<std::int64_t>(0, tile * height - 2 * k);
        const std::int64_t end = tile + 1 == tiles ? ny : (tile + 1) * height - 2 * k;
        works.begin()[k](z, first, end);
      }
  team.wait();
  for (std::int64_t k = 1; k < count && team.size() > 1; ++k) {
    for (std::int64_t z = low; z < first_of(k); ++z) works.begin()[k](z, 0, ny);
    for (std::int64_t z = end_of(k); z < high; ++z) works.begin()[k](z, 0, ny);
    team.wait();
  }
}

}  // namespace

bool goes_in_waves(const Level& level, const Team& team) {
  constexpr int fewest_pairs = 4;  // of planes for each member: passes reach over three planes
  return team.size() == 1 || (level.shape[2] + 1) / 2 >= fewest_pairs * team.size();
}

std::int64_t rows_per_piece(const Level& level) {
  constexpr std::int64_t most = 8192, usual = 4096;
  const std::int64_t nx = level.shape[0], ny = level.shape[1];
  if (level.shape[2] == 1) return std::max<std::int64_t>(1, usual / nx);
  if (nx * ny <= most) return ny * std::max<std::int64_t>(1, usual / (nx * ny));
  for (std::int64_t parts = nx * ny / most + 1; parts <= ny && nx * ny / parts >= usual / 4;
       ++parts)
    if (ny % parts == 0) return ny / parts;
  return ny;
}

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
  level.pitch = round_up(round_up((shape[0] + 1) / 2, 8) + 2, 8);
  for (std::size_t d = 0; d < 3; ++d)
    if (periodic[d] && shape[d] % 2 != 0) level.is_two_colored = false;
  const std::int64_t m = components_;
  std::vector<AlignedArray<float>> memory;
  auto take = [&](std::int64_t per_point) {
    memory.emplace_back(idx(2 * per_point * level.pitch * level.all_rows() + 16));
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

void Multigrid::set_sides(std::vector<SidePart> parts) {
  excess_.assign(levels_.size(), {});
  for (std::size_t k = 1; k < levels_.size() && !parts.empty(); ++k) {
    const Level& fine = levels_[k - 1];
    const Level& coarse = levels_[k];
    std::map<std::array<int, 4>, SidePart> merged;  // by point and direction, in one order
    for (const SidePart& part : parts) {
      std::array<int, 4> key{0, 0, 0, static_cast<int>(part.direction)};
      for (std::size_t d = 0; d < 3; ++d) key[d] = fine.coarsened[d] ? part.at[d] / 2 : part.at[d];
      SidePart& sum = merged[key];
      sum.at = {key[0], key[1], key[2]};
      sum.direction = part.direction;
      const bool is_longer = fine.coarsened[part.direction];
      const double value = is_longer ? part.value / (1.0 + part.share) : part.value;
      const double share = is_longer ? 2.0 * part.share / (1.0 + part.share) : part.share;
      sum.share = (sum.value == 0.0 ? 0.0 : sum.share * sum.value) + share * value;
      sum.value += value;
      if (sum.value > 0.0) sum.share /= sum.value;
      if (part.value > value)
        excess_[k].push_back({.row = sum.at[1] + std::int64_t{coarse.shape[1]} * sum.at[2],
                              .place = coarse.place(sum.at[0], sum.at[1], sum.at[2], 0, 1),
                              .value = static_cast<float>(part.value - value)});
    }
    parts.clear();
    for (const auto& entry : merged) parts.push_back(entry.second);
  }
}

bool Multigrid::factor(Team& team, int member) {
  for (std::size_t k = 0; k < levels_.size(); ++k) {
    const Level& level = levels_[k];
    const bool solo = k > 0 && is_small(level);
    const Share rows = solo ? Share{0, member == 0 ? level.num_rows() : 0}
                            : share_of(level.num_rows(), member, team.size());
    if (k > 0) KROGH_DISPATCH(multigrid_gather)(levels_[k - 1], level, rows.begin, rows.end);
    if (k > 0 && !excess_.empty())
      for (const Excess& e : excess_[k])
        if (e.row >= rows.begin && e.row < rows.end) level.local[e.place] -= e.value;
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

void Multigrid::solve_coarsest(const float* b, float* x, float scale) {
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
  each([&](std::int64_t i, std::int64_t at) {
    const bool is_second = at >= level.vector_size() / 2;
    right_[idx(i)] = static_cast<double>(is_second ? b[at] : scale * b[at]);
  });
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

void Multigrid::cycle(Team& team, int member, const float* b, float* x, float scale,
                      const RowWork* after) {
  cycle_from(0, team, member, b, x, scale, after);
}

void Multigrid::cycle_from(std::size_t k, Team& team, int member, const float* b, float* x,
                           float scale, const RowWork* after) {
  const Level& level = levels_[k];
  if (team.size() > 1 && (is_small(level) || k + 1 == levels_.size())) {
    if (member == 0) {
      Team alone(1);
      cycle_from(k, alone, 0, b, x, scale, after);
    }
    team.wait();
    return;
  }
  if (k + 1 == levels_.size()) {
    solve_coarsest(b, x, scale);
    fill_ghosts_of(level, team, member, x);
    if (after != nullptr) pass(level, team, member, {*after});
    return;
  }
  descend(k, team, member, b, x, scale);
  cycle_from(k + 1, team, member, levels_[k + 1].b, levels_[k + 1].x, 1.0F, nullptr);
  ascend(k, team, member, b, x, scale, after);
}

/// Sweeps from zero and the right-hand side of the next level.
void Multigrid::descend(std::size_t k, Team& team, int member, const float* b, float* x,
                        float scale) {
  const Level& level = levels_[k];
  const Level& coarse = levels_[k + 1];
  const auto begin = by_rows(level, [&](long first, long end) {
    KROGH_DISPATCH(multigrid_begin)(level, scale, b, x, first, end);
  });
  const auto sweep = by_rows(level, [&](long first, long end) {
    KROGH_DISPATCH(multigrid_sweep)(level, 1, 1.0F, b, x, first, end);
  });
  const auto restrict_to = [&](std::int64_t z, std::int64_t first, std::int64_t end) {
    if (level.coarsened[2] && z % 2 == 0 && z + 1 < level.shape[2]) return;
    const std::int64_t base = (level.coarsened[2] ? z / 2 : z) * coarse.shape[1];
    if (level.coarsened[1]) {
      first /= 2;
      end = (end + 1) / 2;
    }
    KROGH_DISPATCH(multigrid_restrict)(level, coarse, b, x, base + first, base + end);
  };
  if (!has_ghosts(level)) {
    pass(level, team, member, {begin, sweep, restrict_to});
    return;
  }
  if (!level.is_two_colored) {  // neighbors of the same color are not there yet
    const std::int64_t numbers = level.vector_size() / 2;
    const Share share = share_of(numbers, member, team.size());
    std::fill(x + numbers + share.begin, x + numbers + share.end, 0.0F);
    team.wait();
  }
  for (const RowWork& work : {RowWork(begin), RowWork(sweep)}) {
    pass(level, team, member, {work});
    fill_ghosts_of(level, team, member, x);
    team.wait();
  }
  pass(level, team, member, {restrict_to});
}

/// Takes the solution of the next level over and sweeps in reverse order.
void Multigrid::ascend(std::size_t k, Team& team, int member, const float* b, float* x, float scale,
                       const RowWork* after) {
  const Level& level = levels_[k];
  const Level& coarse = levels_[k + 1];
  // On two-colored grids the sweep of color 1 does not look at what color 1 holds.
  const int prolonged = level.is_two_colored ? 1 : 2;
  const auto prolong = by_rows(level, [&](long first, long end) {
    for (int color = 0; color < prolonged; ++color)
      KROGH_DISPATCH(multigrid_prolong)(level, coarse, color, x, first, end);
  });
  const auto sweep = by_rows(level, [&](long first, long end) {
    KROGH_DISPATCH(multigrid_sweep)(level, 1, 1.0F, b, x, first, end);
  });
  const auto sweep_back = by_rows(level, [&](long first, long end) {
    KROGH_DISPATCH(multigrid_sweep)(level, 0, scale, b, x, first, end);
  });
  if (!has_ghosts(level)) {
    if (after == nullptr) {
      pass(level, team, member, {prolong, sweep, sweep_back});
    } else {
      pass(level, team, member, {prolong, sweep, sweep_back, *after});
    }
    return;
  }
  for (const RowWork& work : {RowWork(prolong), RowWork(sweep), RowWork(sweep_back)}) {
    pass(level, team, member, {work});
    fill_ghosts_of(level, team, member, x);
    team.wait();
  }
  if (after != nullptr) pass(level, team, member, {*after});
}

}  // namespace krogh::linalg
