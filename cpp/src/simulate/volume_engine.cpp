// Steps, stops, records and failures of a volume run.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Steps below this share of the time no longer move the clock.
constexpr double smallest_step = 16.0 * std::numeric_limits<double>::epsilon();
/// Cycles after which a linear system counts as not solved; two to six are usual.
constexpr int most_cycles = 60;
constexpr double safety = 0.9, largest_growth = 4.0, largest_shrink = 0.2;

/// Numbers from one piece's sums to the next: whole cache lines, one more than needed.
std::int64_t sum_stride(std::int64_t count) { return (count + 7) / 8 * 8 + 8; }

/// Solves a x = b for a small dense system, overwriting both; partial pivoting.
void solve_small(std::vector<double>& a, double* b, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i)
      if (std::abs(a[idx(i * n + k)]) > std::abs(a[idx(pivot * n + k)])) pivot = i;
    for (std::int64_t j = 0; j < n && pivot != k; ++j)
      std::swap(a[idx(pivot * n + j)], a[idx(k * n + j)]);
    if (pivot != k) std::swap(b[pivot], b[k]);
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = a[idx(i * n + k)] / a[idx(k * n + k)];
      for (std::int64_t j = k; j < n; ++j) a[idx(i * n + j)] -= factor * a[idx(k * n + j)];
      b[i] -= factor * b[k];
    }
  }
  for (std::int64_t k = n - 1; k >= 0; --k) {
    for (std::int64_t j = k + 1; j < n; ++j) b[k] -= a[idx(k * n + j)] * b[j];
    b[k] /= a[idx(k * n + k)];
  }
}

}  // namespace

template <class Work>
void VolumeEngine::each_piece(Member& self, const Work& work) {
  const Share share =
      share_of(static_cast<std::int64_t>(pieces_.size()), self.number, self.team.size());
  for (std::int64_t p = share.begin; p < share.end; ++p) work(pieces_[idx(p)], p);
}

template <class Work>
void VolumeEngine::add_up(Member& self, AlignedBuffer& sums, std::int64_t count, double* totals,
                          const Work& work) {
  const std::int64_t stride = sum_stride(count);
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = sums.data() + p * stride;
    std::fill_n(own, count, 0.0);
    work(piece, own);
  });
  self.team.wait();
  std::fill_n(totals, count, 0.0);
  for (std::size_t p = 0; p < pieces_.size(); ++p)
    for (std::int64_t k = 0; k < count; ++k)
      totals[k] += sums.data()[static_cast<std::int64_t>(p) * stride + k];
}

void VolumeEngine::start(Member& self) {
  const model::RegisterLayout& layout = program_.layout();
  VolumeBlock& b = self.block;
  self.file = AlignedBuffer(idx(tapes_->file_rows) * idx(b.width));
  b.file = self.file.data();
  self.outside.assign(idx(num_entries_), 0.0);
  self.unit.assign(idx(b.num_mobile), 1.0);
  b.outside = self.outside.data();
  b.unit = self.unit.data();
  auto row = [&](std::int64_t r) { return b.file + r * b.width; };
  for (const auto* constants : {&program_.constants(), &tapes_->line.constants})
    for (const auto& [r, value] : *constants) std::fill_n(row(r), b.width, value);
  for (int p = 0; p < program_.num_parameters(); ++p)
    std::fill_n(row(layout.parameters + p), b.width, problem_.parameters[idx(p)]);
  b.program_prologue->run(b.file);
  b.line_prologue->run(b.file);
  // States at the begin; those outside stand still at values that kinetics can bear.
  const std::int64_t n = b.num_voxels;
  const std::int64_t first = std::find(inside_.begin(), inside_.end(), 1) - inside_.begin();
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    const std::int64_t end = piece.end_row * b.shape[0];
    for (std::int64_t k = piece.first_row * b.shape[0]; k < end; k += b.width) {
      const std::int64_t count = std::min<std::int64_t>(b.width, end - k);
      if (!problem_.initial.empty()) {
        for (int i = 0; i < b.num_states; ++i)
          for (std::int64_t l = 0; l < count; ++l)
            b.y[i * b.stride + k + l] =
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
        std::copy_n(row(layout.solution + i), count, b.y + i * b.stride + k);
    }
  });
  self.scale.assign(idx(b.num_states), 0.0);
  self.lowest.assign(idx(b.num_states), 0.0);
  self.highest.assign(idx(b.num_states), 0.0);
  self.ledger.assign(idx(num_entries_), 0.0);
  self.entering.assign(idx(num_entries_), 0.0);
  for (std::vector<double>& of_stage : self.stage_ledger) of_stage.assign(idx(num_entries_), 0.0);
  self.team.wait();
  for (int i = 0; i < b.num_states; ++i)  // every member looks at all: the same for each
    for (std::int64_t k = 0; k < n; ++k)
      if (inside_[idx(k)] != 0)
        self.scale[idx(i)] = std::max(self.scale[idx(i)], b.y[i * b.stride + k]);
  b.time = problem_.begin;
  const double longest = options_.max_step > 0.0 ? options_.max_step : std::max(span_, 1e-300);
  self.step = options_.first_step > 0.0 ? options_.first_step : longest;
  self.restart = !(options_.first_step > 0.0);
}

