// Concentrations outside the tissue as functions of time: exponentials from pulses on, and a table.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include <krogh/simulate/volume.hpp>

namespace krogh::simulate {

/// The inputs of one run at its present time.
class VolumeInputs {
 public:
  explicit VolumeInputs(const VolumeProblem& problem);

  /// Goes to time t, where a step ends at which it may have had to. @return whether a pulse came.
  bool move_to(double t);
  /// Next time after the present one at which a step must end, or infinity.
  double next_stop() const;
  /// Value of an input at time t, not before the present one, and its slope there.
  double value(std::int32_t input, double t) const;
  double slope(std::int32_t input, double t) const;
  /// Puts what decides the rest of a run into a state, and takes it from there.
  void keep(VolumeState& state) const;
  void restore(const VolumeState& state);

 private:
  const VolumeProblem& problem_;
  double time_;
  std::size_t next_pulse_ = 0;
  std::vector<double> amplitudes_;      ///< at the present time, (inputs, terms)
  std::vector<double> bases_, slopes_;  ///< of the table, (inputs)
  std::vector<double> knots_;           ///< where some input's table bends
};

}  // namespace krogh::simulate
