// Where a volume run begins: the model's or given states, or the state of an earlier run; and what
// is kept of a run to go on from.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <chrono>

#include "simulate/volume_engine.hpp"

namespace krogh::simulate {

/// States at the begin; those outside stand still at values that kinetics can bear.
void VolumeEngine::place_start(Member& self) {
  VolumeBlock& b = self.block;
  const model::RegisterLayout& layout = program_.layout();
  auto row = [&](std::int64_t r) { return b.file + r * b.width; };
  const std::int64_t n = b.num_voxels;
  const std::int64_t first = std::find(inside_.begin(), inside_.end(), 1) - inside_.begin();
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    const std::int64_t end = piece.end_row * b.shape[0];
    for (std::int64_t k = piece.first_row * b.shape[0]; k < end; k += b.width) {
      const std::int64_t count = std::min<std::int64_t>(b.width, end - k);
      if (!problem_.initial.empty()) {
        for (int i = 0; i < b.num_states; ++i)
          for (std::int64_t l = 0; l < count; ++l)
            b.y[b.place(i, k + l)] =
                problem_.initial[idx(i * n + (inside_[idx(k + l)] != 0 ? k + l : first))];
        continue;
      }
      if (b.num_fields > 0) {
        for (std::int64_t f = 0; f < b.num_fields; ++f)
          for (std::int64_t l = 0; l < b.width; ++l) {
            const std::int64_t at = k + std::min(l, count - 1);
            row(b.field_rows[f])[l] =
                b.fields_by_region ? b.fields[f * 256 + b.region_of[at]] : b.fields[f * n + at];
          }
        b.program_prologue->run(b.file);
        b.line_prologue->run(b.file);
      }
      tapes_->native.initial.run(b.file);
      for (int i = 0; i < b.num_states; ++i)
        std::copy_n(row(layout.solution + i), b.width, b.y + b.place(i, k));
    }
  });
  self.team.wait();
  for (int i = 0; i < b.num_states; ++i)  // every member looks at all: the same for each
    b.each_place(i, 0, n, [&](std::int64_t k, std::int64_t at) {
      if (inside_[idx(k)] != 0) self.scale[idx(i)] = std::max(self.scale[idx(i)], b.y[at]);
    });
}

void VolumeEngine::restore(Member& self) {
  VolumeBlock& b = self.block;
  const VolumeState& state = *hooks_.resume;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    const std::int64_t first = piece.first_row * b.shape[0], end = piece.end_row * b.shape[0];
    for (std::int64_t i = 0; i < b.num_states; ++i)
      b.each_place(i, first, end, [&](std::int64_t k, std::int64_t at) {
        b.y[at] = state.voxels[idx(i * b.num_voxels + k)];
      });
  });
  b.time = state.time;
  self.step = state.step;
  self.stop_time = state.stop_time;
  self.restart = state.restart;
  self.next_record = idx(state.next_record);
  self.next_knot = idx(state.next_knot);
  self.next_jump = idx(state.next_jump);
  self.stats = state.stats;
  self.scale = state.scale;
  self.ledger = state.ledger;
  self.inputs.restore(state);
  if (self.plasma) self.plasma->restore(state);
  const std::vector<VolumeChange>& changes = problem_.changes;
  for (; self.next_change < changes.size() && changes[self.next_change].time <= state.time;
       ++self.next_change)
    turn(self);
  self.restart = state.restart;
  self.team.wait();
  while (self.next_record < problem_.record_times.size() &&
         problem_.record_times[self.next_record] <= b.time) {
    record(self);  // one that was reached, but that the caller did not get to keep
    ++self.next_record;
  }
}

/// Member 0, between steps: the states are whole, and nobody changes them before it goes on.
VolumeState VolumeEngine::state_of(const Member& self) const {
  const VolumeBlock& b = self.block;
  VolumeState state{.time = b.time,
                    .step = self.step,
                    .stop_time = self.stop_time,
                    .restart = self.restart,
                    .next_record = static_cast<std::int64_t>(self.next_record),
                    .next_knot = static_cast<std::int64_t>(self.next_knot),
                    .next_jump = static_cast<std::int64_t>(self.next_jump),
                    .stats = self.stats,
                    .voxels = {},
                    .scale = self.scale,
                    .ledger = self.ledger,
                    .inputs = {},
                    .plasma = {},
                    .method = {}};
  state.voxels.resize(idx(b.num_states * b.num_voxels));
  for (std::int64_t i = 0; i < b.num_states; ++i)
    b.each_place(i, 0, b.num_voxels, [&](std::int64_t k, std::int64_t at) {
      state.voxels[idx(i * b.num_voxels + k)] = b.y[at];
    });
  self.inputs.keep(state);
  if (self.plasma) self.plasma->keep(state);
  return state;
}

/// Member 0, after an accepted step: hands the state over where the caller asked for it.
void VolumeEngine::keep(const Member& self) {
  if (!hooks_.keep) return;
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - last_kept_;
  const bool is_due = (hooks_.keep_steps > 0 && self.stats.accepted % hooks_.keep_steps == 0) ||
                      (hooks_.keep_seconds > 0.0 && since.count() >= hooks_.keep_seconds);
  if (!is_due) return;
  hooks_.keep(state_of(self));
  last_kept_ = std::chrono::steady_clock::now();
}

/// Asks the caller whether to go on; every member gets the same answer.
bool VolumeEngine::goes_on(Member& self) {
  const std::int64_t number = ++self.asked;
  if (self.number == 0 && (is_abandoned_ || !self.report())) stop_at_ = number;
  self.team.wait();
  return stop_at_ != number;  // a later number may stand there already
}

}  // namespace krogh::simulate
