// One block of lanes as the stepper kernels see it: plain pointers, structure of arrays.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include <krogh/base/isa.hpp>
#include <krogh/expr/tape.hpp>
#include <krogh/integrate/tableau.hpp>

#include "expr/native_code.hpp"

namespace krogh::integrate {

/// Step-size control of one run: h_new = h safety err^-exponent err_old^memory, within limits.
struct StepControl {
  double safety = 0.75;
  double exponent = 0.25;  ///< on the present error
  double memory = 0.0;     ///< on the error of the step before
  double largest_growth = 6.0;
  double largest_shrink = 0.2;
  double fixed_step = 0.0;  ///< > 0: steps of this size, errors are ignored
};

/// A block of `lanes` independent systems. Rows are arrays of `lanes` doubles; a matrix of rows is
/// contiguous. What a kernel writes for a lane depends on that lane alone.
struct LaneBlock {
  int lanes = 0;
  int num_states = 0;
  double* registers = nullptr;
  const expr::TableView* tables = nullptr;

  // Row numbers in the register file; -1: absent.
  int time_register = 0;
  int state_register = 0;
  int input_rate_register = 0;
  int inverse_step_register = 0;
  int sum_register = 0;
  int solution_register = 0;
  int slope_register = 0;
  int time_slope_register = -1;
  const int* input_states = nullptr;  ///< states that receive infusions
  int num_input_states = 0;

  // Entries of the Jacobian after `rhs_jacobian`, for the spectral bound.
  int num_entries = 0;
  const int* rows = nullptr;                ///< (entries)
  const int* columns = nullptr;             ///< (entries)
  const int* jacobian_registers = nullptr;  ///< (entries)

  const expr::NativeTape* rhs = {};
  const expr::NativeTape* rhs_jacobian = {};
  const expr::NativeTape* factor = {};    ///< its solution goes to the first stage's values
  const expr::NativeTape* stage[8] = {};  ///< the solution of each goes to the values of its stage
  const expr::NativeTape* solve = {};     ///< its solution goes to `solution_register`

  // Rows of per-lane scalars.
  double* time = nullptr;          ///< at the start of the step
  double* remaining = nullptr;     ///< to the next stop, > 0 for active lanes
  double* step = nullptr;          ///< proposed step; out: proposal for the next one
  double* step_used = nullptr;     ///< out
  double* error = nullptr;         ///< out: weighted norm of the error, accepted if <= 1
  double* error_before = nullptr;  ///< of the last accepted step
  double* restart = nullptr;   ///< 1: choose the step from the derivatives; cleared on acceptance
  double* accepted = nullptr;  ///< out: 1 accepted, 0 rejected, -1 rejected as not finite
  double* max_step = nullptr;  ///< row of one limit per lane
  double* stale = nullptr;     ///< 1: nothing known from before holds; cleared by the kernels
  double* busy = nullptr;      ///< 0: the lane holds no subject
  double* stiff_steps = nullptr;  ///< steps at the limit of stability since the last calm spell
  double* calm_steps = nullptr;   ///< steps in a row that were not
  double* evaluations = nullptr;  ///< out: evaluations of the right-hand side in this step

  // Rows of per-lane vectors.
  double* y = nullptr;             ///< (states), start of the step
  double* y_new = nullptr;         ///< (states), out
  double* stage_values = nullptr;  ///< (stages, states), u_i
  double* dense = nullptr;         ///< (3, states), coefficients of the dense output
  double* first_slope = nullptr;   ///< (states), slopes at the start of the step
  double* last_slope = nullptr;    ///< (states), slopes at its end, for the next one's start
  double* balance = nullptr;       ///< (states), positive weights of the spectral bound
  const double* atol = nullptr;    ///< (states), one number per state
  double rtol = 1e-6;
  StepControl control;
};

/// Where the lanes of a block stand in their records: rows of one number per lane, kept apart from
/// the rest of a lane's state so that the loops after every step are loops over contiguous rows.
struct LaneRows {
  double* stop_time = nullptr;         ///< end of `remaining`
  double* next_observation = nullptr;  ///< time of the next record if it is an observation, or inf
  double* observe_until = nullptr;     ///< out: latest time inside the step; -inf: none
  double* num_accepted = nullptr;      ///< steps so far
  double* num_rejected = nullptr;
  double* num_evaluations = nullptr;  ///< of the right-hand side
  double max_steps = 0.0;
};

/// Tangents that travel with the states: dy/dp for `count` directions.
struct TangentBlock {
  int count = 0;
  int num_entries = 0;                              ///< entries of the Jacobian
  const int* rows = nullptr;                        ///< (entries)
  const int* columns = nullptr;                     ///< (entries)
  const int* jacobian_registers = nullptr;          ///< (entries), after `first_order`
  const int* curvature_registers = nullptr;         ///< (entries), after `second_order`; -1: zero
  const int* source_offsets = nullptr;              ///< (count + 1) into the sources
  const int* source_rows = nullptr;                 ///< state that dF/dp enters
  const int* source_registers = nullptr;            ///< dF/dp after `first_order`
  const int* source_curvature_registers = nullptr;  ///< after `second_order`; -1: zero
  int direction_register = 0;  ///< (states + 1) rows: direction of differentiation
  const expr::NativeTape* first_order = {};
  const expr::NativeTape* second_order = {};
  double* s = nullptr;                  ///< (count, states)
  double* s_new = nullptr;              ///< (count, states)
  double* stage_values = nullptr;       ///< (stages, count, states)
  const double* input_rates = nullptr;  ///< (count, states): d(infusion rate)/dp
  const double* atol = nullptr;         ///< (count, states), for the error norm, or null
};

}  // namespace krogh::integrate

#define KROGH_DECLARE_STEP_KERNELS(isa)                                                            \
  namespace krogh::isa {                                                                           \
  void rosenbrock_step(const integrate::RosenbrockTableau& tableau, integrate::LaneBlock& block,   \
                       integrate::TangentBlock* tangents);                                         \
  void explicit_step(const integrate::ExplicitTableau& tableau, integrate::LaneBlock& block,       \
                     integrate::TangentBlock* tangents);                                           \
  void bound_spectrum(integrate::LaneBlock& block, double* bound);                                 \
  void stabilized_step(integrate::LaneBlock& block, integrate::TangentBlock* tangents);            \
  void dense_output(const double (*weights)[8], int stages, const double* stage_values, int rows,  \
                    int lanes, double* dense);                                                     \
  void rosenbrock_refine(integrate::LaneBlock& block, const double* theta);                        \
  bool tally_step(integrate::LaneBlock& block, integrate::LaneRows& rows);                         \
  void commit_step(integrate::LaneBlock& block, const integrate::LaneRows& rows,                   \
                   const integrate::TangentBlock* tangents);                                       \
  void interpolate(const double* y, const double* y_new, const double* dense, const double* theta, \
                   int rows, int lanes, double* target);                                           \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_STEP_KERNELS)
#undef KROGH_DECLARE_STEP_KERNELS
