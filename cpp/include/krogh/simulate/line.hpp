// Line solver: many cylinders, spheres or slabs of one model, one of them per SIMD lane.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/base/export.hpp>
#include <krogh/base/run_control.hpp>
#include <krogh/model/program.hpp>
#include <krogh/space/diffusion.hpp>
#include <krogh/space/grid.hpp>

namespace krogh::simulate {

/// A state of the model that moves, and what stands at the inner and the outer end for it.
struct MobileState {
  std::int32_t state = 0;
  std::array<space::WallKind, 2> walls{};
  /// Input that gives the concentration outside (per free volume); -1: zero.
  std::array<std::int32_t, 2> inputs{-1, -1};
};

/// A mobile state and a state of the plasma that pass into each other through a wall.
struct Exchange {
  std::int32_t mobile = 0;  ///< position among the mobile states
  std::int32_t wall = 0;    ///< 0: inner, 1: outer
  std::int32_t state = 0;   ///< of the plasma
};

/// What a dose does to its state of the plasma.
enum class DoseKind : std::int8_t {
  bolus,        ///< the state grows by the amount
  rate_change,  ///< its constant input changes by the amount per time
};

/// A model that hands mobile states in through the walls of a line and takes them back: the
/// concentration outside is `outside_factor` times its state, which loses `uptake_factor` times the
/// amount that enters the line per time. Both are solved within the same stages.
struct LinePlasmaProblem {
  const model::Program* program = nullptr;  ///< null: no plasma
  std::span<const double> parameters;       ///< shape (sets, num_parameters)
  std::span<const double> initial;          ///< shape (sets, num_states); empty: the model's
  std::vector<Exchange> exchange;           ///< at most one for each wall of a mobile state
  std::span<const double> outside_factor;   ///< shape (sets, num_exchanges)
  /// Per um of a cylinder, um^2 of a slab, or sphere; 0: the plasma does not feel the line,
  /// shape (sets, num_exchanges).
  std::span<const double> uptake_factor;
  /// Doses of line k are those from offset k to before offset k + 1, in order of time; empty: none.
  std::span<const std::int64_t> dose_offsets;  ///< shape (num_lines + 1,)
  std::span<const double> dose_times;
  std::span<const std::int32_t> dose_states;
  std::span<const double> dose_amounts;
  std::span<const DoseKind> dose_kinds;
};

/// Directions in which a line is differentiated: the tangent of every input along each of them;
/// what is empty stands still. Leading axes "sets" as in LineProblem, then `count`.
struct LineDirections {
  std::int32_t count = 0;
  std::span<const double> parameters;    ///< shape (sets, count, num_parameters)
  std::span<const double> fields;        ///< shape (sets, count, fields, num_cells)
  std::span<const double> initial;       ///< shape (sets, count, num_states, num_cells)
  std::span<const double> faces;         ///< shape (sets, count, num_cells + branches)
  std::span<const double> diffusivity;   ///< shape (sets, count, num_mobile, num_cells)
  std::span<const double> fraction;      ///< shape (sets, count, num_mobile, num_cells)
  std::span<const double> permeability;  ///< shape (sets, count, branches, num_mobile, 2)
  /// shape (sets, count, num_mobile, num_cells + branches); needs a velocity
  std::span<const double> velocity;
  std::span<const double> rates;  ///< shape (sets, count, num_inputs, num_terms)
  /// shape (sets, count, num_pulses, num_inputs, num_terms)
  std::span<const double> pulse_amplitudes;
  std::span<const double> table_values;  ///< shape (sets, count, num_inputs, points)
  // Of the plasma.
  std::span<const double> plasma_parameters;  ///< shape (sets, count, num_parameters)
  std::span<const double> plasma_initial;     ///< shape (sets, count, num_states)
  std::span<const double> outside_factor;     ///< shape (sets, count, num_exchanges)
  std::span<const double> uptake_factor;      ///< shape (sets, count, num_exchanges)
  std::span<const double> dose_amounts;       ///< of all lines, shape (count, doses)
};

/// Capillary segments in series, one inside each branch of a cylinder: blood takes what stands
/// outside the inner walls (the plasma's exchange, an input, or nothing) into the first segment,
/// dCp/dt + w dCp/dz = -(2 P/R)(Cp - C/eps) upwind along it, and what leaves the last returns to
/// the plasma. Amounts, also those of the plasma's uptake, stay per um of the whole vessel.
struct LineVesselProblem {
  std::span<const double> flow;  ///< velocity times pi R^2 [um^3/time], shape (sets,); empty: none
  std::span<const double> lengths;  ///< of the segments [um], shape (sets, branches)
  std::span<const double> radii;    ///< [um], shape (sets, branches); empty: the first faces
  std::span<const double> initial;  ///< concentrations, shape (sets, branches, mobile); empty: zero
};

/// dC_i/dt = div(D_i eps_i grad(C_i/eps_i) - u_i C_i/eps_i) + kinetics for the mobile states,
/// kinetics alone for the others; the kinetics are those of the model in every cell. Lengths [um],
/// times in the model's unit, concentrations per total tissue volume. An array with leading axis
/// "sets" has one set for all lines or one for each.
struct LineProblem {
  space::Geometry geometry = space::Geometry::cylindrical;
  std::int64_t num_lines = 1;
  std::vector<MobileState> mobile;
  std::int32_t num_cells = 0;  ///< of all branches together
  /// Cells of each branch: pieces of tissue with two walls each that stand one behind the other in
  /// all arrays over cells and share inputs and plasma; empty: one.
  std::vector<std::int32_t> branches;
  std::span<const double> branch_weights;  ///< in the plasma's uptake, (sets, branches); empty: 1
  std::span<const double> faces;           ///< shape (sets, num_cells + branches)
  std::span<const double> diffusivity;     ///< [um^2/time], shape (sets, num_mobile, num_cells)
  std::span<const double> fraction;        ///< eps, shape (sets, num_mobile, num_cells)
  /// Of membranes [um/time], shape (sets, branches, num_mobile, 2).
  std::span<const double> permeability;
  /// u, outward at each face [um/time], shape (sets, num_mobile, num_cells + branches); empty:
  /// none.
  std::span<const double> velocity;
  LineVesselProblem vessel;
  std::span<const double> parameters;  ///< shape (sets, num_parameters)
  /// Parameters that differ from cell to cell, and their values, shape (sets, fields, num_cells).
  std::vector<std::int32_t> field_parameters;
  std::span<const double> fields;
  std::span<const double> initial;  ///< shape (sets, num_states, num_cells); empty: the model's

