// One step of a volume by the stabilized explicit method RKC2, transport and kinetics together.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_stabilized.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/integrate/tableau.hpp>

#include "simulate/volume_engine.hpp"

namespace krogh::simulate {
namespace {

constexpr int sweeps = 8;  ///< scales that differ by 10^15 come within 10^0.06

/// Upper bound of the spectral radius of a matrix of absolute values: for any positive vector d it
/// is at most max_i (A d)_i / d_i (Collatz 1942, Math. Z. 48:221). Sweeps d <- sqrt(d A d) lower
/// it.
double collatz_bound(const std::vector<double>& matrix, std::vector<double>& d) {
  const std::size_t n = d.size();
  double bound = std::numeric_limits<double>::infinity();
  std::vector<double> image(n), best = d;
  for (int sweep = 0; sweep <= sweeps; ++sweep) {
    double largest = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      image[i] = 0.0;
      for (std::size_t j = 0; j < n; ++j) image[i] += matrix[i * n + j] * d[j];
      const double ratio = image[i] / d[i];
      if (!(ratio <= largest)) largest = ratio;
    }
    if (!std::isfinite(largest)) return largest;
    if (largest < bound) {
      bound = largest;
      best = d;
    }
    for (std::size_t i = 0; i < n; ++i)
      if (image[i] > 0.0) d[i] = std::sqrt(d[i] * image[i]);
    const double heaviest = *std::max_element(d.begin(), d.end());
    for (double& weight : d) weight = std::max(weight / heaviest, 1e-200);
  }
  d = best;
  return bound;
}

}  // namespace

void VolumeEngine::place_stabilized() {
  for (const model::Entry& e : program_.jacobian()) {
    jacobian_rows_.push_back(e.row);
    jacobian_columns_.push_back(e.column);
  }
  jacobian_registers_.assign(program_.jacobian_registers().begin(),
                             program_.jacobian_registers().end());
  total_volume_ = 0.0;
  for (std::int64_t k = 0; k < block_.num_voxels; ++k)
    if (inside_[idx(k)] != 0) total_volume_ += block_.volume[has_even_volumes_ ? 0 : k];
  mobile_of_.assign(idx(block_.num_states), -1);
  for (int j = 0; j < block_.num_mobile; ++j) mobile_of_[idx(mobile_[idx(j)])] = j;
  num_bounds_ =
      static_cast<std::int64_t>(jacobian_rows_.size()) + block_.num_states + block_.num_mobile;
  bound_sums_ =
      AlignedBuffer(idx(static_cast<std::int64_t>(pieces_.size()) *
                        sum_stride(std::max<std::int64_t>(num_bounds_, block_.num_exchanges))));
}

/// As `add_up`, with the largest instead of the sum; not finite where one is not.
template <class Work>
void VolumeEngine::find_largest(Member& self, std::int64_t count, double* largest,
                                const Work& work) {
  const std::int64_t stride = sum_stride(std::max<std::int64_t>(num_bounds_, block_.num_exchanges));
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = bound_sums_.data() + p * stride;
    std::fill_n(own, count, 0.0);
    work(piece, own);
  });
  self.team.wait();
  std::fill_n(largest, count, 0.0);
  for (std::size_t p = 0; p < pieces_.size(); ++p)
    for (std::int64_t k = 0; k < count; ++k) {
      const double found = bound_sums_.data()[static_cast<std::int64_t>(p) * stride + k];
      if (!(found <= largest[k])) largest[k] = found;
    }
  self.team.wait();
}

