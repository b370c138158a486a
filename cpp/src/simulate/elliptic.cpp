// Steady solver: setup and checks.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/elliptic.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "simulate/elliptic_engine.hpp"

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Sum of the sources of a floating set of voxels, over the sum of their sizes, that counts as
/// zero.
constexpr double balanced = 1e-10;
/// Share of a voxel's couplings that the multigrid adds where it would be singular, over the square
/// of the voxels across: small against what the smoothest errors feel.
constexpr double floor_of_floating = 0.5;
/// The same for voxels outside, which are coupled to nothing and whose residual is zero.
constexpr double floor_outside = 1e-10;

std::array<bool, 3> periodic_of(const EllipticProblem& problem) {
  std::array<bool, 3> periodic{};
  for (std::size_t d = 0; d < 3; ++d)
    periodic[d] = problem.sides[2 * d].kind == space::SideKind::periodic;
  return periodic;
}

std::string at(std::int64_t voxel) { return " in voxel " + std::to_string(voxel); }

void validate_sides(const EllipticProblem& problem, const space::VoxelGrid& grid) {
  for (std::size_t side = 0; side < 6; ++side) {
    const space::Side& own = problem.sides[side];
    const std::string which = "side " + std::to_string(side);
    if (!std::isfinite(own.permeability) || own.permeability < 0.0)
      throw InvalidInput(which + ": permeability must be finite and not negative, found " +
                         std::to_string(own.permeability));
    const bool is_periodic = own.kind == space::SideKind::periodic;
    if (is_periodic != (problem.sides[side ^ 1].kind == space::SideKind::periodic))
      throw InvalidInput(which + ": both sides of a direction must be periodic, or none");
    if (is_periodic && grid.shape[side / 2] == 1)
      throw InvalidInput(which + ": a direction with one voxel cannot be periodic");
  }
}

}  // namespace

EllipticSolver::Engine::Engine(const EllipticProblem& problem)
    : grid_(space::make_voxels(problem.faces)), multigrid_(grid_.shape, 1, periodic_of(problem)) {
  const std::int64_t n = grid_.num_voxels();
  validate_sides(problem, grid_);
  if (!problem.regions.empty()) {
    if (static_cast<std::int64_t>(problem.regions.size()) != n)
      throw InvalidInput("regions: found " + std::to_string(problem.regions.size()) +
                         " voxels, expected " + std::to_string(n));
    inside_.resize(idx(n));
    for (std::int64_t k = 0; k < n; ++k)
      inside_[idx(k)] = problem.regions[idx(k)] == space::outside_region ? 0 : 1;
    if (std::find(inside_.begin(), inside_.end(), 1) == inside_.end())
      throw InvalidInput("regions: every voxel lies outside (255)");
  }
  if (problem.axes != 1 && problem.axes != 3)
    throw InvalidInput("axes must be 1 or 3, found " + std::to_string(problem.axes));
  const auto found = static_cast<std::int64_t>(problem.conductivity.size());
  if (found != problem.axes && found != problem.axes * n)
    throw InvalidInput("conductivity: found " + std::to_string(found) + " values, expected " +
                       std::to_string(problem.axes) + " or " + std::to_string(problem.axes * n));
  const std::int64_t each = found / problem.axes;
  for (std::int64_t i = 0; i < found; ++i)
    if ((each == 1 || inside(i % each)) &&
        !(problem.conductivity[idx(i)] >= 0.0 && std::isfinite(problem.conductivity[idx(i)])))
      throw InvalidInput("conductivity must be finite and not negative, found " +
                         std::to_string(problem.conductivity[idx(i)]) + at(i % each));
  {
    std::array<std::vector<double>, 3> spread;
    std::array<std::span<const double>, 3> views;
    for (std::int64_t d = 0; d < 3; ++d) {
      if (d >= problem.axes) {
        views[idx(d)] = views[0];
        continue;
      }
      views[idx(d)] = problem.conductivity.subspan(idx(d * each), idx(each));
      if (each == n) continue;
      spread[idx(d)].assign(idx(n), problem.conductivity[idx(d)]);
      views[idx(d)] = spread[idx(d)];
    }
    const std::vector<double> whole(idx(n), 1.0);
    conductances_ = space::voxel_conductances(grid_, inside_, views, whole, problem.sides);
  }
  for (std::size_t side = 0; side < 6; ++side) kinds_[side] = problem.sides[side].kind;
  zeros_.assign(idx(grid_.shape[0]), 0.0);
  local_ = AlignedBuffer(idx(n));
  block_.shape = grid_.shape;
  block_.periodic = periodic_of(problem);
  for (std::size_t d = 0; d < 3; ++d) block_.faces[d] = conductances_.faces[d].data();
  block_.local = local_.data();
  block_.zeros = zeros_.data();
  // Couplings of a voxel are of size one in single precision.
  double sum = 0.0;
  std::int64_t count = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    if (!inside(k)) continue;
    for (const std::vector<double>& faces : conductances_.faces) sum += 2.0 * faces[idx(k)];
    ++count;
  }
  if (sum > 0.0) scale_ = std::ldexp(1.0, -std::ilogb(sum / static_cast<double>(count)));
  mean_ = sum > 0.0 ? sum / static_cast<double>(count) * scale_ : 1.0;
  linalg::Level& level = multigrid_.finest();
  for (std::size_t d = 0; d < 3; ++d) KROGH_DISPATCH(elliptic_to_level)
  (block_, level, block_.faces[d], scale_, level.g[d], 0, block_.num_rows());
  multigrid_.set_couplings();
  place_sides(problem);
  rows_per_piece_ = linalg::rows_per_piece(multigrid_.finest());
  pieces_ = (block_.num_rows() + rows_per_piece_ - 1) / rows_per_piece_;
  constexpr std::int64_t stride = 8;  // doubles: no two threads write one line
  for (std::vector<double>& sums : sums_) sums.assign(idx(pieces_ * stride), 0.0);
  const double zero = 0.0;
  set_absorption({&zero, 1}, 1);
}

