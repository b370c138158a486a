// Rosenbrock-W step of a group of lines: kinetics by tape, elimination per cell, transport direct.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_plasma.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Sizes of state and slope in the weighted norm, then the step: the proposal, or for restarting
/// lines the recipe of Hairer, Norsett & Wanner, Solving ODEs I, 1993, II.4; never past the stop.
template <int L>
void choose_step(LineBlock& b) {
  double size[W] = {}, slope[W] = {};
  bool any = false;
  for (int l = 0; l < W; ++l) any = any || b.restart[l] > 0.0;
  if (any) add_sizes<L>(b.tissue, b.rtol, size, slope);
  if (any && b.plasma != nullptr) add_sizes<PW>(b.plasma->cells, b.rtol, size, slope);
  if (any && b.vessel != nullptr) add_segment_sizes(b, size, slope);
  for (int l = 0; l < W; ++l) {
    const double d0 = __builtin_sqrt(size[l]);
    const double d1 = __builtin_sqrt(slope[l]);
    const double guess = (d0 > 1e-5 && d1 > 1e-5) ? 0.01 * (d0 / d1) : 1e-6 * b.remaining[l];
    double h = b.restart[l] > 0.0 ? (guess < b.step[l] ? guess : b.step[l]) : b.step[l];
    h = b.control.fixed_step > 0.0 ? b.control.fixed_step : h;
    h = h < b.max_step[l] ? h : b.max_step[l];
    const double left = b.remaining[l];
    const bool is_last = h * 1.000001 >= left;
    const bool is_near = b.control.fixed_step <= 0.0 && h * 2.0 > left;
    b.step_used[l] = is_last ? left : (is_near ? 0.5 * left : h);
    b.at_stop[l] = is_last ? 1.0 : 0.0;
  }
}

/// Acceptance and the next step: h safety err^-exponent within limits. The error is the larger of
/// the root mean square and the largest weighted error over `peak`, so that a single cell cannot
/// hide in the mean, nor the plasma behind the cells; a value below -rtol times what its state has
/// reached is refused.
void judge(const RosenbrockTableau& tableau, LineBlock& b, double* largest) {
  double of_segments[W] = {}, is_segment_positive[W];
  if (b.vessel != nullptr) finish_segments(tableau, b, of_segments, largest, is_segment_positive);
  const bool is_fixed = b.control.fixed_step > 0.0;
  for (int l = 0; l < W; ++l) {
    const double mean = mean_error(b.tissue, l);
    const double peak = largest[l] / b.peak;
    double error = mean < peak ? peak : mean;
    bool positive = is_positive(b.tissue, b.rtol, l);
    if (b.plasma != nullptr) {
      const double of_plasma = mean_error(b.plasma->cells, l);
      error = error >= of_plasma || error != error ? error : of_plasma;
      positive = positive && is_positive(b.plasma->cells, b.rtol, l);
    }
    if (b.vessel != nullptr) {
      error = error >= of_segments[l] || error != error ? error : of_segments[l];
      positive = positive && is_segment_positive[l] > 0.0;
    }
    const bool finite = error < 1e300;
    const bool accepted = finite && (is_fixed || (error <= 1.0 && positive));
    const double bounded = finite && error > 1e-10 ? error : 1e-10;
    double factor = b.control.safety * exp_(-b.control.exponent * log_(bounded));
    factor = factor < b.control.largest_shrink ? b.control.largest_shrink : factor;
    factor = factor > b.control.largest_growth ? b.control.largest_growth : factor;
    if (!accepted) factor = !finite ? 0.25 : (!positive && factor > 0.5 ? 0.5 : factor);
    if (!accepted && factor > 0.9) factor = 0.9;
    const double used = b.step_used[l];
    const double proposal = used * factor;
    // A step cut short by a stop does not shrink the proposal that was made before it.
    const bool is_cut =
        accepted && b.restart[l] == 0.0 && used < 0.999 * b.step[l] && factor >= 1.0;
    b.step[l] = is_cut && proposal < b.step[l] ? b.step[l] : proposal;
    b.error[l] = error;
    b.accepted[l] = accepted ? 1.0 : (finite ? 0.0 : -1.0);
    b.restart[l] = 0.0;
  }
}

/// Right-hand side, Jacobian and elimination at the start of the step.
template <int L>
void start(const RosenbrockTableau& tableau, LineBlock& b, double* inverse_step) {
  const LineCells& cells = b.tissue;
  LinePlasma* plasma = b.plasma;
  for (int l = 0; l < W; ++l) b.step_used[l] = 0.0;
  evaluate_inputs(b, 0.0, b.derivatives);
  for (int k = 0; k < cells.num_blocks; ++k) {
    copy_states<L>(cells, k);
    gather_moving<L>(b, k);
    begin_cells<L>(cells, k, b.time);
  }
  if (plasma != nullptr) {
    copy_states<PW>(plasma->cells, 0);
    place_outside(b);
    begin_cells<PW>(plasma->cells, 0, b.time);
  }
  if (b.vessel != nullptr) {
    combine_segments(tableau, b, 0, nullptr);
    place_segments(b);
  }
  transport(b);
  for (int k = 0; k < cells.num_blocks; ++k) subtract_carried<L>(cells, k, b.carried);
  if (b.vessel != nullptr) subtract_flow(b);
  if (plasma != nullptr) subtract_exchange(b);
  choose_step<L>(b);
  double weight[W];
  for (int l = 0; l < W; ++l) {
    inverse_step[l] = 1.0 / (b.step_used[l] * tableau.gamma);
    weight[l] = b.step_used[l] * tableau.gamma_i[0];
  }
  for (long q = 0; q < static_cast<long>(cells.num_cells) * cells.num_kept * W; ++q)
    b.carried[q] = 0.0;
  add_input_derivatives(b, weight);
  for (int k = 0; k < cells.num_blocks; ++k) {
    double* file = file_of(cells, k);
    spread<L>(inverse_step, row<L>(file, cells.inverse_step_row));
    subtract_carried<L>(cells, k, b.carried);
    subtract_time_slopes<L>(cells, k, weight);
    cells.first->run(file);
    gather_reduced<L>(cells, k, b.unknowns);
    gather_schur<L>(cells, k, b.transport.blocks);
  }
  factor_tridiagonal(b.transport);
  if (b.vessel != nullptr) {
    add_inlet_derivatives(b);
    factor_segments<L>(b, inverse_step);
  }
  if (plasma == nullptr) return;
  double* file = plasma->cells.files;
  spread<PW>(inverse_step, row<PW>(file, plasma->cells.inverse_step_row));
  subtract_time_slopes<PW>(plasma->cells, 0, weight);
  plasma->cells.first->run(file);
  gather_reduced<PW>(plasma->cells, 0, plasma->unknowns);
  factor_plasma<L>(b);
}