  /// Concentrations outside. Input k at time t is the sum over the pulses p with time_p <= t of
  /// sum_j amplitude_pkj exp(-rate_kj (t - time_p)), plus the table where there is one, which runs
  /// straight between its points. Doses of a linear plasma model are such pulses (an infusion is
  /// two, with a rate of zero among the terms).
  std::int32_t num_inputs = 0;
  std::int32_t num_terms = 0;
  std::span<const double> rates;  ///< [1/time], shape (sets, num_inputs, num_terms)
  std::int32_t num_pulses = 0;
  std::span<const double> pulse_times;       ///< increasing, shape (sets, num_pulses)
  std::span<const double> pulse_amplitudes;  ///< shape (sets, num_pulses, num_inputs, num_terms)
  std::span<const double> table_times;       ///< shape (points,); empty: no table
  std::span<const double> table_values;      ///< shape (sets, num_inputs, points)

  LinePlasmaProblem plasma;

  double begin = 0.0;
  std::span<const double> record_times;  ///< increasing, not before begin; the last is the end

  /// Forward sensitivities: those of the model's own initial values to parameters are included, and
  /// a parameter given by a field moves with the field alone.
  LineDirections directions;
};

struct LineOptions {
  double rtol = 1e-3;
  std::vector<double> atol;  ///< per state, in its unit, shape (num_states,); empty: rtol 0.1
  double max_step = 0.0;     ///< 0: no limit
  double first_step = 0.0;   ///< 0: from the size of the derivatives
  double fixed_step = 0.0;   ///< > 0: no error control (order tests)
  std::int64_t max_steps = 1'000'000;  ///< per line
  int width = 0;  ///< doubles per tape row: 0: by the size of the model; else 8, 16, 32
  std::vector<std::int32_t> signed_states;  ///< states that may be negative; the others are held
  std::vector<std::int32_t> recorded;       ///< states whose cells are recorded
  std::vector<double> plasma_atol;          ///< as atol, for the states of the plasma
  std::vector<std::int32_t> plasma_signed;  ///< as signed_states, for those of the plasma
};

/// Counters of one line.
struct LineStats {
  std::int64_t accepted = 0;
  std::int64_t rejected = 0;
};

/// What went wrong with one line.
struct LineFailure {
  std::int64_t line = 0;
  Status status = Status::success;
  double time = 0.0;
  /// State and cell that were not finite or too negative; where there are none, the state whose
  /// error was the largest, and no cell (-1).
  std::int32_t state = -1;
  std::int32_t cell = -1;
  bool is_plasma = false;  ///< the state is one of the plasma (cell is -1)
};

/// Where results go; the caller owns the memory. What is not reached stays NaN.
struct LineOutput {
  std::span<double> values;  ///< shape (num_lines, records, num_recorded, num_cells)
  /// Amounts sum_k V_k C_k of every state, shape (num_lines, records, branches, num_states).
  std::span<double> contents;
  /// Amounts of each mobile state that have entered through the inner and the outer end since the
  /// begin, shape (num_lines, records, branches, num_mobile, 2).
  std::span<double> entered;
  std::span<double> final_states;  ///< shape (num_lines, num_states, num_cells); or empty
  std::span<double> plasma;        ///< shape (num_lines, records, plasma states); empty without one
  /// Concentrations in capillary segments, (num_lines, records, branches, num_mobile); or empty.
  std::span<double> vessel;
  /// Tangents of the above along the directions; empty where there are none.
  std::span<double> sensitivities;  ///< shape (num_lines, records, count, num_recorded, num_cells)
  /// shape (num_lines, records, count, branches, num_states)
  std::span<double> content_sensitivities;
  /// shape (num_lines, records, count, branches, num_mobile, 2)
  std::span<double> entered_sensitivities;
  std::span<double> plasma_sensitivities;  ///< shape (num_lines, records, count, plasma states)
};

struct LineResult {
  int width = 0;
  int num_threads = 0;
  std::vector<Status> status;         ///< shape (num_lines,)
  std::vector<LineStats> stats;       ///< shape (num_lines,)
  std::vector<LineFailure> failures;  ///< in order of lines
};

/// Solves the model along every line with ROS34PW2 (Rang & Angermann 2005), transport and kinetics
/// together: what does not move is eliminated exactly cell by cell, what moves is solved by a
/// direct block-tridiagonal method, a plasma as a border of that system. Every line has its own
/// time and step and stops exactly at pulses, doses, kinks in time and records; a record at the
/// time of a dose sees what the dose has done. A step is accepted if the larger of the root mean
/// square of the weighted errors and a tenth of the largest (at most 0.1/rtol times less) is below
/// one, that of the plasma by itself too, and no held state lies below -rtol times its largest
/// value so far.
/// Sensitivities are the derivative of the steps taken: states and tangents are one system, solved
/// by the same stages. Their numerical error does not steer the step, and states have the same bits
/// with and without them.
/// @throws InvalidInput before any work where shapes or values do not fit, or a model has events
/// or conditions. Numerical failures are reported in the result and never thrown.
/// @note Results of a line do not depend on the thread count, the order or the number of lines, nor
/// on `width`: bits are equal on one machine and build.
KROGH_EXPORT LineResult simulate_line(const model::Program& program, const LineProblem& problem,
                                      const LineOptions& options, const LineOutput& output,
                                      const RunControl& control = {});

}  // namespace krogh::simulate
