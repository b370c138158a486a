// Tangents of a group of lines as their kernel sees them: plain pointers, structure of arrays.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_block.hpp"

namespace krogh::simulate {

/// Part of dF/dp dp of one direction: sign * register * move, into one row.
struct TangentTerm {
  int row = 0;
  int register_ = 0;
  bool moves = false;  ///< the register stands in the set of the stage
  double sign = 1.0;
  int other = 0;  ///< which row of moved parameters, or which state
};

/// Terms of the directions, those of direction d from offsets[d] to before offsets[d + 1].
struct TangentTerms {
  const TangentTerm* terms = nullptr;
  const int* offsets = nullptr;
};

/// Tangents of the cells of one model; rows stand in its register files, see
/// model::LineTangentProgram.
struct TangentCells {
  int saved_row = 0;
  int own_row = 0;
  int set_rows = 0;
  int slot_row = 0;
  int slot_rows = 0;
  int linear_row = 0;
  int reduced_rows[2] = {};

  const expr::NativeTape* start_entries = nullptr;
  const expr::NativeTape* curvatures[4] = {};
  const expr::NativeTape* entries[4] = {};
  const expr::NativeTape* linear = nullptr;  ///< (slots)
  const expr::NativeTape* begin = nullptr;   ///< (slots)
  const expr::NativeTape* advance[3] = {};   ///< (slots)
  const expr::NativeTape* end = nullptr;     ///< (slots)

  TangentTerms sources;
  TangentTerms time_sources;
  const TangentTerm* time_slopes = nullptr;  ///< d2F/dydt; `other`: the state
  int num_time_slopes = 0;
  bool depends_on_time = false;  ///< whether there are any of the last two
  double* moves = nullptr;       ///< of parameters, (rows, blocks, width)
  double* tangents = nullptr;    ///< of states, (directions, blocks, states, width)
};

/// What passes between the line and its plasma along the directions.
struct TangentPlasma {
  TangentCells cells;
  const int* factors = nullptr;  ///< place of a direction that moves factors; -1: none
  double* outside = nullptr;     ///< (places, exchanges, lanes)
  double* uptake = nullptr;      ///< (places, chains, exchanges, lanes)
  double* rates = nullptr;       ///< constant inputs, (directions, states, lanes)

  double* states = nullptr;   ///< kept ones, with the stage's unknowns, (4, kept, lanes)
  double* brought = nullptr;  ///< per slot: by the tangent's exchange, of T s, (kept, lanes)
};

/// Directions are worked through in batches of up to `num_slots`, all stages of a batch at once,
/// so that what a batch touches stays in the second-level cache. Arrays "per slot" belong to a
/// direction at work.
struct LineTangentBlock {
  int num_directions = 0;
  int num_slots = 0;
  TangentCells tissue;
  TangentPlasma* plasma = nullptr;  ///< null: none

  // Directions that move the operator or the inputs have a place here; -1: none.
  const int* operators = nullptr;        ///< (directions)
  const int* inputs = nullptr;           ///< (directions)
  double* conductances = nullptr;        ///< (operators, cells + chains, mobile, lanes)
  double* convections = nullptr;         ///< (operators, 2, cells + chains, mobile, lanes), or none
  double* relative_fractions = nullptr;  ///< d eps / eps, (operators, cells, mobile, lanes)
  double* relative_volumes = nullptr;    ///< dV / V, (operators, cells, lanes)
  double* rates = nullptr;               ///< (moved inputs, inputs, terms, lanes)
  double* amplitudes = nullptr;          ///< (moved inputs, inputs, terms, lanes)
  double* bases = nullptr;               ///< (moved inputs, inputs, lanes)
  double* slopes = nullptr;              ///< (moved inputs, inputs, lanes)

  // Of the line's own stages.
  double* ages = nullptr;     ///< (4, lanes)
  double* decays = nullptr;   ///< exp(-rate age), (4, inputs, terms, lanes)
  double* outside = nullptr;  ///< with what the line's stage makes of it, (4, inputs, lanes)
  double* moving = nullptr;   ///< (C + u)/eps with the stage's unknowns, (4, cells, mobile, lanes)

  double* transported = nullptr;    ///< per slot: transport of s, (cells, mobile, lanes)
  double* carried = nullptr;        ///< per slot: by the moved operator, (cells, mobile, lanes)
  double* wall_flow = nullptr;      ///< per slot: let in by moved walls, (chains, 2, mobile, lanes)
  double* ledger_stages = nullptr;  ///< per slot: (4, chains, 2, mobile, lanes)
  double* free = nullptr;           ///< s/eps, (cells, mobile, lanes)
  double* concentrations = nullptr;  ///< outside, (inputs + exchanges, lanes); of inputs: zero

  double* ledger = nullptr;  ///< amounts entered so far, (directions, chains, 2, mobile, lanes)
};

}  // namespace krogh::simulate

#define KROGH_DECLARE_LINE_TANGENT_KERNEL(isa)                                                    \
  namespace krogh::isa {                                                                          \
  /** Tangents over the step that line_step has just done, of the lines that accepted it;         \
      between line_step and line_commit. */                                                       \
  void line_tangent_step(const integrate::RosenbrockTableau& tableau, simulate::LineBlock& block, \
                         simulate::LineTangentBlock& tangent);                                    \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_LINE_TANGENT_KERNEL)
#undef KROGH_DECLARE_LINE_TANGENT_KERNEL