void EllipticSolver::Engine::place_sides(const EllipticProblem& problem) {
  std::vector<linalg::Multigrid::SidePart> parts;
  for (std::size_t side = 0; side < 6; ++side)
    each_at_side(side, [&](std::int64_t k, std::int64_t i) {
      const double through = conductances_.sides[side][idx(i)];
      if (through == 0.0) return;
      const std::array<std::int64_t, 3> p = position(k);
      double share = 1.0;
      if (kinds_[side] == space::SideKind::membrane) {
        const std::size_t d = side / 2;
        const double area = volume(k) / grid_.widths[d][idx(p[d])];
        share -= through / (area * problem.sides[side].permeability);
      }
      parts.push_back(
          {.at = {static_cast<int>(p[0]), static_cast<int>(p[1]), static_cast<int>(p[2])},
           .direction = side / 2,
           .value = through * scale_,
           .share = share});
    });
  if (!parts.empty()) multigrid_.set_sides(std::move(parts));
}

bool EllipticSolver::Engine::inside(std::int64_t k) const {
  return inside_.empty() || inside_[idx(k)] != 0;
}

std::array<std::int64_t, 3> EllipticSolver::Engine::position(std::int64_t k) const {
  const std::int64_t row = k / grid_.shape[0];
  return {k % grid_.shape[0], row % grid_.shape[1], row / grid_.shape[1]};
}

double EllipticSolver::Engine::volume(std::int64_t k) const {
  const std::array<std::int64_t, 3> p = position(k);
  return grid_.widths[0][idx(p[0])] * grid_.widths[1][idx(p[1])] * grid_.widths[2][idx(p[2])];
}

void EllipticSolver::Engine::require_by_voxel(std::span<const double> values, const char* name,
                                              bool is_absorption) const {
  const auto found = static_cast<std::int64_t>(values.size());
  if (found != 1 && found != num_voxels())
    throw InvalidInput(std::string(name) + ": found " + std::to_string(found) +
                       " values, expected 1 or " + std::to_string(num_voxels()));
  for (std::int64_t k = 0; k < found; ++k)
    if ((found == 1 || inside(k)) &&
        !(std::isfinite(values[idx(k)]) && (!is_absorption || values[idx(k)] >= 0.0)))
      throw InvalidInput(std::string(name) + " must be finite" +
                         (is_absorption ? " and not negative" : "") + ", found " +
                         std::to_string(values[idx(k)]) + at(k));
}

void EllipticSolver::Engine::require_whole(std::span<const double> values, const char* name) const {
  if (static_cast<std::int64_t>(values.size()) != num_voxels())
    throw InvalidInput(std::string(name) + ": found " + std::to_string(values.size()) +
                       " values, expected " + std::to_string(num_voxels()));
}

