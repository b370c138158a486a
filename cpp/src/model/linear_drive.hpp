// Models whose linear part drives the rest: the linear states as sums of exponentials of time.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <krogh/model/program.hpp>

namespace krogh::model {

/// A model in which the states of a closed linear subsystem stand still and every expression reads,
/// in their place, x_i(t) = rest_i + sum_k weight_ik exp(rate_k (t - start)). Rates, weights, rest
/// and start are parameters behind the model's own, which the engine sets whenever something
/// happens to the subject.
struct LinearDrive {
  /// States whose derivatives are linear in these states alone, with coefficients of parameters,
  /// and that something outside of them reads. Empty where there is nothing to gain.
  static std::vector<int> closed_states(const Program& program);

  /// @param first_register  of the driven program's register file, free from there on.
  LinearDrive(const Program& given, std::vector<int> closed);
  void compile(int first_register);

  std::vector<int> states;
  std::unique_ptr<Program> program;
  int start = 0;    ///< parameter: time at which the weights hold
  int rates = 0;    ///< (m) parameters
  int weights = 0;  ///< (m, m)
  int rest = 0;     ///< (m)

  std::vector<expr::Instruction> tape;  ///< parameters -> matrix
  std::vector<std::pair<std::int32_t, double>> constants;
  std::vector<std::int32_t> matrix;  ///< registers of A and, in a last column, b: (m, m + 1)
  int num_registers = 0;

 private:
  std::vector<expr::NodeId> matrix_nodes_;
};

}  // namespace krogh::model
