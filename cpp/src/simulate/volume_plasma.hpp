// The plasma beside a volume: a small model that every member of the team computes for itself.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/volume.hpp>

#include "integrate/stabilized_stages.hpp"
#include "model/line_tapes.hpp"

namespace krogh::simulate {

/// States, stages and doses of the plasma. Its kept states are those that are exchanged.
class VolumePlasma {
 public:
  VolumePlasma(const VolumeProblem& problem, const VolumeOptions& options);

  int num_kept() const { return static_cast<int>(kept_.size()); }
  int num_states() const { return num_states_; }
  /// Position among the kept states of each exchange with the plasma.
  const std::vector<int>& kept_of() const { return kept_of_; }
  const std::vector<double>& y() const { return y_; }

  /// Gives the doses up to time t. @return whether there were any.
  bool move_to(double t);
  double next_stop() const;

  /// Goes to the values of a stage (0: the start of the step).
  void combine(int stage, double step);
  /// A kept state at the stage.
  double kept(int q) const;
  /// What feeds bring per time, (feeds), until told otherwise.
  void feed(const double* fed) { std::copy_n(fed, fed_.size(), fed_.begin()); }
  /// Sizes of states and slopes at the start of a step, mean squares in the weighted norm.
  /// @param taken  what each exchange takes out of its state per time.
  void sizes(double time, const double* taken, double& size, double& slope);
  /// Right-hand sides of a stage, at its start also the Jacobian and its elimination.
  void evaluate(int stage, double time, double step, const double* taken);
  /// (1/(h gamma) - J) of the kept states after elimination, row by row, and its right-hand side.
  double matrix(int i, int j) const;
  double right(int i) const;
  /// Takes the solution for the kept states.
  void complete(int stage, const double* solution);
  /// The end of the step: root mean square of the weighted errors; whether held states are not
  /// negative beyond tolerance.
  double finish(bool& is_positive);
  void accept();
  /// Puts what decides the rest of a run into a state, and takes it from there.
  void keep(VolumeState& state) const;
  void restore(const VolumeState& state);

  // The same by the stabilized method. At the start of a step the absolute values of the Jacobian
  // are added to a square matrix of `size` rows from row and column `first` on.
  void place(const std::vector<double>& values);
  void begin_stabilized(double time, double step, const double* taken, double* matrix,
                        std::size_t size, std::size_t first);
  /// y + weight h F_0.
  void first_stabilized(double weight);
  /// The next stage, in whose place `kept` looks afterwards.
  void advance_stabilized(const integrate::StabilizedStage& stage, double time, double step,
                          const double* taken);
  double finish_stabilized(double time, double step, const double* taken, bool& is_positive);
  /// The state with the largest error of the last attempt.
  int culprit() const { return culprit_; }

 private:
  double* row(std::int64_t number);
  const double* row(std::int64_t number) const;
  void fill(std::int64_t number, double value);
  void start_sums(double time, const double* taken);
  void subtract_taken(const double* taken);
  double judge(const std::vector<double>& defects, bool& is_positive);

  const VolumePlasmaProblem& problem_;
  const model::Program& program_;
  int num_states_;
  std::vector<std::int32_t> kept_;
  std::vector<int> kept_of_;
  const model::LineTapes* tapes_ = nullptr;
  AlignedBuffer file_;
  double rtol_;
  std::vector<double> y_, end_, rates_, scale_, atol_, time_slopes_, fed_;
  std::vector<double> stages_[4];
  std::vector<char> may_be_negative_;
  std::size_t next_dose_ = 0;
  std::size_t next_knot_ = 0;
  double time_ = 0.0;
  int culprit_ = -1;
};

}  // namespace krogh::simulate