template <class Visit>
void EllipticSolver::Engine::each_at_side(std::size_t side, const Visit& visit) const {
  if (conductances_.sides[side].empty()) return;
  const std::size_t d = side / 2, e = d == 0 ? 1 : 0, f = d == 2 ? 1 : 2;
  const std::array<std::int64_t, 3> strides{1, grid_.shape[0],
                                            std::int64_t{grid_.shape[0]} * grid_.shape[1]};
  const std::int64_t first = side % 2 == 0 ? 0 : (grid_.shape[d] - 1) * strides[d];
  std::int64_t number = 0;  // in the order of voxels
  for (std::int64_t j = 0; j < grid_.shape[f]; ++j)
    for (std::int64_t i = 0; i < grid_.shape[e]; ++i)
      visit(first + i * strides[e] + j * strides[f], number++);
}

void EllipticSolver::Engine::set_absorption(std::span<const double> absorption, int num_threads) {
  require_by_voxel(absorption, "absorption", true);
  double* local = local_.data();
  const bool by_voxel = absorption.size() != 1;
  for (std::int64_t k = 0; k < num_voxels(); ++k)
    local[k] = inside(k) ? absorption[idx(by_voxel ? k : 0)] * volume(k) : 0.0;
  for (std::size_t side = 0; side < 6; ++side)
    each_at_side(side, [&](std::int64_t k, std::int64_t i) {
      local[k] += conductances_.sides[side][idx(i)];
    });
  find_floating(absorption);
  place_local();
  bool is_regular = true;
  run_team(team_size(num_threads), [&](Team& team, int member) {
    const bool own = multigrid_.factor(team, member);
    if (member == 0) is_regular = own;
  });
  if (!is_regular)
    throw InvalidInput(
        "the steady system is singular: conductivities and absorption span more"
        " than single precision holds");
}

void EllipticSolver::Engine::find_floating(std::span<const double> absorption) {
  floating_.clear();
  num_floating_ = 0;
  const std::int64_t n = num_voxels();
  if (absorption.size() == 1 && absorption[0] > 0.0) return;
  bool everywhere = true;
  for (std::int64_t k = 0; k < n && everywhere; ++k)
    everywhere = !inside(k) || local_.data()[k] > 0.0;
  if (everywhere) return;
  const std::vector<std::int32_t> connected =
      space::connected_regions(grid_, inside_, {&conductances_, 1});
  const std::int32_t sets = 1 + *std::max_element(connected.begin(), connected.end());
  std::vector<char> held(idx(sets), 0);
  for (std::int64_t k = 0; k < n; ++k)
    if (connected[idx(k)] >= 0 && local_.data()[k] > 0.0) held[idx(connected[idx(k)])] = 1;
  std::vector<std::int32_t> numbers(idx(sets), -1);
  for (std::int32_t s = 0; s < sets; ++s)
    if (held[idx(s)] == 0) numbers[idx(s)] = num_floating_++;
  if (num_floating_ == 0) return;
  floating_.assign(idx(n), -1);
  for (std::int64_t k = 0; k < n; ++k)
    if (connected[idx(k)] >= 0) floating_[idx(k)] = numbers[idx(connected[idx(k)])];
}

void EllipticSolver::Engine::place_local() {
  const int across = *std::max_element(grid_.shape.begin(), grid_.shape.end());
  const double least = mean_ * floor_of_floating / (static_cast<double>(across) * across);
  linalg::Level& level = multigrid_.finest();
  const double* local = local_.data();
  std::int64_t k = 0;
  for (int z = 0; z < grid_.shape[2]; ++z)
    for (int y = 0; y < grid_.shape[1]; ++y)
      for (int x = 0; x < grid_.shape[0]; ++x, ++k) {
        double value = local[k] * scale_;
        if (!inside(k))
          value = floor_outside;
        else if (num_floating_ > 0 && floating_[idx(k)] >= 0)
          value = least;
        level.local[level.place(x, y, z, 0, 1)] = static_cast<float>(value);
      }
}

void EllipticSolver::Engine::make_vectors() {
  if (r_.size() != 0) return;
  const std::size_t n = idx(num_voxels());
  for (AlignedBuffer* vector : {&b_, &r_, &p_, &q_, &z_}) *vector = AlignedBuffer(n);
  const std::size_t numbers = idx(multigrid_.finest().vector_size() + 16);
  right_ = AlignedArray<float>(numbers);
  solution_ = AlignedArray<float>(numbers);
}

