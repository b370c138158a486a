// Tapes of forward sensitivities along a line, upon the tapes of the line itself.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/integrate/tableau.hpp>
#include <krogh/model/program.hpp>

#include "model/line_program.hpp"

namespace krogh::model {

/// Stages of a tangent s of the states, with the factors of the step. The tangent is that of the
/// step itself: states and tangents are one system, solved by the same Rosenbrock method with its
/// exact Jacobian, which has T twice on its diagonal. With u_i the unknowns of the line's stage,
/// U_i those of the tangent's, S_i = s + sum_j a_ij U_j, J_i the Jacobian at the stage's states,
/// K_i the derivative along u_i of the Jacobian at the start of the step, and q_i what the
/// direction itself contributes (F_p at the stage and its derivative along u_i),
///
///   (1/(h gamma) - T) U_i = J_i S_i + K_i s + q_i + (1/h) sum_j c_ij U_j.
///
/// Without K the method is a W-method: still of order 3, but where kinetics are stiff errors fall
/// with the square of the step only (measured). In terms of V_i = s - S_i - U_i this is
///
///   (T - 1/(h gamma)) V_i = T s + q_i + (J_i - T) S_i + K_i s
///                           + (S_i - s + gamma sum_j c_ij U_j) / (h gamma).
///
/// What is linear, transport above all, is in T and is evaluated once a step: at the stages only
/// entries of the Jacobian that have moved since the start of the step are, and they and K are the
/// same for all directions. All sums are linear in the V_j, and s - V_3 is the tangent at the end
/// of a step of a stiffly accurate method. V is small where little happens, so that steps much
/// longer than binding takes keep what kinetics and transport conserve.
///
/// Register files grow by `num_slots` regions of `slot_rows`, so that several directions are on
/// their way at a time; a slot's region and the tapes of that slot differ by a shift alone.
struct LineTangentProgram {
  /// @param parameters      those that move in any direction, distinct.
  /// @param y_row           first of the rows of the states at the start of the step.
  /// @param stage_rows      first of the rows of the unknowns of the stages, stage after stage.
  /// @param first_register  registers before this one are the line's.
  LineTangentProgram(const Program& program, const LineProgram& line,
                     const integrate::RosenbrockTableau& tableau,
                     const std::vector<std::int32_t>& parameters, int num_slots, std::int32_t y_row,
                     std::int32_t stage_rows, std::int32_t first_register);

  /// An entry of dF/dp, dF/dy, or their derivative to time: sign times a register.
  struct Term {
    std::int32_t row = 0;
    std::int32_t column = 0;     ///< position in `parameters`, or a state
    std::int32_t register_ = 0;  ///< of the set of stage 0 where it moves with the stages
    bool moves = false;
    double sign = 1.0;
  };

  std::vector<std::pair<std::int32_t, double>> constants;
  std::vector<expr::Instruction> prologue;  ///< after the line's own
  /// time and states at the start -> what T s and derivatives to time need.
  std::vector<expr::Instruction> start_entries;
  /// time and states at the start, unknowns of the stage -> derivatives along these.
  std::array<std::vector<expr::Instruction>, 4> curvatures;
  /// Then time, states -> the set's sources; of stages after the first also the moved Jacobian
  /// entries.
  std::array<std::vector<expr::Instruction>, 4> entries;
  /// Per slot: s -> T s of the kinetics; q, s -> right-hand side of stage 0; solution of stage i ->
  /// V_i and right-hand side of stage i + 1; solution of stage 3 -> s at the end. Here q is the
  /// direction's own part and T s.
  std::vector<std::vector<expr::Instruction>> linear, begin, end;
  std::array<std::vector<std::vector<expr::Instruction>>, 3> advance;

  std::vector<Term> sources;       ///< dF/dp
  std::vector<Term> time_sources;  ///< d2F/dpdt
  std::vector<Term> time_slopes;   ///< d2F/dydt
  std::vector<Term> initial;       ///< of the model's initial values

  std::int32_t set_rows = 0;  ///< rows per stage for what moves with it
  std::int32_t saved = 0;     ///< one row per state, free for the caller
  std::int32_t own = 0;       ///< one row per state: q of the stage
  std::int32_t slots = 0;     ///< first region; it starts with s
  std::int32_t slot_rows = 0;
  std::int32_t linear_row = 0;  ///< in a slot: T s
  /// In a slot: reduced right-hand side, then solution, of even and odd stages.
  std::array<std::int32_t, 2> reduced{};
  std::int32_t first_temporary = 0;
  std::int32_t num_registers = 0;
};

}  // namespace krogh::model
