// Rosenbrock-W step of a group of lines: kinetics by tape, elimination per cell, transport direct.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_block.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::RosenbrockTableau;
using simulate::LineBlock;

constexpr int W = linalg::line_lanes;

KROGH_INLINE double* file_of(const LineBlock& b, int block) {
  return b.files + static_cast<long>(block) * b.file_rows * b.width;
}

template <int L>
KROGH_INLINE double* row(double* file, int number) {
  return file + static_cast<long>(number) * L;
}

/// The cell that place `c` of a block stands for.
template <int L>
KROGH_INLINE long cell_at(const LineBlock& b, int block, int c) {
  const int cell = block * (L / W) + c;
  return cell < b.num_cells ? cell : b.num_cells - 1;
}

/// One number per line, repeated over the cells of a block.
template <int L>
void spread(const double* from, double* target) {
  for (int c = 0; c < L / W; ++c)
    for (int l = 0; l < W; ++l) target[c * W + l] = from[l];
}

/// Cells that a block holds.
template <int L>
KROGH_INLINE int cells_of(const LineBlock& b, int block) {
  const int left = b.num_cells - block * (L / W);
  return left < L / W ? left : L / W;
}

/// Free concentrations of a block's mobile states.
template <int L>
void gather_moving(const LineBlock& b, int block) {
  const int m = b.num_mobile;
  const double* states = row<L>(file_of(b, block), b.state_row);
  for (int j = 0; j < m; ++j) {
    const double* from = states + static_cast<long>(b.mobile[j]) * L;
    for (int c = 0; c < cells_of<L>(b, block); ++c) {
      const long at = (static_cast<long>(block * (L / W) + c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) b.moving[at + l] = from[c * W + l] * b.inverse_fraction[at + l];
    }
  }
}

/// Right-hand sides of a block's mobile states after the elimination of the others.
template <int L>
void gather_reduced(const LineBlock& b, int block) {
  const int m = b.num_mobile;
  const double* rows = row<L>(file_of(b, block), b.reduced_row);
  for (int j = 0; j < m; ++j)
    for (int c = 0; c < cells_of<L>(b, block); ++c) {
      double* to = b.unknowns + (static_cast<long>(block * (L / W) + c) * m + j) * W;
      const double* from = rows + static_cast<long>(j) * L + c * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) to[l] = from[l];
    }
}

/// Concentrations outside at time + alpha h, and with `derivatives` their slopes there.
void evaluate_inputs(const LineBlock& b, double alpha, double* derivatives) {
  double age[W];
  for (int l = 0; l < W; ++l) age[l] = fma_(alpha, b.step_used[l], b.time[l] - b.references[l]);
  for (int k = 0; k < b.num_inputs; ++k) {
    double value[W], slope[W];
    for (int l = 0; l < W; ++l) {
      slope[l] = b.slopes[k * W + l];
      value[l] = fma_(slope[l], age[l], b.bases[k * W + l]);
    }
    for (int t = 0; t < b.num_terms; ++t) {
      const long at = (static_cast<long>(k) * b.num_terms + t) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const double part = b.amplitudes[at + l] * exp_(-b.rates[at + l] * age[l]);
        value[l] += part;
        slope[l] = fma_(-b.rates[at + l], part, slope[l]);
      }
    }
    for (int l = 0; l < W; ++l) b.concentrations[k * W + l] = value[l];
    if (derivatives != nullptr)
      for (int l = 0; l < W; ++l) derivatives[k * W + l] = slope[l];
  }
}

/// carried = transport of the moving values with what enters at the walls. Each face's flux is
/// computed once, so that neighbors agree on it to the last bit.
void transport(const LineBlock& b) {
  const int m = b.num_mobile;
  const long vector = static_cast<long>(m) * W;
  const long last = b.num_cells - 1;
  double flux[16 * W];  // through the face before the cell, inward to outward
  for (int j = 0; j < m; ++j) {
    const int input = b.wall_inputs[j];
    for (int l = 0; l < W; ++l) {
      const double outside = input >= 0 ? b.concentrations[input * W + l] : 0.0;
      flux[j * W + l] = b.conductance[j * W + l] * (outside - b.moving[j * W + l]);
    }
  }
  for (long k = 0; k < last; ++k) {
    const double* conductance = b.conductance + (k + 1) * vector;
    const double* here = b.moving + k * vector;
    double* to = b.carried + k * vector;
    for (int j = 0; j < m; ++j) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const int i = j * W + l;
        const double next = conductance[i] * (here[i] - here[vector + i]);
        to[i] = (flux[i] - next) * b.inverse_volume[k * W + l];
        flux[i] = next;
      }
    }
  }
  for (int j = 0; j < m; ++j) {
    const int input = b.wall_inputs[m + j];
    for (int l = 0; l < W; ++l) {
      const int i = j * W + l;
      const double outside = input >= 0 ? b.concentrations[input * W + l] : 0.0;
      const double next =
          b.conductance[(last + 1) * vector + i] * (b.moving[last * vector + i] - outside);
      b.carried[last * vector + i] = (flux[i] - next) * b.inverse_volume[last * W + l];
    }
  }
}