void EllipticSolver::Engine::set_right(std::span<const double> source,
                                       const std::array<double, 6>& outside) {
  require_by_voxel(source, "source", false);
  for (std::size_t side = 0; side < 6; ++side)
    if (!std::isfinite(outside[side]))
      throw InvalidInput("outside: the value beyond side " + std::to_string(side) +
                         " is not finite");
  double* b = b_.data();
  const bool by_voxel = source.size() != 1;
  for (std::int64_t k = 0; k < num_voxels(); ++k)
    b[k] = inside(k) ? source[idx(by_voxel ? k : 0)] * volume(k) : 0.0;
  for (std::size_t side = 0; side < 6; ++side)
    each_at_side(side, [&](std::int64_t k, std::int64_t i) {
      b[k] += conductances_.sides[side][idx(i)] * outside[side];
    });
  if (num_floating_ > 0) balance_floating();
}

void EllipticSolver::Engine::balance_floating() {
  std::vector<double> sums(idx(num_floating_), 0.0), sizes(sums), volumes(sums);
  double* b = b_.data();
  for (std::int64_t k = 0; k < num_voxels(); ++k) {
    if (floating_[idx(k)] < 0) continue;
    const std::size_t set = idx(floating_[idx(k)]);
    sums[set] += b[k];
    sizes[set] += std::abs(b[k]);
    volumes[set] += volume(k);
  }
  for (std::int64_t k = 0; k < num_voxels(); ++k) {
    if (floating_[idx(k)] < 0) continue;
    const std::size_t set = idx(floating_[idx(k)]);
    if (std::abs(sums[set]) > balanced * sizes[set])
      throw InvalidInput("no steady state: nothing leaves the set of voxels around voxel " +
                         std::to_string(k) + ", but its sources add up to " +
                         std::to_string(sums[set] / sizes[set]) + " of their sizes, not to zero");
    b[k] -= sums[set] / volumes[set] * volume(k);
  }
}

void EllipticSolver::Engine::center_floating(std::span<double> values) const {
  if (num_floating_ == 0) return;
  std::vector<double> sums(idx(num_floating_), 0.0), volumes(sums);
  for (std::int64_t k = 0; k < num_voxels(); ++k) {
    if (floating_[idx(k)] < 0) continue;
    sums[idx(floating_[idx(k)])] += volume(k) * values[idx(k)];
    volumes[idx(floating_[idx(k)])] += volume(k);
  }
  for (std::int64_t k = 0; k < num_voxels(); ++k) {
    if (floating_[idx(k)] < 0) continue;
    const std::size_t set = idx(floating_[idx(k)]);
    values[idx(k)] -= sums[set] / volumes[set];
  }
}

void EllipticSolver::Engine::fluxes(std::span<const double> values,
                                    const std::array<double, 6>& outside,
                                    const std::array<std::span<double>, 3>& fluxes) const {
  require_whole(values, "values");
  const std::int64_t n = num_voxels();
  const std::array<std::int64_t, 3> strides{1, grid_.shape[0],
                                            std::int64_t{grid_.shape[0]} * grid_.shape[1]};
  for (std::size_t d = 0; d < 3; ++d) {
    const std::size_t e = d == 0 ? 1 : 0, f = d == 2 ? 1 : 2;
    const std::int64_t last = grid_.shape[d] - 1, size = n / grid_.shape[d] * (last + 2);
    if (static_cast<std::int64_t>(fluxes[d].size()) != size)
      throw InvalidInput("fluxes along axis " + std::to_string(d) + ": found " +
                         std::to_string(fluxes[d].size()) + " values, expected " +
                         std::to_string(size));
    // Number of the face before a voxel: one more face than voxels along d.
    auto face = [&](const std::array<std::int64_t, 3>& p) {
      std::array<std::int64_t, 3> shape{grid_.shape[0], grid_.shape[1], grid_.shape[2]};
      ++shape[d];
      return p[0] + shape[0] * (p[1] + shape[1] * p[2]);
    };
    std::int64_t low = 0, high = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      std::array<std::int64_t, 3> p = position(k);
      const double area = grid_.widths[e][idx(p[e])] * grid_.widths[f][idx(p[f])];
      const double g = conductances_.faces[d][idx(k)];
      const bool is_first = p[d] == 0, is_last = p[d] == last;
      const std::int64_t before = is_first ? k + last * strides[d] : k - strides[d];
      double through = g > 0.0 ? g * (values[idx(before)] - values[idx(k)]) : 0.0;
      if (is_first && !conductances_.sides[2 * d].empty()) {
        const double side = conductances_.sides[2 * d][idx(low++)];
        if (side > 0.0) through = side * (outside[2 * d] - values[idx(k)]);
      }
      fluxes[d][idx(face(p))] = through / area;
      if (!is_last) continue;
      double out = 0.0;
      if (kinds_[2 * d] == space::SideKind::periodic) {
        const std::int64_t first = k - last * strides[d];
        const double around = conductances_.faces[d][idx(first)];
        if (around > 0.0) out = around * (values[idx(k)] - values[idx(first)]);
      } else if (!conductances_.sides[2 * d + 1].empty()) {
        const double side = conductances_.sides[2 * d + 1][idx(high++)];
        if (side > 0.0) out = side * (values[idx(k)] - outside[2 * d + 1]);
      }
      ++p[d];
      fluxes[d][idx(face(p))] = out / area;
    }
  }
}