/// Right-hand sides of a later stage.
template <int L>
void next_stage(const RosenbrockTableau& tableau, LineBlock& b, int stage) {
  const LineCells& cells = b.tissue;
  double weight[W], stage_time[W];
  for (int l = 0; l < W; ++l) {
    weight[l] = b.step_used[l] * tableau.gamma_i[stage];
    stage_time[l] = fma_(tableau.alpha[stage], b.step_used[l], b.time[l]);
  }
  evaluate_inputs(b, tableau.alpha[stage], nullptr);
  if (b.plasma != nullptr) place_outside(b);
  if (b.vessel != nullptr) place_segments(b);
  transport(b);
  add_input_derivatives(b, weight);
  if (b.vessel != nullptr) {
    subtract_flow(b);
    add_inlet_derivatives(b);
  }
  for (int k = 0; k < cells.num_blocks; ++k) {
    double* file = file_of(cells, k);
    if (cells.time_slope_row >= 0) spread<L>(stage_time, row<L>(file, cells.time_row));
    subtract_carried<L>(cells, k, b.carried);
    subtract_time_slopes<L>(cells, k, weight);
    cells.stage->run(file);
    gather_reduced<L>(cells, k, b.unknowns);
  }
  if (b.plasma == nullptr) return;
  const LineCells& blood = b.plasma->cells;
  if (blood.time_slope_row >= 0) spread<PW>(stage_time, row<PW>(blood.files, blood.time_row));
  subtract_exchange(b);
  subtract_time_slopes<PW>(blood, 0, weight);
  blood.stage->run(blood.files);
  gather_reduced<PW>(blood, 0, b.plasma->unknowns);
}

template <int L>
void step(const RosenbrockTableau& tableau, LineBlock& b) {
  const LineCells& cells = b.tissue;
  double inverse_step[W];
  double largest[W] = {}, largest_of_plasma[W] = {};
  const long segment_size = static_cast<long>(b.transport.num_chains) * cells.num_kept * W;
  start<L>(tableau, b, inverse_step);
  for (int stage = 0; stage < 4; ++stage) {
    if (stage > 0) next_stage<L>(tableau, b, stage);
    solve_tridiagonal(b.transport, b.unknowns);
    double* segments = nullptr;
    if (b.vessel != nullptr) {
      segments = b.vessel->stages + stage * segment_size;
      solve_segments(b, segments);
    }
    if (b.plasma != nullptr) {
      solve_exchange(b, segments);
    } else if (b.vessel != nullptr) {
      complete_segments(b, nullptr, segments);
    }
    ledger_stage(tableau, b, stage, inverse_step);
    if (stage == 3) clear_errors(cells);
    for (int k = 0; k < cells.num_blocks; ++k) {
      complete<L>(cells, b.unknowns, k, stage);
      advance<L>(tableau, cells, b.rtol, k, stage, largest);
      if (stage < 3) gather_moving<L>(b, k);
    }
    if (b.vessel != nullptr && stage < 3) combine_segments(tableau, b, stage + 1, inverse_step);
    if (b.plasma == nullptr) continue;
    if (stage == 3) clear_errors(b.plasma->cells);
    complete<PW>(b.plasma->cells, b.plasma->unknowns, 0, stage);
    advance<PW>(tableau, b.plasma->cells, b.rtol, 0, stage, largest_of_plasma);
  }
  ledger_end(tableau, b);
  judge(tableau, b, largest);
}

template <int L>
void commit(LineBlock& b) {
  commit_cells<L>(b.tissue, b.accepted);
  if (b.plasma != nullptr) commit_cells<PW>(b.plasma->cells, b.accepted);
  if (b.vessel != nullptr) commit_segments(b);
  const long walls = 2L * b.transport.num_chains * b.tissue.num_kept;
  for (int l = 0; l < W; ++l) {
    if (!(b.accepted[l] > 0.0)) continue;
    for (long q = 0; q < walls; ++q) b.ledger[q * W + l] = b.ledger_new[q * W + l];
  }
}

}  // namespace

void line_step(const RosenbrockTableau& tableau, LineBlock& block) {
  switch (block.tissue.width) {
    case 8: step<8>(tableau, block); break;
    case 16: step<16>(tableau, block); break;
    default: step<32>(tableau, block);
  }
}

void line_commit(LineBlock& block) {
  switch (block.tissue.width) {
    case 8: commit<8>(block); break;
    case 16: commit<16>(block); break;
    default: commit<32>(block);
  }
}

}  // namespace krogh::KROGH_ISA
