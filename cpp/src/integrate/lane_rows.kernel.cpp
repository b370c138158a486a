// Bookkeeping of a block of lanes after a step: counters, reach of the step, acceptance.
// SPDX-License-Identifier: BSD-3-Clause
#include "integrate/lane_block.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::LaneBlock;
using integrate::LaneRows;
using integrate::TangentBlock;

/// Counts the step of every active lane and says how far observations can be taken from it. A step
/// that ends at a stop leaves observations at the stop itself for later: derived doses come first.
/// @return whether a lane needs attention: too many steps, or a step too small to go on.
template <int L>
bool tally(LaneBlock& b, LaneRows& rows) {
  double trouble[static_cast<std::size_t>(L)];
  const double most = rows.max_steps;
  const double* const active = b.busy;
  double* const num_evaluations = rows.num_evaluations;
  const double* const evaluations = b.evaluations;
  const double* const stop = rows.stop_time;
  double* const until = rows.observe_until;
  double* const num_accepted = rows.num_accepted;
  double* const num_rejected = rows.num_rejected;
  const double* const accepted_row = b.accepted;
  const double* const time = b.time;
  const double* const used = b.step_used;
  const double* const remaining = b.remaining;
  const double* const step = b.step;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    const double accepted = accepted_row[l] > 0.0 ? active[l] : 0.0;
    const double rejected = active[l] - accepted;
    num_accepted[l] += accepted;
    num_rejected[l] += rejected;
    num_evaluations[l] += active[l] > 0.0 ? evaluations[l] : 0.0;
    // One part in 2^52 below the stop is the largest time that is certainly before it.
    const double size = __builtin_fabs(stop[l]);
    const double before_stop = stop[l] - (size > 1e-292 ? size * 2.220446049250313e-16 : 5e-324);
    const double end = used[l] >= remaining[l] ? before_stop : time[l] + used[l];
    until[l] = accepted > 0.0 ? end : -__builtin_inf();
    const double now = __builtin_fabs(time[l]);
    const double smallest = 1e-14 * (now > 1e-270 ? now : 1e-270);
    const double too_small = step[l] < smallest ? rejected : 0.0;
    const double too_many = num_accepted[l] + num_rejected[l] > most ? active[l] : 0.0;
    trouble[l] = too_small + too_many;
  }
  double any = 0.0;
  for (int l = 0; l < L; ++l) any += trouble[l];
  return any > 0.0;
}

template <int L>
void accept_rows(const double* accepted, const double* after, double* before, int rows) {
  for (int i = 0; i < rows; ++i) {
    const double* const from = after + static_cast<long>(i) * L;
    double* const to = before + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) to[l] = accepted[l] > 0.0 ? from[l] : to[l];
  }
}

/// Moves the accepted lanes to the end of their step.
template <int L>
void commit(LaneBlock& b, const LaneRows& rows, const TangentBlock* tangents) {
  double accepted[static_cast<std::size_t>(L)];
  for (int l = 0; l < L; ++l) accepted[l] = b.accepted[l] > 0.0 ? b.busy[l] : 0.0;
  accept_rows<L>(accepted, b.y_new, b.y, b.num_states);
  if (tangents != nullptr)
    accept_rows<L>(accepted, tangents->s_new, tangents->s, tangents->count * b.num_states);
  double* const time = b.time;
  double* const remaining = b.remaining;
  const double* const used = b.step_used;
  const double* const stop = rows.stop_time;
  KROGH_SIMD
  for (int l = 0; l < L; ++l) {
    const double end = used[l] >= remaining[l] ? stop[l] : time[l] + used[l];
    time[l] = accepted[l] > 0.0 ? end : time[l];
    remaining[l] = accepted[l] > 0.0 ? stop[l] - end : remaining[l];
  }
}

}  // namespace

bool tally_step(LaneBlock& block, LaneRows& rows) {
  switch (block.lanes) {
    case 8: return tally<8>(block, rows);
    case 16: return tally<16>(block, rows);
    default: return tally<32>(block, rows);
  }
}

void commit_step(LaneBlock& block, const LaneRows& rows, const TangentBlock* tangents) {
  switch (block.lanes) {
    case 8: commit<8>(block, rows, tangents); break;
    case 16: commit<16>(block, rows, tangents); break;
    default: commit<32>(block, rows, tangents);
  }
}

}  // namespace krogh::KROGH_ISA