EllipticResult EllipticSolver::Engine::solve(std::span<const double> source,
                                             const std::array<double, 6>& outside,
                                             std::span<double> values,
                                             const EllipticOptions& options,
                                             const RunControl& control) {
  require_whole(values, "values");
  if (!(options.tolerance > 0.0 && options.tolerance < 1.0))
    throw InvalidInput("tolerance must lie between 0 and 1, found " +
                       std::to_string(options.tolerance));
  if (options.max_cycles < 1)
    throw InvalidInput("max_cycles must be positive, found " + std::to_string(options.max_cycles));
  for (std::int64_t k = 0; k < num_voxels(); ++k) {
    if (!inside(k)) values[idx(k)] = 0.0;
    if (!std::isfinite(values[idx(k)]))
      throw InvalidInput("values: the first guess is not finite" + at(k));
  }
  make_vectors();
  set_right(source, outside);
  const auto keep_going = [&](std::int32_t cycles) {
    return !control.keep_going ||
           control.keep_going(
               {.done = cycles, .total = options.max_cycles, .elapsed_seconds = 0.0});
  };
  EllipticResult result;
  stopped_ = false;
  run_team(team_size(control.num_threads), [&](Team& team, int member) {
    const EllipticResult own = iterate(team, member, values.data(), options, keep_going);
    if (member == 0) result = own;
  });
  center_floating(values);
  for (std::int64_t k = 0; k < num_voxels() && !inside_.empty(); ++k)
    if (!inside(k)) values[idx(k)] = std::numeric_limits<double>::quiet_NaN();
  return result;
}

// --- the public class ----------------------------------------------------------------------------

EllipticSolver::EllipticSolver(const EllipticProblem& problem)
    : engine_(std::make_unique<Engine>(problem)) {}
EllipticSolver::~EllipticSolver() = default;
EllipticSolver::EllipticSolver(EllipticSolver&&) noexcept = default;
EllipticSolver& EllipticSolver::operator=(EllipticSolver&&) noexcept = default;

std::int64_t EllipticSolver::num_voxels() const { return engine_->num_voxels(); }
std::int32_t EllipticSolver::num_floating() const { return engine_->num_floating(); }

void EllipticSolver::set_absorption(std::span<const double> absorption, int num_threads) {
  engine_->set_absorption(absorption, num_threads);
}

EllipticResult EllipticSolver::solve(std::span<const double> source,
                                     const std::array<double, 6>& outside, std::span<double> values,
                                     const EllipticOptions& options, const RunControl& control) {
  return engine_->solve(source, outside, values, options, control);
}

void EllipticSolver::apply(std::span<const double> values, std::span<double> out, int num_threads) {
  engine_->apply(values, out, num_threads);
}

void EllipticSolver::precondition(std::span<const double> values, std::span<double> out,
                                  int num_threads) {
  engine_->precondition(values, out, num_threads);
}

void EllipticSolver::fluxes(std::span<const double> values, const std::array<double, 6>& outside,
                            const std::array<std::span<double>, 3>& fluxes) const {
  engine_->fluxes(values, outside, fluxes);
}

}  // namespace krogh::simulate
