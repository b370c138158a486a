// One step of a volume: its stages, their linear systems, what enters and leaves.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_engine.hpp"

#include <algorithm>
#include <cmath>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {

/// Concentrations outside of a stage; to them is added the weight of their explicit dependence on
/// time, h gamma_i times the slope at the start of the step.
void VolumeEngine::place_outside(Member& self, int stage) {
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const double begin = self.block.time;
  const double t = stage < 0 ? begin : begin + tableau.alpha[stage] * self.block.step;
  const double weight = stage < 0 ? 0.0 : tableau.gamma_i[stage] * self.block.step;
  for (std::int64_t e = 0; e < num_entries_; ++e) {
    const std::int32_t input = outside_inputs_[idx(e)];
    self.outside[idx(e)] =
        input < 0 ? 0.0 : self.inputs.value(input, t) + weight * self.inputs.slope(input, begin);
  }
  if (!self.plasma) return;
  self.plasma->combine(std::max(stage, 0), self.block.step);
  const VolumePlasmaProblem& plasma = problem_.plasma;
  for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
    self.outside[idx(plasma.exchange[k].exchange)] =
        plasma.outside_factor[k] * self.plasma->kept(self.plasma->kept_of()[k]);
}

/// Rates that follow a state, and what the plasma hears of the tissue, at a stage's values.
void VolumeEngine::follow(Member& self, int stage) {
  VolumeBlock& b = self.block;
  if (b.num_followed == 0) return;
  add_up(self, feed_sums_, b.num_feeds, self.fed.data(),
         [&](const VolumePiece& piece, double* own) {
           KROGH_DISPATCH(volume_follow)(integrate::ros34pw2(), b, piece, stage, own);
         });
  if (self.plasma) self.plasma->feed(self.fed.data());
}

VolumeEngine::Attempt VolumeEngine::attempt(Member& self) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const double used = b.step;
  for (int j = 0; j < b.num_mobile; ++j) {
    const std::size_t state = idx(b.mobile[j]);
    self.unit[idx(j)] = atol_[state] + b.rtol * self.scale[state];
  }
  b.diagonal = takes_adi(used) ? diagonal_.data() : nullptr;
  self.recipes.assign(systems_.size(), {});
  for (int stage = 0; stage < 4; ++stage) {
    place_outside(self, stage);
    if (stage == 0) {  // those of later stages are made where the solution before them is at hand
      each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
        KROGH_DISPATCH(volume_moving)(tableau, b, piece, stage);
      });
      if (!goes_on(self)) return Attempt::stopped;
    }
    follow(self, stage);
    std::fill(self.kept.begin(), self.kept.end(), 0.0);
    if (self.plasma && !is_two_way_) {  // known before the tissue is
      self.plasma->evaluate(stage, b.time, b.step, self.taken.data());
      solve_plasma(self, nullptr);
      self.plasma->complete(stage, self.kept.data());
    }
    set_change(self);
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
             if (stage == 0) {
               KROGH_DISPATCH(volume_begin)(tableau, b, piece);
             } else {
               KROGH_DISPATCH(volume_stage)(tableau, b, piece, stage);
             }
           });
    if (!goes_on(self)) return Attempt::stopped;
    if (self.plasma && is_two_way_) {
      take(self);
      self.plasma->evaluate(stage, b.time, b.step, self.taken.data());
    }
    Attempt failure = Attempt::accepted;
    if (!solve_stage(self, stage, failure)) {
      if (failure != Attempt::stopped) self.step = 0.25 * used;
      return failure;
    }
  }
  return judge(self, used);
}

/// Solves the linear system of a stage and books what it lets in and out.
bool VolumeEngine::solve_stage(Member& self, int stage, Attempt& failure) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  if (stage == 0 && b.diagonal != nullptr && !try_adi(self, failure)) return false;
  for (SystemMemory& system : systems_) {
    if (stage > 0 || b.diagonal != nullptr) break;
    if (system.multigrid->factor(self.team, self.number)) continue;
    failure = Attempt::not_solved;
    return false;
  }
  if (stage == 0 && is_two_way_ && b.has_factors) sum_rates(self);
  if (stage == 0 && is_two_way_ && !find_responses(self, failure)) return false;
  if (b.diagonal != nullptr) {
    if (stage > 0 && !solve_adi(self, b.free, failure)) return false;
  } else if (!solve_linear(self, system_views_, &self.recipes, failure)) {
    return false;
  }
  if (is_two_way_) {
    std::vector<double> let_out(idx(b.num_exchanges));
    add_up(self, extract_sums_, b.num_exchanges, let_out.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_extract)(b, piece, b.free, own);
           });
    solve_plasma(self, let_out.data());
    set_change(self);
  }
  const std::int64_t m = b.num_mobile;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = solution_sums_.data() + solution_offsets_[idx(p)];
    std::fill_n(own, piece.num_regions * (m + m * m), 0.0);
    if (!is_two_way_) {
      std::vector<double> let_out(idx(b.num_exchanges));
      KROGH_DISPATCH(volume_extract)(b, piece, b.free, let_out.data());
    }
    KROGH_DISPATCH(volume_residual)(b, piece, stage == 0, own);
  });
  if (!goes_on(self)) {
    failure = Attempt::stopped;
    return false;
  }
  if (self.number == 0) find_constants(self, stage);
  self.team.wait();
  if (is_two_way_) {
    for (std::size_t q = 0; q < self.kept.size(); ++q) self.kept[q] += plasma_shift_[q];
    set_change(self);
    self.plasma->complete(stage, self.kept.data());
  }
  std::vector<double> leaving(idx(num_entries_));
  add_up(self, leaving_sums_, num_entries_, leaving.data(),
         [&](const VolumePiece& piece, double* own) {
           KROGH_DISPATCH(volume_correct)(b, piece, constants_.data(), stage, own);
           if (stage < 3) KROGH_DISPATCH(volume_moving)(tableau, b, piece, stage + 1);
         });
  for (std::size_t e = 0; e < self.ledger.size(); ++e) {
    const std::size_t ways = leaving.size();
    double total = e < ways ? self.entering[e] + leaving[e] : self.fed[e - ways];
    for (int s = 0; s < stage; ++s) total += tableau.c[stage][s] / b.step * self.stage_ledger[s][e];
    self.stage_ledger[stage][e] = total * b.step * tableau.gamma;
  }
  return true;
}

}  // namespace krogh::simulate