void VolumeEngine::run(Team& team, int member, const std::function<bool()>& report) {
  Member self{.team = team,
              .number = member,
              .report = report,
              .block = block_,
              .file = {},
              .outside = {},
              .unit = {},
              .inputs = VolumeInputs(problem_)};
  start(self);
  arrive(self);
  Status status = Status::success;
  const VolumeBlock& b = self.block;
  while (self.next_record < problem_.record_times.size()) {
    if (self.stats.accepted + self.stats.rejected >= options_.max_steps) {
      status = Status::max_steps_reached;
      break;
    }
    double used = 0.0;
    bool at_stop = false;
    const Attempt outcome = [&] {
      choose_step(self, used, at_stop);
      return attempt(self);
    }();
    if (outcome == Attempt::stopped) {
      status = Status::stopped;
      break;
    }
    if (outcome == Attempt::accepted) {
      ++self.stats.accepted;
      std::swap(self.block.y, self.block.stages[3]);
      self.block.time = at_stop ? self.stop_time : b.time + used;
      if (member == 0) progress_ = span_ > 0.0 ? (b.time - problem_.begin) / span_ : 1.0;
      if (at_stop) arrive(self);
      continue;
    }
    ++self.stats.rejected;
    const double largest = std::max(std::abs(b.time), std::abs(self.stop_time));
    if (self.step >= smallest_step * largest && !(options_.fixed_step > 0.0)) continue;
    status = outcome == Attempt::not_finite   ? Status::not_finite
             : outcome == Attempt::not_solved ? Status::linear_solve_failed
                                              : Status::step_too_small;
    break;
  }
  team.wait();
  if (member != 0) return;
  result_.status = status;
  result_.stats = self.stats;
  result_.time = b.time;
  result_.num_connected = num_connected_;
  result_.num_threads = team.size();
  if (status != Status::success && status != Status::stopped) find_culprit(self, status);
}

/// Everything that happens at the present time: pulses, kinks, records; then the next stop.
void VolumeEngine::arrive(Member& self) {
  const double t = self.block.time;
  if (self.inputs.move_to(t) && !(options_.first_step > 0.0)) self.restart = true;
  while (self.next_knot < knots_.size() && knots_[self.next_knot] <= t) ++self.next_knot;
  while (self.next_record < problem_.record_times.size() &&
         problem_.record_times[self.next_record] <= t) {
    record(self);
    ++self.next_record;
  }
  double stop = std::numeric_limits<double>::infinity();
  if (self.next_record < problem_.record_times.size())
    stop = problem_.record_times[self.next_record];
  if (self.next_knot < knots_.size()) stop = std::min(stop, knots_[self.next_knot]);
  self.stop_time = std::min(stop, self.inputs.next_stop());
}

