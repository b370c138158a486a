// A group of lines as the stepper kernel sees it: plain pointers, structure of arrays.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>
#include <krogh/integrate/tableau.hpp>

#include "expr/native_code.hpp"
#include "integrate/lane_block.hpp"
#include "linalg/block_tridiagonal.hpp"

namespace krogh::simulate {

/// Width of the plasma's only block.
inline constexpr int plasma_width = 8;

/// Cells of one model: those of the tissue, or the one of the plasma. Kinetics run over blocks of
/// `width` = cells x lines, one register file per block (cell-major within a row); places of the
/// last block past the last cell repeat that cell.
struct LineCells {
  int width = 0;  ///< doubles in a row of a register file: 8, 16 or 32
  int num_cells = 0;
  int num_blocks = 0;
  int num_states = 0;
  int num_kept = 0;           ///< states that are coupled to other cells, solved outside the tapes
  const int* kept = nullptr;  ///< shape (num_kept,)
  double* files = nullptr;    ///< register files, shape (num_blocks, file_rows, width)
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

  // Error control.
  const double* atol = nullptr;           ///< (states)
  const char* may_be_negative = nullptr;  ///< (states)
  double* scale = nullptr;                ///< largest value of each state so far, (states, lanes)
  double* highest = nullptr;              ///< of the step, (states, lanes)
  double* lowest = nullptr;               ///< of the step, (states, lanes)
  double* squares = nullptr;              ///< sums of squared weighted errors, (states, lanes)
};

/// A plasma that hands mobile states of the tissue in through walls and takes them back. Its states
/// that do so are its kept ones; "exchanges" are pairs of a wall and one of these.
struct LinePlasma {
  LineCells cells;  ///< one cell of width 8
  int num_exchanges = 0;
  const int* mobile = nullptr;  ///< of each exchange: which mobile state
  const int* wall = nullptr;    ///< 0: inner, 1: outer
  const int* kept = nullptr;    ///< which kept state of the plasma
  double* outside = nullptr;    ///< concentration outside per plasma state, (exchanges, lanes)
  double* uptake = nullptr;     ///< loss per amount that enters, (chains, exchanges, lanes)
  double* rates = nullptr;      ///< constant input, (states, lanes)
  double* carried = nullptr;    ///< what the walls bring, (kept, lanes)
  double* unknowns = nullptr;   ///< right-hand side, then solution, (kept, lanes)
  double* response = nullptr;   ///< A^-1 G: minus the tissue's answer, (kept, cells, mobile, lanes)
  double* inverse = nullptr;    ///< of the Schur complement, (kept, kept, lanes)
};

/// Capillary segments in series, one inside each chain: the inlet's concentrations flow into the
/// first, and each hands on to the next what the tissue around it leaves. Arrays "(segments)" are
/// (chains, mobile, lanes).
struct LineVessel {
  const int* inlets = nullptr;       ///< concentration that flows in of each mobile state; -1: zero
  long first_row = 0;                ///< of the segments among the concentrations
  double* flow = nullptr;            ///< [um^3/time], (lanes)
  double* length = nullptr;          ///< [um], (chains, lanes)
  double* inverse_volume = nullptr;  ///< [1/um^3], (chains, lanes)
  double* inverse_length = nullptr;  ///< of all segments together, (lanes)
  double* y = nullptr;               ///< at the start of the step, (segments)
  double* state = nullptr;           ///< at the stage, (segments)
  double* sums = nullptr;            ///< (segments)
  double* stages = nullptr;          ///< unknowns, (4, segments)
  double* scale = nullptr;           ///< largest value so far, (mobile, lanes)
  double* highest = nullptr;         ///< with the step, (mobile, lanes)
  double* answers =
      nullptr;  ///< A^-1 G of each chain's own segment, (mobile, cells, mobile, lanes)
  double* inverse = nullptr;   ///< of the segments' pivots, (chains, mobile, mobile, lanes)
  double* response = nullptr;  ///< answer to the inlet, (chains, mobile, mobile, lanes)
  double* kept = nullptr;      ///< per inlet and length, (mobile, mobile, lanes)
};

/// `line_lanes` independent lines. Arrays "(cells, mobile, lanes)" have the lines innermost; the
/// cells stand in chains, each with a wall at both ends, and faces of a chain follow those of the
/// chain before. What the kernel writes for a line depends on that line alone.
struct LineBlock {
  LineCells tissue;
  LinePlasma* plasma = nullptr;  ///< null: none
  LineVessel* vessel = nullptr;  ///< null: the plasma itself stands inside every chain

  linalg::BlockTridiagonal transport;  ///< `walls` holds conductance / (volume fraction)
  double* conductance = nullptr;       ///< of the faces, (cells + chains, mobile, lanes)
  bool has_velocity = false;
  /// Amount that flows through a face per time and C/eps behind it: outward, then inward, shape
  /// (2, cells + chains, mobile, lanes); zero without a velocity.
  double* convection = nullptr;
  double* inverse_fraction = nullptr;  ///< (cells, mobile, lanes)
  double* inverse_volume = nullptr;    ///< (cells, lanes)
  double* volume = nullptr;            ///< (cells, lanes)
  /// Which concentration stands outside, (chains, 2, mobile); -1: zero.
  const int* wall_inputs = nullptr;

  // Concentrations outside: of the inputs, of the exchanges with the plasma, of the segments. An
  // input is base
  // + slope (t - reference) + sum_k amplitude_k exp(-rate_k (t - ref)).
  int num_inputs = 0;
  int num_terms = 0;
  double* rates = nullptr;           ///< (inputs, terms, lanes)
  double* amplitudes = nullptr;      ///< (inputs, terms, lanes)
  double* bases = nullptr;           ///< (inputs, lanes)
  double* slopes = nullptr;          ///< (inputs, lanes)
  double* references = nullptr;      ///< (lanes)
  double* concentrations = nullptr;  ///< (inputs + exchanges + segments, lanes), at the stage
  double* derivatives =
      nullptr;                ///< (inputs + exchanges + segments, lanes), at the start of the step
  double* changes = nullptr;  ///< parts of a stage's unknowns, (inputs + exchanges, lanes)

  double* moving = nullptr;      ///< free concentrations C/eps of a stage, (cells, mobile, lanes)
  double* carried = nullptr;     ///< their transport, (cells, mobile, lanes)
  double* unknowns = nullptr;    ///< right-hand side, then solution, (cells, mobile, lanes)
  double* inflow = nullptr;      ///< through the walls at the stage, (chains, 2, mobile, lanes)
  double* ledger = nullptr;      ///< amounts entered so far, (chains, 2, mobile, lanes)
  double* ledger_new = nullptr;  ///< after the step
  double* ledger_stages = nullptr;  ///< (4, chains, 2, mobile, lanes)

  double rtol = 0.0;
  double peak = 10.0;  ///< the largest weighted error counts as this times smaller
  integrate::StepControl control;

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