/// Takes the transport and the explicit dependence on time (weight h gamma_i) off a block's sums.
template <int L>
void subtract_transport(const LineBlock& b, int block, const double* weight) {
  double* file = file_of(b, block);
  double* sums = row<L>(file, b.sum_row);
  const int m = b.num_mobile;
  for (int j = 0; j < m; ++j) {
    double* sum = sums + static_cast<long>(b.mobile[j]) * L;
    for (int c = 0; c < L / W; ++c) {
      const double* from = b.carried + (cell_at<L>(b, block, c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) sum[c * W + l] -= from[l];
    }
  }
  if (weight == nullptr) return;
  if (b.time_slope_row >= 0) {
    alignas(64) double wide[static_cast<unsigned>(L)];
    spread<L>(weight, wide);
    const double* slopes = row<L>(file, b.time_slope_row);
    for (int i = 0; i < b.num_states; ++i) {
      KROGH_SIMD
      for (int l = 0; l < L; ++l)
        sums[static_cast<long>(i) * L + l] = fma_(-wide[l], slopes[static_cast<long>(i) * L + l],
                                                  sums[static_cast<long>(i) * L + l]);
    }
  }
}

/// The explicit dependence of the walls' concentrations on time, into the end cells of `carried`.
void add_wall_derivatives(const LineBlock& b, const double* weight) {
  const long vector = static_cast<long>(b.num_mobile) * W;
  const long last = b.num_cells - 1;
  for (int w = 0; w < 2; ++w)
    for (int j = 0; j < b.num_mobile; ++j) {
      const int input = b.wall_inputs[w * b.num_mobile + j];
      if (input < 0) continue;
      double* cell = b.carried + (w == 0 ? 0 : last * vector) + j * W;
      const double* conductance = b.conductance + (w == 0 ? 0 : (last + 1) * vector) + j * W;
      const double* inverse_volume = b.inverse_volume + (w == 0 ? 0 : last * W);
      for (int l = 0; l < W; ++l)
        cell[l] = fma_(conductance[l] * inverse_volume[l], weight[l] * b.derivatives[input * W + l],
                       cell[l]);
    }
}

/// The ledger of the walls as unknowns of the same stages: its row of the Jacobian is exact, so
/// what enters the tissue and what the ledger says agree to rounding.
void ledger_stage(const RosenbrockTableau& tableau, const LineBlock& b, int stage,
                  const double* inverse_step, const double* weight) {
  const int m = b.num_mobile;
  const long vector = static_cast<long>(m) * W;
  const long last = b.num_cells - 1;
  const long size = 2L * vector;
  for (int w = 0; w < 2; ++w)
    for (int j = 0; j < m; ++j) {
      const long at = w * vector + j * W;
      const long cell = (w == 0 ? 0 : last * vector) + j * W;
      const double* conductance = b.conductance + (w == 0 ? 0 : (last + 1) * vector) + j * W;
      const int input = b.wall_inputs[w * m + j];
      for (int l = 0; l < W; ++l) {
        double total = 0.0;
        for (int s = 0; s < stage; ++s)
          total =
              fma_(tableau.c[stage][s] * tableau.gamma, b.ledger_stages[s * size + at + l], total);
        const double outside = input >= 0 ? b.concentrations[input * W + l] : 0.0;
        double difference = outside - b.moving[cell + l];
        if (input >= 0) difference = fma_(weight[l], b.derivatives[input * W + l], difference);
        difference -= b.unknowns[cell + l] * b.inverse_fraction[cell + l];
        b.ledger_stages[stage * size + at + l] =
            fma_(conductance[l], difference, total * inverse_step[l]) / inverse_step[l];
      }
    }
}

/// Sizes of state and slope in the weighted norm, then the step: the proposal, or for restarting
/// lines the recipe of Hairer, Norsett & Wanner, Solving ODEs I, 1993, II.4; never past the stop.
/// Sums run over the cells of one state, then over the states: an order that does not depend on how
/// cells are cut into blocks.
template <int L>
void choose_step(LineBlock& b) {
  double size[W] = {}, slope[W] = {};
  double* sizes = b.lowest;  // not in use at this point of a step
  double* rates = b.highest;
  for (long q = 0; q < static_cast<long>(b.num_states) * W; ++q) sizes[q] = rates[q] = 0.0;
  bool any = false;
  for (int l = 0; l < W; ++l) any = any || b.restart[l] > 0.0;
  for (int block = 0; any && block < b.num_blocks; ++block) {
    double* file = file_of(b, block);
    const int count = cells_of<L>(b, block);
    for (int i = 0; i < b.num_states; ++i) {
      const double* y = row<L>(file, b.y_row + i);
      const double* f = row<L>(file, b.sum_row + i);
      for (int c = 0; c < count; ++c)
        for (int l = 0; l < W; ++l) {
          const double weight = 1.0 / fma_(b.rtol, __builtin_fabs(y[c * W + l]), b.atol[i]);
          const double value = y[c * W + l] * weight;
          const double rate = f[c * W + l] * weight;
          sizes[i * W + l] = fma_(value, value, sizes[i * W + l]);
          rates[i * W + l] = fma_(rate, rate, rates[i * W + l]);
        }
    }
  }
  for (int i = 0; any && i < b.num_states; ++i)
    for (int l = 0; l < W; ++l) {
      size[l] += sizes[i * W + l];
      slope[l] += rates[i * W + l];
    }
  const double inverse_count = 1.0 / (static_cast<double>(b.num_states) * b.num_cells);
  for (int l = 0; l < W; ++l) {
    const double d0 = __builtin_sqrt(size[l] * inverse_count);
    const double d1 = __builtin_sqrt(slope[l] * inverse_count);
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

/// Values of the next stage and what is already known of its right-hand side.
template <int L, int S>
void combine(const RosenbrockTableau& tableau, const LineBlock& b, double* file) {
  double a[static_cast<unsigned>(S)], c[static_cast<unsigned>(S)];
  for (int s = 0; s < S; ++s) {
    a[s] = tableau.a[S][s];
    c[s] = -(tableau.c[S][s] * tableau.gamma);
  }
  const double* inverse_step = row<L>(file, b.inverse_step_row);
  const double* u = row<L>(file, b.stage_rows[0]);
  const long stride = static_cast<long>(b.num_states) * L;
  for (int i = 0; i < b.num_states; ++i) {
    const long at = static_cast<long>(i) * L;
    const double* y = row<L>(file, b.y_row) + at;
    double* state = row<L>(file, b.state_row) + at;
    double* sum = row<L>(file, b.sum_row) + at;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = y[l];
      double total = 0.0;
      for (int s = 0; s < S; ++s) {
        const double u_s = u[at + s * stride + l];
        value = fma_(a[s], u_s, value);
        total = fma_(c[s], u_s, total);
      }
      state[l] = value;
      sum[l] = total * inverse_step[l];
    }
  }
}

/// End of the step (stiffly accurate: the last stage's values plus its u), error norm and range.
template <int L>
void finish(const RosenbrockTableau& tableau, LineBlock& b, int block, double* largest) {
  double* file = file_of(b, block);
  const long stride = static_cast<long>(b.num_states) * L;
  const int count = cells_of<L>(b, block);
  const double e0 = tableau.e[0], e1 = tableau.e[1], e2 = tableau.e[2], e3 = tableau.e[3];
  for (int i = 0; i < b.num_states; ++i) {
    const long at = static_cast<long>(i) * L;
    const double* y = row<L>(file, b.y_row) + at;
    const double* u = row<L>(file, b.stage_rows[0]) + at;
    double* state = row<L>(file, b.state_row) + at;
    alignas(64) double weighted[static_cast<unsigned>(L)];
    const double atol = b.atol[i];
    const double rtol = b.rtol;
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      const double u3 = u[3 * stride + l];
      const double end = state[l] + u3;
      const double defect =
          fma_(e0, u[l], fma_(e1, u[stride + l], fma_(e2, u[2 * stride + l], e3 * u3)));
      state[l] = end;
      const double before = __builtin_fabs(y[l]);
      const double after = __builtin_fabs(end);
      const double error =
          __builtin_fabs(defect) / fma_(rtol, before > after ? before : after, atol);
      // A value that is not finite at the end must not hide behind an infinite scale.
      weighted[l] = after < 1e300 ? error : __builtin_nan("");
    }
    double* low = b.lowest + static_cast<long>(i) * W;
    double* high = b.highest + static_cast<long>(i) * W;
    double* squares = b.squares + static_cast<long>(i) * W;
    for (int c = 0; c < count; ++c) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const double value = weighted[c * W + l];
        const double end = state[c * W + l];
        squares[l] = fma_(value, value, squares[l]);
        largest[l] = value > largest[l] ? value : largest[l];
        low[l] = end < low[l] ? end : low[l];
        high[l] = end > high[l] ? end : high[l];
      }
    }
  }
}

