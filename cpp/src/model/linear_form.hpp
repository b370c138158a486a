// Outputs of a linear model as sums over its states, and derivatives of its matrix to parameters.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <krogh/model/program.hpp>

namespace krogh::model {

/// Coefficients that exact propagators need beyond A and b. Registers extend those of the program.
class LinearForm {
 public:
  /// @param with_outputs  whether the outputs' coefficients are wanted.
  /// @param parameter_of_direction  a parameter per direction of differentiation, or -1.
  /// @param first_register  registers from here on are free.
  LinearForm(const Program& program, bool with_outputs,
             std::span<const std::int32_t> parameter_of_direction, int first_register);

  /// Whether every output is a sum of states with coefficients of parameters, and a constant.
  static bool has_linear_outputs(const Program& program);

  /// A value per lane: output or derivative `row`, state `column` (num_states: the constant).
  struct Coefficient {
    std::int32_t row = 0;
    std::int32_t column = 0;
    std::int32_t value = 0;  ///< register
  };

  int num_registers = 0;
  std::vector<expr::Instruction> prologue;
  std::vector<std::pair<std::int32_t, double>> constants;
  std::vector<Coefficient> outputs;
  std::vector<std::vector<Coefficient>> derivatives;  ///< per direction, of A and b
};

}  // namespace krogh::model
