// Tapes of a model along a line: exact elimination of what does not move, cell by cell.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/expr/graph.hpp>
#include <krogh/model/program.hpp>

#include "linalg/partial_lu.hpp"

namespace krogh::model {

/// Stage systems (J - I/(h gamma)) u = sums - F of the local kinetics, reduced to the mobile
/// states. The registers of the program come first; what is added here follows.
///
///   `first` : jacobian, inverse_step, sums -> factors, schur, hidden, reduced   (F is in the sums)
///   `stage` : time, states, sums, factors  -> hidden, reduced
///   `again` : time, states, inverse_step    -> factors, as `first` makes them but for rounding
///   `expand`: hidden, factors, solution of the mobile states -> solution of the others
struct LineProgram {
  /// @param mobile  states that move, distinct.
  LineProgram(const Program& program, const std::vector<std::int32_t>& mobile);

  std::vector<std::pair<std::int32_t, double>> constants;  ///< to be placed in registers
  std::vector<expr::Instruction> prologue;                 ///< after the program's own
  std::vector<expr::Instruction> first, again, stage, expand;
  std::int32_t schur = 0;     ///< mobile x mobile rows, Schur complement
  std::int32_t reduced = 0;   ///< one row per mobile state, its right-hand side
  std::int32_t hidden = 0;    ///< one row per other state, between `stage` and `expand`
  std::int32_t solution = 0;  ///< one row per state
  std::int32_t first_temporary = 0;
  std::int32_t num_registers = 0;

  // For tapes that are built upon these.
  expr::Graph graph;              ///< the program's, with what the tapes here compute
  linalg::PartialLu elimination;  ///< with symbols in place of the factors
  expr::RegisterMap available;    ///< what depends on parameters alone, and the factors
};

}  // namespace krogh::model
