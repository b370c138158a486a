// Pulses and tables of the concentrations outside.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

VolumeInputs::VolumeInputs(const VolumeProblem& problem)
    : problem_(problem),
      time_(problem.begin),
      amplitudes_(problem.rates.size(), 0.0),
      bases_(idx(problem.num_inputs), 0.0),
      slopes_(idx(problem.num_inputs), 0.0) {
  // Pulses before the begin are history: the clock starts at the earliest of them.
  if (!problem.pulse_times.empty()) time_ = std::min(time_, problem.pulse_times.front());
  const std::span<const double> x = problem.table_times;
  for (std::size_t i = 1; i + 1 < x.size(); ++i)
    for (std::size_t k = 0; k < bases_.size(); ++k) {
      const double* y = problem.table_values.data() + k * x.size();
      if ((y[i] - y[i - 1]) / (x[i] - x[i - 1]) == (y[i + 1] - y[i]) / (x[i + 1] - x[i])) continue;
      knots_.push_back(x[i]);
      break;
    }
}

bool VolumeInputs::move_to(double t) {
  bool came = false;
  auto decay_to = [&](double time) {
    for (std::size_t k = 0; k < amplitudes_.size(); ++k)
      amplitudes_[k] *= std::exp(-problem_.rates[k] * (time - time_));
    time_ = time;
  };
  const std::span<const double> times = problem_.pulse_times;
  for (; next_pulse_ < times.size() && times[next_pulse_] <= t; ++next_pulse_) {
    decay_to(times[next_pulse_]);
    for (std::size_t k = 0; k < amplitudes_.size(); ++k)
      amplitudes_[k] += problem_.pulse_amplitudes[next_pulse_ * amplitudes_.size() + k];
    came = true;
  }
  decay_to(t);
  const std::span<const double> x = problem_.table_times;
  if (x.empty()) return came;
  const auto after = std::upper_bound(x.begin(), x.end(), t) - x.begin();
  const std::size_t high = std::min(idx(after), x.size() - 1);
  const std::size_t low = high - 1;
  for (std::size_t k = 0; k < bases_.size(); ++k) {
    const double* y = problem_.table_values.data() + k * x.size();
    slopes_[k] = (y[high] - y[low]) / (x[high] - x[low]);
    bases_[k] = y[low] + slopes_[k] * (t - x[low]);
  }
  return came;
}

double VolumeInputs::next_stop() const {
  double next = std::numeric_limits<double>::infinity();
  if (next_pulse_ < problem_.pulse_times.size()) next = problem_.pulse_times[next_pulse_];
  const auto knot = std::upper_bound(knots_.begin(), knots_.end(), time_);
  return knot == knots_.end() ? next : std::min(next, *knot);
}

double VolumeInputs::value(std::int32_t input, double t) const {
  const double ahead = t - time_;
  double sum = bases_[idx(input)] + slopes_[idx(input)] * ahead;
  const std::size_t first = idx(std::int64_t{input} * problem_.num_terms);
  for (std::size_t k = first; k < first + idx(problem_.num_terms); ++k)
    sum += amplitudes_[k] * std::exp(-problem_.rates[k] * ahead);
  return sum;
}

double VolumeInputs::slope(std::int32_t input, double t) const {
  const double ahead = t - time_;
  double sum = slopes_[idx(input)];
  const std::size_t first = idx(std::int64_t{input} * problem_.num_terms);
  for (std::size_t k = first; k < first + idx(problem_.num_terms); ++k)
    sum -= problem_.rates[k] * amplitudes_[k] * std::exp(-problem_.rates[k] * ahead);
  return sum;
}

void VolumeInputs::keep(VolumeState& state) const {
  state.next_pulse = static_cast<std::int64_t>(next_pulse_);
  state.inputs.assign(1, time_);
  for (const std::vector<double>* part : {&amplitudes_, &bases_, &slopes_})
    state.inputs.insert(state.inputs.end(), part->begin(), part->end());
}

void VolumeInputs::restore(const VolumeState& state) {
  next_pulse_ = static_cast<std::size_t>(state.next_pulse);
  time_ = state.inputs[0];
  auto from = state.inputs.begin() + 1;
  for (std::vector<double>* part : {&amplitudes_, &bases_, &slopes_}) {
    std::copy_n(from, part->size(), part->begin());
    from += static_cast<std::ptrdiff_t>(part->size());
  }
}

}  // namespace krogh::simulate
