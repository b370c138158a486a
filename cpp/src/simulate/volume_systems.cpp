// Linear systems of a volume: which mobile states are solved together, and in which order.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>

#include "simulate/volume_engine.hpp"

namespace krogh::simulate {
namespace {

/// Cycles after which a linear system counts as not solved; two to six are usual.
constexpr int most_cycles = 60;

}  // namespace

/// Sets of mobile states that depend on each other, directly or through states that do not move, so
/// ordered that each depends on itself and earlier ones; also notes what earlier ones feed later
/// ones. A payload that acts on nothing else so becomes a system of its own.
std::vector<std::vector<int>> VolumeEngine::order_mobile() {
  const std::size_t m = mobile_.size(), n = idx(block_.num_states);
  std::vector<std::vector<std::size_t>> acts_on(n);
  for (const model::Entry& e : program_.jacobian()) acts_on[idx(e.column)].push_back(idx(e.row));
  std::vector<int> mobile_at(n, -1);
  for (std::size_t j = 0; j < m; ++j) mobile_at[idx(mobile_[j])] = static_cast<int>(j);
  // Entries of the reduced system: what is reached through eliminated states.
  std::vector<char> feeds(m * m, 0);  // (to, from)
  for (std::size_t l = 0; l < m; ++l) {
    std::vector<char> seen(n, 0);
    std::vector<std::size_t> open{idx(mobile_[l])};
    while (!open.empty()) {
      const std::size_t state = open.back();
      open.pop_back();
      for (const std::size_t to : acts_on[state]) {
        if (mobile_at[to] >= 0) feeds[idx(mobile_at[to]) * m + l] = 1;
        if (mobile_at[to] >= 0 || seen[to] != 0) continue;
        seen[to] = 1;
        open.push_back(to);
      }
    }
  }
  std::vector<char> reaches = feeds;
  for (std::size_t k = 0; k < m; ++k)
    for (std::size_t j = 0; j < m; ++j)
      for (std::size_t l = 0; l < m; ++l)
        if (reaches[j * m + k] != 0 && reaches[k * m + l] != 0) reaches[j * m + l] = 1;
  std::vector<std::vector<int>> sets;
  std::vector<char> placed(m, 0);
  for (std::size_t count = 0; count < m;)
    for (std::size_t j = 0; j < m; ++j) {
      if (placed[j] != 0) continue;
      bool is_ready = true;
      std::vector<int> set;
      for (std::size_t l = 0; l < m; ++l) {
        const bool depends = reaches[j * m + l] != 0,
                   is_mutual = depends && reaches[l * m + j] != 0;
        if (l == j || is_mutual) {
          set.push_back(static_cast<int>(l));
        } else if (depends && placed[l] == 0) {
          is_ready = false;
        }
      }
      if (!is_ready) continue;
      for (const int l : set) placed[idx(l)] = 1;
      count += set.size();
      sets.push_back(std::move(set));
    }
  system_of_.assign(m, 0);
  component_of_.assign(m, 0);
  for (std::size_t s = 0; s < sets.size(); ++s)
    for (std::size_t c = 0; c < sets[s].size(); ++c) {
      system_of_[idx(sets[s][c])] = static_cast<int>(s);
      component_of_[idx(sets[s][c])] = static_cast<int>(c);
    }
  for (std::size_t j = 0; j < m; ++j)
    for (std::size_t l = 0; l < m; ++l)
      if (feeds[j * m + l] != 0 && system_of_[j] != system_of_[l])
        links_.push_back({.to = static_cast<int>(j), .from = static_cast<int>(l)});
  return sets;
}

/// Grids and vectors of every system.
void VolumeEngine::place_systems(std::array<bool, 3> periodic) {
  VolumeBlock& b = block_;
  systems_.clear();
  system_views_.clear();
  links_.clear();
  for (std::vector<int>& members : order_mobile()) {
    SystemMemory& system = systems_.emplace_back();
    system.members = std::move(members);
    const auto count = static_cast<std::int64_t>(system.members.size());
    system.multigrid = std::make_unique<linalg::Multigrid>(grid_.shape, static_cast<int>(count),
                                                           periodic, b.has_flow);
    look();
    linalg::Level& level = system.multigrid->finest();
    std::int64_t k = 0;
    for (int z = 0; z < b.shape[2]; ++z) {
      look();
      for (int y = 0; y < b.shape[1]; ++y)
        for (int x = 0; x < b.shape[0]; ++x, ++k)
          for (std::int64_t c = 0; c < count; ++c)
            for (std::size_t d = 0; d < 3; ++d) {
              const std::int64_t at = level.place(x, y, z, c, count);
              const std::int64_t from = system.members[idx(c)] * b.stride + k;
              const double conductance = static_cast<double>(b.faces[d][from]);
              const double flow = b.has_flow ? b.convection[d][from] : 0.0;
              level.g[d][at] = static_cast<float>(conductance + std::max(flow, 0.0));
              if (b.has_flow)
                level.back[d][at] = static_cast<float>(conductance + std::max(-flow, 0.0));
            }
    }
    system.multigrid->set_couplings();
    look();
    system.krylov = std::make_unique<linalg::Krylov>(*system.multigrid);
    const linalg::Level& finest = system.multigrid->finest();
    system.right = AlignedArray<float>(idx(finest.vector_size() + 16));
  }
  for (SystemMemory& system : systems_)
    system_views_.push_back({.count = static_cast<int>(system.members.size()),
                             .members = system.members.data(),
                             .level = system.multigrid->finest(),
                             .right = system.right.data()});
  b.systems = system_views_.data();
  b.num_systems = static_cast<int>(system_views_.size());
  b.system_of = system_of_.data();
  b.component_of = component_of_.data();
  b.links = links_.data();
  b.num_links = static_cast<int>(links_.size());
}

/// Solves the linear systems one after the other for the right-hand sides of `systems`.
/// @param recipes  how the step's stages are solved, found by the first: with one linear operator
/// in place of the inverse in all of them the step is that of a W-method, whose errors cancel as if
/// the systems had been solved exactly. Stages that took different numbers of cycles would make the
/// error estimate see what the cycles leave. Null: to the tolerance, for itself.
bool VolumeEngine::solve_linear(Member& self, const std::vector<VolumeSystem>& systems,
                                std::vector<linalg::KrylovRecipe>* recipes, Attempt& failure) {
  VolumeBlock& b = self.block;
  b.systems = systems.data();
  self.solutions.resize(systems.size());
  b.solutions = self.solutions.data();
  for (int s = 0; s < b.num_systems; ++s) {
    const bool is_fed = std::any_of(links_.begin(), links_.end(), [&](const VolumeLink& link) {
      return system_of_[idx(link.to)] == s;
    });
    if (is_fed) {
      each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
        KROGH_DISPATCH(volume_couple)(b, piece, s);
      });
      self.team.wait();
    }
    SystemMemory& system = systems_[idx(s)];
    linalg::KrylovRecipe* recipe = recipes == nullptr ? nullptr : &(*recipes)[idx(s)];
    float* right = b.systems[s].right;
    linalg::Combination& solution = self.solutions[idx(s)];
    const linalg::KrylovOutcome outcome =
        recipe != nullptr && recipe->cycles > 0
            ? system.krylov->apply(self.team, self.number, right, solution, *recipe, self.report)
            : system.krylov->solve(self.team, self.number, right, solution, options_.linear_rtol,
                                   most_cycles, self.report, recipe);
    ++self.stats.linear_solves;
    self.stats.linear_iterations += outcome.cycles;
    self.stats.most_iterations = std::max(self.stats.most_iterations, outcome.cycles);
    if (!outcome.converged) {
      failure = outcome.stopped                   ? Attempt::stopped
                : std::isfinite(outcome.residual) ? Attempt::not_solved
                                                  : Attempt::not_finite;
      b.systems = system_views_.data();
      return false;
    }
  }
  b.systems = system_views_.data();
  return true;
}

}  // namespace krogh::simulate