void VolumeEngine::record(Member& self) {
  const VolumeBlock& b = self.block;
  const std::int64_t n = b.num_voxels;
  const auto at = static_cast<std::int64_t>(self.next_record);
  const auto recorded = static_cast<std::int64_t>(options_.recorded.size());
  std::vector<double> contents(idx(b.num_states), 0.0);
  add_up(self, content_sums_, b.num_states, contents.data(),
         [&](const VolumePiece& piece, double* sums) {
           KROGH_DISPATCH(volume_contents)(b, piece, b.y, sums);
           for (std::int64_t r = 0; r < recorded; ++r) {
             const double* from = b.y + options_.recorded[idx(r)] * b.stride;
             double* to = output_.values.data() + (at * recorded + r) * n;
             for (std::int64_t k = piece.first_row * b.shape[0]; k < piece.end_row * b.shape[0];
                  ++k)
               if (inside_[idx(k)] != 0) to[k] = from[k];
           }
         });
  self.team.wait();
  if (self.number != 0) return;
  std::copy(contents.begin(), contents.end(), output_.contents.data() + at * b.num_states);
  const std::int64_t exchanges = b.num_exchanges, sides = num_entries_ - exchanges;
  std::copy_n(self.ledger.begin(), exchanges, output_.exchanged.data() + at * exchanges);
  std::copy_n(self.ledger.begin() + exchanges, sides, output_.entered.data() + at * sides);
}

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
}

/// The proposal, or after a pulse a step from the sizes of state and slope (Hairer, Norsett &
/// Wanner, Solving ODEs I, 1993, II.4); never past the next stop.
void VolumeEngine::choose_step(Member& self, double& used, bool& at_stop) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const double remaining = self.stop_time - b.time;
  if (self.restart && !(options_.fixed_step > 0.0)) {
    place_outside(self, -1);
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      KROGH_DISPATCH(volume_moving)(tableau, b, piece, 0);
    });
    self.team.wait();
    double sums[2];
    add_up(self, size_sums_, 2, sums, [&](const VolumePiece& piece, double* own) {
      std::vector<double> entered(idx(num_entries_));
      KROGH_DISPATCH(volume_transport)(b, piece, entered.data());
      KROGH_DISPATCH(volume_sizes)(b, piece, own);
    });
    const double count = static_cast<double>(num_inside_) * b.num_states;
    const double size = std::sqrt(sums[0] / count), slope = std::sqrt(sums[1] / count);
    const double guess = size > 1e-5 && slope > 1e-5 ? 0.01 * (size / slope) : 1e-6 * remaining;
    self.step = std::min(self.step, guess);
  }
  double h = options_.fixed_step > 0.0 ? options_.fixed_step : self.step;
  if (options_.max_step > 0.0) h = std::min(h, options_.max_step);
  at_stop = h * 1.000001 >= remaining;
  const bool is_near = !(options_.fixed_step > 0.0) && 2.0 * h > remaining;
  used = at_stop ? remaining : (is_near ? 0.5 * remaining : h);
  b.step = used;
}

VolumeEngine::Attempt VolumeEngine::attempt(Member& self) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const double used = b.step;
  for (int j = 0; j < b.num_mobile; ++j) {
    const std::size_t state = idx(b.mobile[j]);
    self.unit[idx(j)] = atol_[state] + b.rtol * self.scale[state];
  }
  for (int stage = 0; stage < 4; ++stage) {
    place_outside(self, stage);
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      KROGH_DISPATCH(volume_moving)(tableau, b, piece, stage);
    });
    self.team.wait();
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
             if (stage == 0) {
               KROGH_DISPATCH(volume_begin)(tableau, b, piece);
             } else {
               KROGH_DISPATCH(volume_stage)(tableau, b, piece, stage);
             }
           });
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
  if (stage == 0 && !multigrid_->factor(self.team, self.number)) {
    failure = Attempt::not_solved;
    return false;
  }
  const linalg::KrylovOutcome outcome =
      krylov_->solve(self.team, self.number, right_.data(), solution_.data(), options_.linear_rtol,
                     most_cycles, self.report);
  ++self.stats.linear_solves;
  self.stats.linear_iterations += outcome.cycles;
  self.stats.most_iterations = std::max(self.stats.most_iterations, outcome.cycles);
  if (!outcome.converged) {
    failure = outcome.stopped                   ? Attempt::stopped
              : std::isfinite(outcome.residual) ? Attempt::not_solved
                                                : Attempt::not_finite;
    return false;
  }
  const std::int64_t m = b.num_mobile;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = solution_sums_.data() + solution_offsets_[idx(p)];
    std::fill_n(own, piece.num_regions * (m + m * m), 0.0);
    KROGH_DISPATCH(volume_solution)(b, piece, stage == 0, own);
  });
  self.team.wait();
  if (self.number == 0) find_constants(stage);
  self.team.wait();
  std::vector<double> leaving(idx(num_entries_));
  add_up(self, leaving_sums_, num_entries_, leaving.data(),
         [&](const VolumePiece& piece, double* own) {
           KROGH_DISPATCH(volume_correct)(b, piece, constants_.data(), stage, own);
         });
  for (std::size_t e = 0; e < leaving.size(); ++e) {
    double total = self.entering[e] + leaving[e];
    for (int s = 0; s < stage; ++s) total += tableau.c[stage][s] / b.step * self.stage_ledger[s][e];
    self.stage_ledger[stage][e] = total * b.step * tableau.gamma;
  }
  return true;
}

