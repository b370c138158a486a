// Capillary segments beside a group of lines: memory and loading.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <numbers>

#include "simulate/line_engine.hpp"

namespace krogh::simulate {
namespace {

constexpr int W = linalg::line_lanes;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

/// What stood outside the inner walls becomes the inlet; outside them stand the segments from now.
void LineEngine::place_vessel() {
  LineBlock& b = block_;
  LineVessel& v = vessel_;
  b.vessel = &v;
  const int m = b.tissue.num_kept;
  const int chains = b.transport.num_chains;
  v.first_row = b.num_inputs + static_cast<long>(problem_.plasma.exchange.size());
  for (int j = 0; j < m; ++j) inlets_.push_back(wall_inputs_[idx(j)]);
  v.inlets = inlets_.data();
  for (int chain = 0; chain < chains; ++chain)
    for (int j = 0; j < m; ++j)
      wall_inputs_[idx(2 * chain * m + j)] = static_cast<int>(v.first_row) + chain * m + j;
  const std::size_t mobile = idx(m) * W;
  const std::size_t segments = idx(chains) * mobile;
  const std::size_t answers = idx(m) * idx(b.tissue.num_cells) * mobile;
  vessel_rows_ = AlignedBuffer((2 + 2 * idx(chains)) * W + 7 * segments + 2 * mobile + answers +
                               idx(m) * (2 * segments + mobile));
  Pieces take(vessel_rows_);
  v.flow = take(W);
  v.inverse_length = take(W);
  v.length = take(idx(chains) * W);
  v.inverse_volume = take(idx(chains) * W);
  v.y = take(segments);
  v.state = take(segments);
  v.sums = take(segments);
  v.stages = take(4 * segments);
  v.scale = take(mobile);
  v.highest = take(mobile);
  v.answers = take(answers);
  v.inverse = take(idx(m) * segments);
  v.response = take(idx(m) * segments);
  v.kept = take(idx(m) * mobile);
}

void LineEngine::load_vessel(int l, std::int64_t line) {
  const LineVesselProblem& problem = problem_.vessel;
  LineVessel& v = vessel_;
  const int m = block_.tissue.num_kept;
  const int chains = block_.transport.num_chains;
  v.flow[l] = *set_of(problem.flow, line, 1);
  const double* lengths = set_of(problem.lengths, line, chains);
  const double* faces = set_of(problem_.faces, line, block_.tissue.num_cells + chains);
  const double* radii = problem.radii.empty() ? nullptr : set_of(problem.radii, line, chains);
  const double* initial =
      problem.initial.empty() ? nullptr : set_of(problem.initial, line, chains * m);
  double whole = 0.0;
  for (int j = 0; j < m; ++j) v.scale[j * W + l] = 0.0;
  for (int chain = 0; chain < chains; ++chain) {
    const double radius = radii != nullptr ? radii[chain] : faces[starts_[idx(chain)] + chain];
    whole += lengths[chain];
    v.length[chain * W + l] = lengths[chain];
    v.inverse_volume[chain * W + l] = 1.0 / (std::numbers::pi * radius * radius * lengths[chain]);
    for (int j = 0; j < m; ++j) {
      const double value = initial != nullptr ? initial[chain * m + j] : 0.0;
      v.y[(chain * m + j) * W + l] = value;
      v.scale[j * W + l] = std::max(v.scale[j * W + l], value);
    }
  }
  v.inverse_length[l] = 1.0 / whole;
}

void LineEngine::find_in_vessel(int l, LineFailure& failure) const {
  const LineCells& c = block_.tissue;
  for (int q = 0; q < block_.transport.num_chains * c.num_kept && failure.state < 0; ++q) {
    const int j = q % c.num_kept;
    const int state = c.kept[j];
    const double value = vessel_.state[q * W + l];
    const double limit = -block_.rtol * vessel_.scale[j * W + l] - c.atol[state];
    if (!std::isfinite(value) || (c.may_be_negative[state] == 0 && value < limit))
      failure.state = state;
  }
}

}  // namespace krogh::simulate