/// Goes to values of all states and a time within the step: C/eps, what stands outside, rates and
/// feeds that follow states.
void VolumeEngine::place_values(Member& self, double* values, double time) {
  VolumeBlock& b = self.block;
  for (std::int64_t e = 0; e < num_entries_; ++e) {
    const std::int32_t input = outside_inputs_[idx(e)];
    self.outside[idx(e)] = input < 0 ? 0.0 : self.inputs.value(input, time);
  }
  if (self.plasma) {
    const VolumePlasmaProblem& plasma = problem_.plasma;
    for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
      self.outside[idx(plasma.exchange[k].exchange)] =
          plasma.outside_factor[k] * self.plasma->kept(self.plasma->kept_of()[k]);
  }
  double* const y = b.y;
  b.y = values;
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    KROGH_DISPATCH(volume_moving)(integrate::ros34pw2(), b, piece, 0);
  });
  self.team.wait();
  follow(self, 0);
  b.y = y;
}

/// Sums over the rows of the transport's absolute values, by voxel; and what of them comes from the
/// plasma: by exchange with it the largest rate, the sum of rate V, and that of what comes back.
void VolumeEngine::measure_transport(Member& self) {
  VolumeBlock& b = self.block;
  std::fill(self.outside.begin(), self.outside.end(), 0.0);
  // On a board of odd length that is closed to a ring two neighbors have one sign: there the board
  // is laid a second time with the seam elsewhere.
  bool is_first = true;
  for (int pattern = 0; pattern < 8; ++pattern) {
    long shift[3] = {};
    bool needed = true;
    for (int d = 0; d < 3; ++d) {
      if ((pattern >> d & 1) == 0) continue;
      needed = needed && b.periodic[d] && b.shape[d] % 2 == 1;
      shift[d] = b.shape[d] / 2;
    }
    if (!needed) continue;
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      KROGH_DISPATCH(volume_chess)(b, piece, shift);
    });
    self.team.wait();
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
             KROGH_DISPATCH(volume_row_sums)(b, piece, is_first);
           });
    self.team.wait();
    is_first = false;
  }
  const VolumePlasmaProblem& plasma = problem_.plasma;
  self.largest_rates.assign(plasma.exchange.size(), 0.0);
  self.total_rates.assign(plasma.exchange.size(), 0.0);
  self.returned_rates.assign(plasma.exchange.size(), 0.0);
  if (!is_two_way_ && b.num_feeds == 0) return;
  auto place = [&](double value) {
    each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
      const std::int64_t first = piece.first_row * b.shape[0], end = piece.end_row * b.shape[0];
      for (int j = 0; j < b.num_mobile; ++j)
        std::fill(b.moving + j * b.stride + first, b.moving + j * b.stride + end, value);
    });
    self.team.wait();
  };
  auto enter = [&] {
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
           });
    self.team.wait();
  };
  place(1.0);
  enter();
  for (std::size_t k = 0; k < plasma.exchange.size(); ++k)
    self.returned_rates[k] = -self.entering[idx(plasma.exchange[k].exchange)];
  place(0.0);
  for (std::size_t k = 0; k < plasma.exchange.size(); ++k) {
    const std::int64_t e = plasma.exchange[k].exchange;
    self.outside[idx(e)] = 1.0;
    enter();
    self.outside[idx(e)] = 0.0;
    self.total_rates[k] = self.entering[idx(e)];
    std::vector<double> largest(idx(b.num_mobile));
    find_largest(self, b.num_mobile, largest.data(), [&](const VolumePiece& piece, double* own) {
      KROGH_DISPATCH(volume_largest_change)(b, piece, own);
    });
    self.largest_rates[k] = largest[idx(b.exchange_mobile[e])];
  }
}