/// The constant of each connected region and mobile state that makes its residuals add up to zero.
void VolumeEngine::find_constants(int stage) {
  const std::int64_t m = block_.num_mobile, per_region = m + m * m;
  if (stage == 0) std::fill(operators_.begin(), operators_.end(), 0.0);
  std::fill(constants_.begin(), constants_.end(), 0.0);
  for (std::size_t p = 0; p < pieces_.size(); ++p) {
    const double* sums = solution_sums_.data() + solution_offsets_[p];
    for (std::int64_t slot = 0; slot < pieces_[p].num_regions; ++slot) {
      const std::int64_t region = pieces_[p].regions != nullptr ? pieces_[p].regions[slot] : 0;
      for (std::int64_t j = 0; j < m; ++j)
        constants_[idx(region * m + j)] += sums[slot * per_region + j];
      for (std::int64_t e = 0; e < m * m && stage == 0; ++e)
        operators_[idx(region * m * m + e)] += sums[slot * per_region + m + e];
    }
  }
  std::vector<double> matrix;
  for (std::int64_t region = 0; region < num_connected_; ++region) {
    matrix.assign(operators_.begin() + region * m * m, operators_.begin() + (region + 1) * m * m);
    solve_small(matrix, constants_.data() + region * m, m);
  }
}

/// End of the step, its error, and the next step.
VolumeEngine::Attempt VolumeEngine::judge(Member& self, double used) {
  VolumeBlock& b = self.block;
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const std::int64_t count = 2 + 2 * b.num_states, stride = sum_stride(count);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = finish_sums_.data() + p * stride;
    own[0] = own[1] = 0.0;
    std::fill_n(own + 2, b.num_states, infinity);
    std::fill_n(own + 2 + b.num_states, b.num_states, -infinity);
    KROGH_DISPATCH(volume_finish)
    (tableau, b, piece, own, own + 1, own + 2, own + 2 + b.num_states);
  });
  self.team.wait();
  double squares = 0.0, largest = 0.0;
  std::fill(self.lowest.begin(), self.lowest.end(), infinity);
  std::fill(self.highest.begin(), self.highest.end(), -infinity);
  for (std::size_t p = 0; p < pieces_.size(); ++p) {
    const double* own = finish_sums_.data() + static_cast<std::int64_t>(p) * stride;
    squares += own[0];
    largest = std::max(largest, own[1]);
    for (std::int64_t i = 0; i < b.num_states; ++i) {
      self.lowest[idx(i)] = std::min(self.lowest[idx(i)], own[2 + i]);
      self.highest[idx(i)] = std::max(self.highest[idx(i)], own[2 + b.num_states + i]);
    }
  }
  const double mean = std::sqrt(squares / (static_cast<double>(num_inside_) * b.num_states));
  const double error = std::isfinite(mean) ? std::max(mean, largest / peak_) : mean;
  bool is_positive = true;
  for (std::size_t i = 0; i < self.lowest.size(); ++i) {
    const double reached = std::max(self.scale[i], self.highest[i]);
    is_positive = is_positive &&
                  (may_be_negative_[i] != 0 || self.lowest[i] >= -(b.rtol * reached + atol_[i]));
  }
  const bool is_fixed = options_.fixed_step > 0.0;
  const bool finite = std::isfinite(error);
  const bool accepted = finite && (is_fixed || (error <= 1.0 && is_positive));
  double factor =
      safety * std::pow(std::max(finite ? error : 1.0, 1e-10), -1.0 / (tableau.embedded_order + 1));
  factor = std::clamp(factor, largest_shrink, largest_growth);
  if (!accepted) {
    factor = finite ? std::min(factor, is_positive ? 0.9 : 0.5) : 0.25;
  }
  const double proposal = used * factor;
  // A step cut short by a stop does not shrink the proposal that was made before it.
  const bool is_cut = accepted && !self.restart && used < 0.999 * self.step && factor >= 1.0;
  self.step = is_cut ? std::max(self.step, proposal) : proposal;
  self.restart = false;
  if (!accepted) return finite ? Attempt::refused : Attempt::not_finite;
  for (std::size_t i = 0; i < self.scale.size(); ++i)
    self.scale[i] = std::max(self.scale[i], self.highest[i]);
  for (std::size_t e = 0; e < self.ledger.size(); ++e)
    for (int s = 0; s < 4; ++s) self.ledger[e] += tableau.m[s] * self.stage_ledger[s][e];
  return Attempt::accepted;
}