/// Acceptance and the next step: h safety err^-exponent within limits. The error is the larger of
/// the root mean square and the largest weighted error over `peak`, so that a single cell cannot
/// hide in the mean; a value below -rtol times what its state has reached is refused.
void judge(LineBlock& b, const double* largest) {
  const double inverse_count = 1.0 / (static_cast<double>(b.num_states) * b.num_cells);
  const bool is_fixed = b.control.fixed_step > 0.0;
  for (int l = 0; l < W; ++l) {
    double sum = 0.0;
    for (int i = 0; i < b.num_states; ++i) sum += b.squares[i * W + l];
    const double mean = __builtin_sqrt(sum * inverse_count);
    const double peak = largest[l] / b.peak;
    const double error = mean < peak ? peak : mean;
    const bool finite = error < 1e300;
    bool positive = true;
    for (int i = 0; i < b.num_states; ++i) {
      const double high = b.highest[i * W + l];
      const double scale = b.scale[i * W + l] > high ? b.scale[i * W + l] : high;
      positive = positive && (b.may_be_negative[i] != 0 ||
                              b.lowest[i * W + l] >= -fma_(b.rtol, scale, b.atol[i]));
    }
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

/// Right-hand side and Jacobian at the start of the step; sums hold the negative slopes.
template <int L>
void start(const RosenbrockTableau& tableau, LineBlock& b, double* inverse_step) {
  const int n = b.num_states;
  for (int l = 0; l < W; ++l) b.step_used[l] = 0.0;
  evaluate_inputs(b, 0.0, b.derivatives);
  for (int k = 0; k < b.num_blocks; ++k) {
    double* file = file_of(b, k);
    const double* y = row<L>(file, b.y_row);
    double* states = row<L>(file, b.state_row);
    for (long q = 0; q < static_cast<long>(n) * L; ++q) states[q] = y[q];
    spread<L>(b.time, row<L>(file, b.time_row));
    gather_moving<L>(b, k);
    b.rhs_jacobian->run(file);
    const double* slopes = row<L>(file, b.slope_row);
    double* sums = row<L>(file, b.sum_row);
    for (long q = 0; q < static_cast<long>(n) * L; ++q) sums[q] = -slopes[q];
  }
  transport(b);
  for (int k = 0; k < b.num_blocks; ++k) subtract_transport<L>(b, k, nullptr);
  choose_step<L>(b);
  double weight[W];
  for (int l = 0; l < W; ++l) {
    inverse_step[l] = 1.0 / (b.step_used[l] * tableau.gamma);
    weight[l] = b.step_used[l] * tableau.gamma_i[0];
  }
  for (long q = 0; q < static_cast<long>(b.num_cells) * b.num_mobile * W; ++q) b.carried[q] = 0.0;
  add_wall_derivatives(b, weight);
  const int m = b.num_mobile;
  for (int k = 0; k < b.num_blocks; ++k) {
    double* file = file_of(b, k);
    spread<L>(inverse_step, row<L>(file, b.inverse_step_row));
    subtract_transport<L>(b, k, weight);
    b.first->run(file);
    gather_reduced<L>(b, k);
    const int count = cells_of<L>(b, k);
    for (int e = 0; e < m * m; ++e) {
      const double* from = row<L>(file, b.schur_row + e);
      for (int c = 0; c < count; ++c) {
        double* to = b.transport.blocks + ((static_cast<long>(k) * (L / W) + c) * m * m + e) * W;
        for (int l = 0; l < W; ++l) to[l] = from[c * W + l];
      }
    }
  }
  factor_tridiagonal(b.transport);
}

/// Solution of the mobile states into the stage's rows, then the others by the expand tape.
template <int L>
void complete(const LineBlock& b, int block, int stage) {
  double* file = file_of(b, block);
  const int m = b.num_mobile;
  for (int j = 0; j < m; ++j) {
    double* to = row<L>(file, b.stage_rows[stage] + b.mobile[j]);
    for (int c = 0; c < L / W; ++c) {
      const double* from = b.unknowns + (cell_at<L>(b, block, c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) to[c * W + l] = from[l];
    }
  }
  b.expand[stage]->run(file);
}

template <int L>
void next_stage(const RosenbrockTableau& tableau, LineBlock& b, int stage) {
  double weight[W], stage_time[W];
  for (int l = 0; l < W; ++l) {
    weight[l] = b.step_used[l] * tableau.gamma_i[stage];
    stage_time[l] = fma_(tableau.alpha[stage], b.step_used[l], b.time[l]);
  }
  evaluate_inputs(b, tableau.alpha[stage], nullptr);
  transport(b);
  add_wall_derivatives(b, weight);
  for (int k = 0; k < b.num_blocks; ++k) {
    double* file = file_of(b, k);
    if (b.time_slope_row >= 0) spread<L>(stage_time, row<L>(file, b.time_row));
    subtract_transport<L>(b, k, weight);
    b.stage->run(file);
    gather_reduced<L>(b, k);
  }
}

template <int L>
void step(const RosenbrockTableau& tableau, LineBlock& b) {
  double inverse_step[W], weight[W];
  double largest[W] = {};
  start<L>(tableau, b, inverse_step);
  for (int stage = 0; stage < 4; ++stage) {
    if (stage > 0) next_stage<L>(tableau, b, stage);
    solve_tridiagonal(b.transport, b.unknowns);
    for (int l = 0; l < W; ++l) weight[l] = b.step_used[l] * tableau.gamma_i[stage];
    ledger_stage(tableau, b, stage, inverse_step, weight);
    if (stage == 3)
      for (long q = 0; q < static_cast<long>(b.num_states) * W; ++q) {
        b.squares[q] = 0.0;
        b.lowest[q] = __builtin_inf();
        b.highest[q] = -__builtin_inf();
      }
    for (int k = 0; k < b.num_blocks; ++k) {
      complete<L>(b, k, stage);
      double* file = file_of(b, k);
      switch (stage) {
        case 0: combine<L, 1>(tableau, b, file); break;
        case 1: combine<L, 2>(tableau, b, file); break;
        case 2: combine<L, 3>(tableau, b, file); break;
        default: finish<L>(tableau, b, k, largest);
      }
      if (stage < 3) gather_moving<L>(b, k);
    }
  }
  const long size = 2L * b.num_mobile * W;
  for (long q = 0; q < size; ++q) {
    double sum = b.ledger[q];
    for (int s = 0; s < 4; ++s) sum = fma_(tableau.m[s], b.ledger_stages[s * size + q], sum);
    b.ledger_new[q] = sum;
  }
  judge(b, largest);
}

template <int L>
void commit(LineBlock& b) {
  alignas(64) double accepted[static_cast<unsigned>(L)];
  spread<L>(b.accepted, accepted);
  for (int k = 0; k < b.num_blocks; ++k) {
    double* file = file_of(b, k);
    for (int i = 0; i < b.num_states; ++i) {
      double* y = row<L>(file, b.y_row + i);
      const double* end = row<L>(file, b.state_row + i);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) y[l] = accepted[l] > 0.0 ? end[l] : y[l];
    }
  }
  for (int l = 0; l < W; ++l) {
    if (!(b.accepted[l] > 0.0)) continue;
    for (int q = 0; q < 2 * b.num_mobile; ++q) b.ledger[q * W + l] = b.ledger_new[q * W + l];
    for (int i = 0; i < b.num_states; ++i) {
      const double high = b.highest[i * W + l];
      b.scale[i * W + l] = high > b.scale[i * W + l] ? high : b.scale[i * W + l];
    }
  }
}

}  // namespace

void line_step(const RosenbrockTableau& tableau, LineBlock& block) {
  switch (block.width) {
    case 8: step<8>(tableau, block); break;
    case 16: step<16>(tableau, block); break;
    default: step<32>(tableau, block);
  }
}

void line_commit(LineBlock& block) {
  switch (block.width) {
    case 8: commit<8>(block); break;
    case 16: commit<16>(block); break;
    default: commit<32>(block);
  }
}

}  // namespace krogh::KROGH_ISA