/// h F at the start of the step, with an upper bound of the Jacobian's spectral radius there.
double VolumeEngine::begin_stabilized(Member& self) {
  VolumeBlock& b = self.block;
  if (self.plasma) self.plasma->place(self.plasma->y());
  place_values(self, b.y, b.time);  // rates that follow states are measured at these
  std::vector<double> of_factors(idx(b.num_exchanges));
  if (b.has_factors)
    find_largest(self, b.num_exchanges, of_factors.data(),
                 [&](const VolumePiece& piece, double* own) {
                   KROGH_DISPATCH(volume_factor_entries)(b, piece, own);
                 });
  measure_transport(self);
  place_values(self, b.y, b.time);
  add_up(self, entering_sums_, num_entries_, self.entering.data(),
         [&](const VolumePiece& piece, double* own) {
           KROGH_DISPATCH(volume_transport)(b, piece, own);
         });
  const auto n = static_cast<std::size_t>(b.num_states);
  const std::size_t in_plasma = self.plasma ? idx(self.plasma->num_states()) : 0;
  const std::size_t size = n + in_plasma;
  self.weights.assign(size, 1.0);
  const VolumeJacobian jacobian{.num_entries = static_cast<int>(jacobian_rows_.size()),
                                .rows = jacobian_rows_.data(),
                                .columns = jacobian_columns_.data(),
                                .registers = jacobian_registers_.data(),
                                .mobile_of = mobile_of_.data(),
                                .weights = self.weights.data()};
  std::vector<double> largest(idx(num_bounds_));
  auto measure = [&] {
    find_largest(self, num_bounds_, largest.data(), [&](const VolumePiece& piece, double* own) {
      KROGH_DISPATCH(volume_stabilized_begin)(b, piece, jacobian, own);
    });
  };
  measure();
  // The matrix of the largest entries that each state and each mobile state meet anywhere.
  const std::size_t entries = jacobian_rows_.size();
  std::vector<double> matrix(size * size, 0.0);
  for (std::size_t e = 0; e < entries; ++e)
    matrix[idx(jacobian_rows_[e]) * size + idx(jacobian_columns_[e])] += largest[e];
  for (int j = 0; j < b.num_mobile; ++j)
    matrix[idx(b.mobile[j]) * (size + 1)] += largest[entries + n + idx(j)];
  std::vector<double> beside(size * size, 0.0);  // couplings that do not stand in `largest`
  for (std::int64_t e = 0; e < b.num_exchanges && b.has_factors; ++e)
    if (b.factor_of[e] >= 0)
      beside[idx(mobile_[idx(b.exchange_mobile[e])]) * size + idx(b.followed[b.factor_of[e]])] +=
          of_factors[idx(e)];
  if (self.plasma) {
    take(self);
    self.plasma->begin_stabilized(b.time, b.step, self.taken.data(), matrix.data(), size, n);
    const VolumePlasmaProblem& plasma = problem_.plasma;
    for (std::size_t k = 0; k < plasma.exchange.size(); ++k) {
      const std::int32_t e = plasma.exchange[k].exchange;
      const std::size_t state = n + idx(plasma.exchange[k].state);
      const std::size_t moving = idx(mobile_[idx(b.exchange_mobile[e])]);
      const double brought = self.largest_rates[k] * plasma.outside_factor[k];
      const double taken = self.total_rates[k] * plasma.uptake_factor[k];
      beside[moving * size + state] += brought;
      beside[state * size + moving] += self.returned_rates[k] * plasma.uptake_factor[k];
      beside[state * size + state] += taken * plasma.outside_factor[k];
    }
    for (const VolumePlasmaFeed& feed : plasma.feeds)
      beside[(n + idx(feed.state)) * size + idx(feed.tissue_state)] +=
          std::abs(feed.factor) * total_volume_;
  }
  for (std::size_t k = 0; k < matrix.size(); ++k) matrix[k] += beside[k];
  const double bound = collatz_bound(matrix, self.weights);
  if (!std::isfinite(bound)) return bound;
  // With the weights that were found, voxel by voxel.
  measure();
  double closer = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    double total = i < n ? largest[entries + i] : 0.0;
    const std::vector<double>& rest = i < n ? beside : matrix;
    for (std::size_t j = 0; j < size; ++j)
      total += rest[i * size + j] * self.weights[j] / self.weights[i];
    closer = std::max(closer, total);
  }
  return std::min(bound, closer);
}

