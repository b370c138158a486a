// A group of lines as the stepper kernel sees it: plain pointers, structure of arrays.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>
#include <krogh/integrate/tableau.hpp>

#include "expr/native_code.hpp"
#include "integrate/lane_block.hpp"
#include "linalg/block_tridiagonal.hpp"

namespace krogh::simulate {

/// `line_lanes` independent lines. Kinetics run over blocks of `width` = cells x lines, one
/// register file per block (cell-major within a row); places of the last block past the last cell
/// repeat that cell. Arrays "(cells, mobile, lanes)" have the lines innermost. What the kernel
/// writes for a line depends on that line alone.
struct LineBlock {
  int width = 0;  ///< doubles in a row of a register file: 8, 16 or 32
  int num_cells = 0;
  int num_blocks = 0;
  int num_states = 0;
  int num_mobile = 0;
  const int* mobile = nullptr;  ///< states that move, shape (num_mobile,)
  double* files = nullptr;      ///< register files, shape (num_blocks, file_rows, width)
  int file_rows = 0;

  // Row numbers in a register file; -1: absent.
  int time_row = 0;
  int state_row = 0;
  int inverse_step_row = 0;
  int sum_row = 0;
  int slope_row = 0;
  int time_slope_row = -1;
  int schur_row = 0;
  int reduced_row = 0;
  int y_row = 0;
  int stage_rows[4] = {};

  const expr::NativeTape* rhs_jacobian = {};
  const expr::NativeTape* first = {};
  const expr::NativeTape* stage = {};
  const expr::NativeTape* expand[4] = {};  ///< each into its stage's rows

  linalg::BlockTridiagonal transport;  ///< `walls` holds conductance / (volume fraction)
  double* conductance = nullptr;       ///< of the faces, (cells + 1, mobile, lanes)
  double* inverse_fraction = nullptr;  ///< (cells, mobile, lanes)
  double* inverse_volume = nullptr;    ///< (cells, lanes)
  const int* wall_inputs = nullptr;    ///< (2, mobile): concentration outside; -1: zero

  // Concentrations outside: base + slope (t - reference) + sum_k amplitude_k exp(-rate_k (t -
  // ref)).
  int num_inputs = 0;
  int num_terms = 0;
  double* rates = nullptr;           ///< (inputs, terms, lanes)
  double* amplitudes = nullptr;      ///< (inputs, terms, lanes)
  double* bases = nullptr;           ///< (inputs, lanes)
  double* slopes = nullptr;          ///< (inputs, lanes)
  double* references = nullptr;      ///< (lanes)
  double* concentrations = nullptr;  ///< (inputs, lanes), at the stage
  double* derivatives = nullptr;     ///< (inputs, lanes), at the start of the step

  double* moving = nullptr;      ///< free concentrations C/eps of a stage, (cells, mobile, lanes)
  double* carried = nullptr;     ///< their transport, (cells, mobile, lanes)
  double* unknowns = nullptr;    ///< right-hand side, then solution, (cells, mobile, lanes)
  double* ledger = nullptr;      ///< amounts entered so far, (2, mobile, lanes)
  double* ledger_new = nullptr;  ///< after the step
  double* ledger_stages = nullptr;  ///< (4, 2, mobile, lanes)

  // Error control.
  double rtol = 0.0;
  double peak = 10.0;            ///< the largest weighted error counts as this times smaller
  const double* atol = nullptr;  ///< (states)
  const char* may_be_negative = nullptr;  ///< (states)
  integrate::StepControl control;
  double* scale = nullptr;    ///< largest value of each state so far, (states, lanes)
  double* highest = nullptr;  ///< of the step, (states, lanes)
  double* lowest = nullptr;   ///< of the step, (states, lanes)
  double* squares = nullptr;  ///< sums of squared weighted errors, (states, lanes)

  // Rows of one number per line.
  double* time = nullptr;
  double* remaining = nullptr;  ///< to the next stop
  double* step = nullptr;       ///< in: proposal; out: next proposal
  double* step_used = nullptr;
  double* max_step = nullptr;
  double* restart = nullptr;  ///< 1: the step is to be found from the slopes
  double* error = nullptr;
  double* accepted = nullptr;  ///< out: 1, 0 (error or sign), -1 (not finite)
  double* at_stop = nullptr;   ///< out: 1 where the step ends at the stop
};

}  // namespace krogh::simulate

#define KROGH_DECLARE_LINE_KERNELS(isa)                                                    \
  namespace krogh::isa {                                                                   \
  /** One attempted step of every line. States at the end stand in the state rows. */      \
  void line_step(const integrate::RosenbrockTableau& tableau, simulate::LineBlock& block); \
  /** Makes the end of the step the new start of the lines that accepted theirs. */        \
  void line_commit(simulate::LineBlock& block);                                            \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_LINE_KERNELS)
#undef KROGH_DECLARE_LINE_KERNELS
