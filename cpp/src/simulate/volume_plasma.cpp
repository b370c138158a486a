// Steps of the plasma beside a volume.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_plasma.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <krogh/integrate/tableau.hpp>

namespace krogh::simulate {
namespace {

constexpr int width = 8;  ///< of a tape row; all places hold the same

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

VolumePlasma::VolumePlasma(const VolumeProblem& problem, const VolumeOptions& options)
    : problem_(problem.plasma),
      program_(*problem.plasma.program),
      num_states_(problem.plasma.program->num_states()),
      rtol_(options.rtol),
      time_(problem.begin) {
  for (const VolumePlasmaExchange& e : problem_.exchange) {
    const auto found = std::find(kept_.begin(), kept_.end(), e.state);
    kept_of_.push_back(static_cast<int>(found - kept_.begin()));
    if (found == kept_.end()) kept_.push_back(e.state);
  }
  tapes_ = &program_.line_cache().tapes(program_, kept_, width);
  file_ = AlignedBuffer(idx(tapes_->file_rows) * width);
  for (const auto* constants : {&program_.constants(), &tapes_->line.constants})
    for (const auto& [number, value] : *constants) fill(number, value);
  const model::RegisterLayout& layout = program_.layout();
  for (int p = 0; p < program_.num_parameters(); ++p)
    fill(layout.parameters + p, problem_.parameters[idx(p)]);
  tapes_->native.prologue.run(file_.data());
  tapes_->prologue.run(file_.data());
  const std::size_t n = idx(num_states_);
  if (problem_.initial.empty()) {
    tapes_->native.initial.run(file_.data());
    for (int i = 0; i < num_states_; ++i) y_.push_back(*row(layout.solution + i));
  } else {
    y_.assign(problem_.initial.begin(), problem_.initial.end());
  }
  end_ = y_;
  rates_.assign(n, 0.0);
  fed_.assign(problem_.feeds.size(), 0.0);
  time_slopes_.assign(n, 0.0);
  for (std::vector<double>& of : stages_) of.assign(n, 0.0);
  for (const double v : y_) scale_.push_back(std::max(0.0, v));
  atol_ = options.plasma_atol;
  if (atol_.empty()) atol_.assign(n, 0.1 * rtol_);
  may_be_negative_.assign(n, 0);
  for (const std::int32_t s : options.plasma_signed) may_be_negative_[idx(s)] = 1;
}

double* VolumePlasma::row(std::int64_t number) { return file_.data() + number * width; }
const double* VolumePlasma::row(std::int64_t number) const { return file_.data() + number * width; }
void VolumePlasma::fill(std::int64_t number, double value) {
  std::fill_n(row(number), width, value);
}

bool VolumePlasma::move_to(double t) {
  time_ = t;
  bool any = false;
  for (; next_dose_ < problem_.dose_times.size() && problem_.dose_times[next_dose_] <= t;
       ++next_dose_) {
    const std::size_t state = idx(problem_.dose_states[next_dose_]);
    const double amount = problem_.dose_amounts[next_dose_];
    if (problem_.dose_kinds[next_dose_] == DoseKind::bolus) {
      y_[state] += amount;
      scale_[state] = std::max(scale_[state], y_[state]);
    } else {
      rates_[state] += amount;
    }
    any = true;
  }
  return any;
}

double VolumePlasma::next_stop() const {
  double next = std::numeric_limits<double>::infinity();
  if (next_dose_ < problem_.dose_times.size()) next = problem_.dose_times[next_dose_];
  for (const double knot : program_.time_knots())
    if (knot > time_) next = std::min(next, knot);
  return next;
}

void VolumePlasma::combine(int stage, double step) {
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const model::RegisterLayout& layout = program_.layout();
  for (int i = 0; i < num_states_; ++i) {
    double value = y_[idx(i)], total = 0.0;
    for (int s = 0; s < stage; ++s) {
      value += tableau.a[stage][s] * stages_[s][idx(i)];
      total -= tableau.c[stage][s] / step * stages_[s][idx(i)];
    }
    fill(layout.states + i, value);
    fill(layout.sums + i, total);
  }
}

double VolumePlasma::kept(int q) const { return *row(program_.layout().states + kept_[idx(q)]); }

/// What the tissue takes, and feeds and constant inputs bring, off the sums.
void VolumePlasma::subtract_taken(const double* taken) {
  const model::RegisterLayout& layout = program_.layout();
  std::vector<double> change = rates_;
  for (std::size_t e = 0; e < kept_of_.size(); ++e)
    change[idx(kept_[idx(kept_of_[e])])] -= taken[e];
  for (std::size_t f = 0; f < fed_.size(); ++f) change[idx(problem_.feeds[f].state)] += fed_[f];
  for (int i = 0; i < num_states_; ++i)
    fill(layout.sums + i, *row(layout.sums + i) - change[idx(i)]);
}

void VolumePlasma::start_sums(double time, const double* taken) {
  const model::RegisterLayout& layout = program_.layout();
  fill(layout.time, time);
  tapes_->native.rhs_jacobian.run(file_.data());
  for (int i = 0; i < num_states_; ++i) fill(layout.sums + i, -*row(layout.slopes + i));
  subtract_taken(taken);
}

void VolumePlasma::sizes(double time, const double* taken, double& size, double& slope) {
  start_sums(time, taken);
  for (int i = 0; i < num_states_; ++i) {
    const double weight = 1.0 / (rtol_ * std::abs(y_[idx(i)]) + atol_[idx(i)]);
    const double value = y_[idx(i)] * weight;
    const double rate = *row(program_.layout().sums + i) * weight;
    size += value * value / num_states_;
    slope += rate * rate / num_states_;
  }
}

void VolumePlasma::evaluate(int stage, double time, double step, const double* taken) {
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  const model::RegisterLayout& layout = program_.layout();
  if (stage == 0) {
    start_sums(time, taken);
    if (layout.time_slopes >= 0)
      for (int i = 0; i < num_states_; ++i) time_slopes_[idx(i)] = *row(layout.time_slopes + i);
  } else {
    fill(layout.time, time + tableau.alpha[stage] * step);
    subtract_taken(taken);
  }
  fill(layout.inverse_step, 1.0 / (step * tableau.gamma));
  for (int i = 0; i < num_states_; ++i)
    fill(layout.sums + i,
         *row(layout.sums + i) - step * tableau.gamma_i[stage] * time_slopes_[idx(i)]);
  if (stage == 0) {
    tapes_->first.run(file_.data());
  } else {
    tapes_->stage.run(file_.data());
  }
}

double VolumePlasma::matrix(int i, int j) const {
  return -*row(tapes_->line.schur + std::int64_t{i} * num_kept() + j);
}

double VolumePlasma::right(int i) const { return -*row(tapes_->line.reduced + i); }

void VolumePlasma::complete(int stage, const double* solution) {
  const int rows = tapes_->stage_rows[idx(stage)];
  for (int q = 0; q < num_kept(); ++q) fill(rows + kept_[idx(q)], solution[q]);
  tapes_->expand[idx(stage)].run(file_.data());
  for (int i = 0; i < num_states_; ++i) stages_[stage][idx(i)] = *row(rows + i);
}

double VolumePlasma::finish(bool& is_positive) {
  const integrate::RosenbrockTableau& tableau = integrate::ros34pw2();
  std::vector<double> defects(idx(num_states_));
  for (std::size_t i = 0; i < idx(num_states_); ++i) {
    double end = y_[i] + stages_[3][i], defect = tableau.e[3] * stages_[3][i];
    for (int s = 0; s < 3; ++s) {
      end += tableau.a[3][s] * stages_[s][i];
      defect += tableau.e[s] * stages_[s][i];
    }
    end_[i] = end;
    defects[i] = defect;
  }
  return judge(defects, is_positive);
}

/// Root mean square of the weighted errors of a step to `end_`; whether that may be.
double VolumePlasma::judge(const std::vector<double>& defects, bool& is_positive) {
  double squares = 0.0, most = -1.0;
  is_positive = true;
  for (std::size_t i = 0; i < idx(num_states_); ++i) {
    const double end = end_[i];
    const double error =
        std::abs(defects[i]) / (rtol_ * std::max(std::abs(y_[i]), std::abs(end)) + atol_[i]);
    squares += std::isfinite(end) ? error * error : std::numeric_limits<double>::quiet_NaN();
    const bool is_held =
        may_be_negative_[i] != 0 || end >= -(rtol_ * std::max(scale_[i], end) + atol_[i]);
    if (!(error <= most) || !is_held) {
      most = is_held ? error : std::numeric_limits<double>::infinity();
      culprit_ = static_cast<int>(i);
    }
    is_positive = is_positive && is_held;
  }
  return std::sqrt(squares / num_states_);
}

void VolumePlasma::place(const std::vector<double>& values) {
  for (int i = 0; i < num_states_; ++i) fill(program_.layout().states + i, values[idx(i)]);
}

void VolumePlasma::begin_stabilized(double time, double step, const double* taken, double* matrix,
                                    std::size_t size, std::size_t first) {
  place(y_);
  start_sums(time, taken);
  for (int i = 0; i < num_states_; ++i)
    stages_[0][idx(i)] = -step * *row(program_.layout().sums + i);
  for (std::size_t e = 0; e < program_.jacobian().size(); ++e) {
    const model::Entry& entry = program_.jacobian()[e];
    matrix[(first + idx(entry.row)) * size + first + idx(entry.column)] +=
        std::abs(*row(program_.jacobian_registers()[e]));
  }
}

void VolumePlasma::first_stabilized(double weight) {
  stages_[2] = y_;
  for (std::size_t i = 0; i < idx(num_states_); ++i) stages_[3][i] = y_[i] + weight * stages_[0][i];
  place(stages_[3]);
}

void VolumePlasma::advance_stabilized(const integrate::StabilizedStage& stage, double time,
                                      double step, const double* taken) {
  start_sums(time, taken);
  for (std::size_t i = 0; i < idx(num_states_); ++i) {
    const double slope = -step * *row(program_.layout().sums + static_cast<std::int64_t>(i));
    stages_[2][i] = y_[i] + stage.mu * (stages_[3][i] - y_[i]) +
                    stage.nu * (stages_[2][i] - y_[i]) + stage.slope * slope +
                    stage.first * stages_[0][i];
  }
  std::swap(stages_[2], stages_[3]);
  place(stages_[3]);
}

double VolumePlasma::finish_stabilized(double time, double step, const double* taken,
                                       bool& is_positive) {
  start_sums(time, taken);
  end_ = stages_[3];
  std::vector<double> defects(idx(num_states_));
  for (std::size_t i = 0; i < idx(num_states_); ++i) {
    const double slope = -step * *row(program_.layout().sums + static_cast<std::int64_t>(i));
    defects[i] = 0.4 * (stages_[0][i] + slope) - 0.8 * (end_[i] - y_[i]);
  }
  return judge(defects, is_positive);
}

void VolumePlasma::accept() {
  y_ = end_;
  for (std::size_t i = 0; i < y_.size(); ++i) scale_[i] = std::max(scale_[i], y_[i]);
}

void VolumePlasma::keep(VolumeState& state) const {
  state.next_dose = static_cast<std::int64_t>(next_dose_);
  state.plasma.assign(1, time_);
  for (const std::vector<double>* part : {&y_, &rates_, &scale_})
    state.plasma.insert(state.plasma.end(), part->begin(), part->end());
}

void VolumePlasma::restore(const VolumeState& state) {
  next_dose_ = idx(state.next_dose);
  time_ = state.plasma[0];
  const double* from = state.plasma.data() + 1;
  for (std::vector<double>* part : {&y_, &rates_, &scale_}) {
    std::copy_n(from, num_states_, part->begin());
    from += num_states_;
  }
  end_ = y_;
}

}  // namespace krogh::simulate