VolumeEngine::Attempt VolumeEngine::attempt_stabilized(Member& self) {
  VolumeBlock& b = self.block;
  const double used = b.step;
  const double radius = begin_stabilized(self);
  ++self.stats.evaluations;
  if (!std::isfinite(radius)) {
    self.step = 0.25 * used;
    return Attempt::not_finite;
  }
  const double most = integrate::StabilizedStages::most(options_.rtol);
  const double count = integrate::StabilizedStages::needed(used * radius);
  if (count > most && !(options_.fixed_step > 0.0)) {
    self.step = 0.9 * ((most - 1.0) * (most - 1.0) - 1.0) / (1.54 * radius);
    return Attempt::refused;
  }
  const auto stages = static_cast<std::int64_t>(count);
  self.stats.most_stages = std::max(self.stats.most_stages, stages);
  integrate::StabilizedStages coefficients(stages);
  std::vector<double>*ledger_new = &self.stage_ledger[3], *ledger_old = &self.stage_ledger[2];
  const double first = coefficients.elapsed_first();
  for (std::size_t e = 0; e < self.ledger.size(); ++e) {
    self.stage_ledger[0][e] = used * entered_by(self, e);
    (*ledger_new)[e] = first * self.stage_ledger[0][e];
    (*ledger_old)[e] = 0.0;
  }
  if (self.plasma) self.plasma->first_stabilized(first);
  double *newer = b.stages[3], *older = b.stages[2];
  each_piece(self, [&](const VolumePiece& piece, std::int64_t) {
    KROGH_DISPATCH(volume_stabilized_first)(b, piece, first, newer);
    KROGH_DISPATCH(volume_stabilized_first)(b, piece, 0.0, older);
  });
  double elapsed = first;
  for (std::int64_t j = 2; j <= stages + 1; ++j) {
    const double time = b.time + elapsed * used;
    place_values(self, newer, time);
    if (!goes_on(self)) return Attempt::stopped;
    if (j > stages) break;
    const integrate::StabilizedStage stage = coefficients.next();
    add_up(self, entering_sums_, num_entries_, self.entering.data(),
           [&](const VolumePiece& piece, double* own) {
             KROGH_DISPATCH(volume_transport)(b, piece, own);
             KROGH_DISPATCH(volume_stabilized_stage)(b, piece, stage, time, newer, older);
           });
    ++self.stats.evaluations;
    for (std::size_t e = 0; e < self.ledger.size(); ++e)
      (*ledger_old)[e] = stage.mu * (*ledger_new)[e] + stage.nu * (*ledger_old)[e] +
                         stage.slope * (used * entered_by(self, e)) +
                         stage.first * self.stage_ledger[0][e];
    if (self.plasma) {
      take(self);
      self.plasma->advance_stabilized(stage, time, used, self.taken.data());
    }
    std::swap(newer, older);
    std::swap(ledger_new, ledger_old);
    elapsed = stage.elapsed;
  }
  // The end of the step has to stand where `judge` and `run` look for it.
  if (newer != b.stages[3]) std::swap(b.stages[2], b.stages[3]);
  if (ledger_new != &self.stage_ledger[3]) std::swap(self.stage_ledger[2], self.stage_ledger[3]);
  add_up(self, entering_sums_, num_entries_, self.entering.data(),
         [&](const VolumePiece& piece, double* own) {
           KROGH_DISPATCH(volume_transport)(b, piece, own);
         });
  ++self.stats.evaluations;
  if (self.plasma) take(self);
  return judge(self, used);
}

/// Amount that enters per time at the values that stand there, by entry of the ledger.
double VolumeEngine::entered_by(const Member& self, std::size_t entry) const {
  const std::size_t ways = self.entering.size();
  return entry < ways ? self.entering[entry] : self.fed[entry - ways];
}

}  // namespace krogh::simulate