/// Names the state and voxel that stand in the way: the first that is not finite, the largest
/// residual of a linear system that was not solved, else the largest error or the value that is the
/// most too negative, whichever is larger by the scale of its state.
void VolumeEngine::find_culprit(const Member& self, Status status) {
  const VolumeBlock& b = self.block;
  const std::int64_t m = b.num_mobile;
  auto name = [&](int state, std::int64_t voxel) {
    result_.state = state;
    result_.voxel = voxel;
  };
  if (status == Status::linear_solve_failed || status == Status::not_finite) {
    float most = -1.0F;
    std::int64_t k = 0;
    for (int z = 0; z < b.shape[2]; ++z)
      for (int y = 0; y < b.shape[1]; ++y)
        for (int x = 0; x < b.shape[0]; ++x, ++k)
          for (std::int64_t j = 0; j < m && inside_[idx(k)] != 0; ++j) {
            const float residual = std::abs(right_.data()[b.level.place(x, y, z, j, m)]);
            if (!std::isfinite(residual)) return name(b.mobile[j], k);
            if (!(residual > most)) continue;
            most = residual;
            if (status == Status::linear_solve_failed) name(b.mobile[j], k);
          }
    if (status == Status::linear_solve_failed) return;
  }
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  double largest_error = -1.0, most_negative = 0.0;
  int negative_state = -1;
  std::int64_t negative_voxel = -1;
  for (int i = 0; i < b.num_states; ++i) {
    double reached = self.scale[idx(i)];
    for (std::int64_t k = 0; k < b.num_voxels; ++k)
      if (inside_[idx(k)] != 0) reached = std::max(reached, std::abs(b.y[i * b.stride + k]));
    const double limit = b.rtol * reached + atol_[idx(i)];
    for (std::int64_t k = 0; k < b.num_voxels; ++k) {
      if (inside_[idx(k)] == 0) continue;
      const std::int64_t at = i * b.stride + k;
      const double end = b.stages[3][at];
      if (!std::isfinite(end)) return name(i, k);
      if (may_be_negative_[idx(i)] == 0 && -end / limit > most_negative) {
        most_negative = -end / limit;
        negative_state = i;
        negative_voxel = k;
      }
      double last = end - b.y[at], defect = 0.0;  // the last stage's unknown
      for (int s = 0; s < 3; ++s) {
        last -= tableau.a[3][s] * b.stages[s][at];
        defect += tableau.e[s] * b.stages[s][at];
      }
      // By the scale of the state: beside one that explodes the small ones have the larger relative
      // errors.
      defect = std::abs(defect + tableau.e[3] * last) / limit;
      if (!(defect > largest_error)) continue;
      largest_error = defect;
      name(i, k);
    }
  }
  if (most_negative > std::max(1.0, largest_error)) name(negative_state, negative_voxel);
}

}  // namespace krogh::simulate
