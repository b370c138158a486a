// Tapes of first and second derivatives that forward sensitivities need.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <krogh/model/program.hpp>

namespace krogh::model {

/// Derivatives of a model along a list of directions, each a parameter or -1 (initial values and
/// dose attributes have no term of their own in the right-hand side). Registers extend those of
/// the program, so one register file serves both.
class TangentProgram {
 public:
  TangentProgram(const Program& program, std::vector<std::int32_t> parameter_of_direction);

  /// One value per lane: its row (state, output) and the register that holds it.
  struct Source {
    std::int32_t row = 0;
    std::int32_t value = 0;
    std::int32_t curvature = -1;
  };
  /// Derivative of output `row` to state `column`.
  struct OutputEntry {
    std::int32_t row = 0;
    std::int32_t column = 0;
    std::int32_t value = 0;
  };

  /// Derivatives of a surface or of a value that an event assigns: along the direction of
  /// differentiation (states, then time), and to the parameter of each direction; -1: zero.
  struct CrossingDerivative {
    std::int32_t along = -1;
    std::vector<std::int32_t> by_parameter;
  };

  int first_temporary = 0;  ///< from here on: intermediate results of a tape
  int num_registers = 0;
  int direction_register = 0;                   ///< (states + 1) rows
  std::vector<expr::Instruction> prologue;      ///< more expressions of parameters alone
  std::vector<expr::Instruction> first_order;   ///< Jacobian and dF/dp
  std::vector<expr::Instruction> second_order;  ///< their derivative along the direction
  std::vector<expr::Instruction> outputs;       ///< derivatives of the outputs
  std::vector<expr::Instruction> crossings;     ///< derivatives of surfaces and assigned values
  std::vector<int> rows, columns, jacobian_registers, curvature_registers;
  std::vector<int> source_offsets, source_rows, source_registers, source_curvature_registers;
  std::vector<OutputEntry> output_states;
  std::vector<std::vector<Source>> output_parameters;  ///< per direction
  std::vector<std::vector<Source>> initial;            ///< per direction: d(initial)/dp
  /// Registers of dF, dlag, dD, dR per direction and state; -1: zero.
  std::vector<std::vector<std::array<std::int32_t, 5>>> doses;
  std::vector<CrossingDerivative> surfaces;                  ///< per surface
  std::vector<std::vector<CrossingDerivative>> assignments;  ///< per event and assignment
  std::vector<std::pair<std::int32_t, double>> constants;
};

}  // namespace krogh::model
