// What a step does to the cells of one model, tissue or plasma; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "linalg/lane_blocks.kernel.hpp"
#include "simulate/line_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::RosenbrockTableau;
using simulate::LineBlock;
using simulate::LineCells;

KROGH_INLINE double* file_of(const LineCells& cells, int block) {
  return cells.files + static_cast<long>(block) * cells.file_rows * cells.width;
}

template <int L>
KROGH_INLINE double* row(double* file, int number) {
  return file + static_cast<long>(number) * L;
}

/// The cell that place `c` of a block stands for.
template <int L>
KROGH_INLINE long cell_at(const LineCells& cells, int block, int c) {
  const int cell = block * (L / W) + c;
  return cell < cells.num_cells ? cell : cells.num_cells - 1;
}

/// One number per line, repeated over the cells of a block.
template <int L>
void spread(const double* from, double* target) {
  for (int c = 0; c < L / W; ++c)
    for (int l = 0; l < W; ++l) target[c * W + l] = from[l];
}

/// Cells that a block holds.
template <int L>
KROGH_INLINE int cells_of(const LineCells& cells, int block) {
  const int left = cells.num_cells - block * (L / W);
  return left < L / W ? left : L / W;
}

/// Right-hand sides of a block's kept states after the elimination of the others.
/// @param target  shape (cells, kept, lanes).
template <int L>
void gather_reduced(const LineCells& cells, int block, double* target) {
  const int m = cells.num_kept;
  const double* rows = row<L>(file_of(cells, block), cells.reduced_row);
  for (int j = 0; j < m; ++j)
    for (int c = 0; c < cells_of<L>(cells, block); ++c) {
      double* to = target + (static_cast<long>(block * (L / W) + c) * m + j) * W;
      const double* from = rows + static_cast<long>(j) * L + c * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) to[l] = from[l];
    }
}

/// Schur complements of a block's cells.
/// @param target  shape (cells, kept, kept, lanes).
template <int L>
void gather_schur(const LineCells& cells, int block, double* target) {
  const int size = cells.num_kept * cells.num_kept;
  double* file = file_of(cells, block);
  const int count = cells_of<L>(cells, block);
  for (int e = 0; e < size; ++e) {
    const double* from = row<L>(file, cells.schur_row + e);
    for (int c = 0; c < count; ++c) {
      double* to = target + ((static_cast<long>(block) * (L / W) + c) * size + e) * W;
      for (int l = 0; l < W; ++l) to[l] = from[c * W + l];
    }
  }
}

/// Takes what comes from other cells off the sums of a block's kept states.
/// @param carried  shape (cells, kept, lanes).
template <int L>
void subtract_carried(const LineCells& cells, int block, const double* carried) {
  double* sums = row<L>(file_of(cells, block), cells.sum_row);
  const int m = cells.num_kept;
  for (int j = 0; j < m; ++j) {
    double* sum = sums + static_cast<long>(cells.kept[j]) * L;
    for (int c = 0; c < L / W; ++c) {
      const double* from = carried + (cell_at<L>(cells, block, c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) sum[c * W + l] -= from[l];
    }
  }
}

/// Takes the kinetics' explicit dependence on time (weight h gamma_i) off a block's sums.
template <int L>
void subtract_time_slopes(const LineCells& cells, int block, const double* weight) {
  if (cells.time_slope_row < 0) return;
  double* file = file_of(cells, block);
  double* sums = row<L>(file, cells.sum_row);
  alignas(64) double wide[static_cast<unsigned>(L)];
  spread<L>(weight, wide);
  const double* slopes = row<L>(file, cells.time_slope_row);
  for (int i = 0; i < cells.num_states; ++i) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l)
      sums[static_cast<long>(i) * L + l] =
          fma_(-wide[l], slopes[static_cast<long>(i) * L + l], sums[static_cast<long>(i) * L + l]);
  }
}

/// Slopes and Jacobian at the start of the step; sums hold the negative slopes.
template <int L>
void begin_cells(const LineCells& cells, int block, const double* time) {
  const int n = cells.num_states;
  double* file = file_of(cells, block);
  spread<L>(time, row<L>(file, cells.time_row));
  cells.rhs_jacobian->run(file);
  const double* slopes = row<L>(file, cells.slope_row);
  double* sums = row<L>(file, cells.sum_row);
  for (long q = 0; q < static_cast<long>(n) * L; ++q) sums[q] = -slopes[q];
}

/// The states at the start of the step as those of the first stage.
template <int L>
void copy_states(const LineCells& cells, int block) {
  double* file = file_of(cells, block);
  const double* y = row<L>(file, cells.y_row);
  double* states = row<L>(file, cells.state_row);
  for (long q = 0; q < static_cast<long>(cells.num_states) * L; ++q) states[q] = y[q];
}

/// Solution of the kept states into the stage's rows, then the others by the expand tape.
/// @param unknowns  shape (cells, kept, lanes).
template <int L>
void complete(const LineCells& cells, const double* unknowns, int block, int stage) {
  double* file = file_of(cells, block);
  const int m = cells.num_kept;
  for (int j = 0; j < m; ++j) {
    double* to = row<L>(file, cells.stage_rows[stage] + cells.kept[j]);
    for (int c = 0; c < L / W; ++c) {
      const double* from = unknowns + (cell_at<L>(cells, block, c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) to[c * W + l] = from[l];
    }
  }
  cells.expand[stage]->run(file);
}

/// Values of the next stage and what is already known of its right-hand side.
template <int L, int S>
void combine(const RosenbrockTableau& tableau, const LineCells& cells, double* file) {
  double a[static_cast<unsigned>(S)], c[static_cast<unsigned>(S)];
  for (int s = 0; s < S; ++s) {
    a[s] = tableau.a[S][s];
    c[s] = -(tableau.c[S][s] * tableau.gamma);
  }
  const double* inverse_step = row<L>(file, cells.inverse_step_row);
  const double* u = row<L>(file, cells.stage_rows[0]);
  const long stride = static_cast<long>(cells.num_states) * L;
  for (int i = 0; i < cells.num_states; ++i) {
    const long at = static_cast<long>(i) * L;
    const double* y = row<L>(file, cells.y_row) + at;
    double* state = row<L>(file, cells.state_row) + at;
    double* sum = row<L>(file, cells.sum_row) + at;
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
void finish(const RosenbrockTableau& tableau, const LineCells& cells, double rtol, int block,
            double* largest) {
  double* file = file_of(cells, block);
  const long stride = static_cast<long>(cells.num_states) * L;
  const int count = cells_of<L>(cells, block);
  const double e0 = tableau.e[0], e1 = tableau.e[1], e2 = tableau.e[2], e3 = tableau.e[3];
  for (int i = 0; i < cells.num_states; ++i) {
    const long at = static_cast<long>(i) * L;
    const double* y = row<L>(file, cells.y_row) + at;
    const double* u = row<L>(file, cells.stage_rows[0]) + at;
    double* state = row<L>(file, cells.state_row) + at;
    alignas(64) double weighted[static_cast<unsigned>(L)];
    const double atol = cells.atol[i];
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
    double* low = cells.lowest + static_cast<long>(i) * W;
    double* high = cells.highest + static_cast<long>(i) * W;
    double* squares = cells.squares + static_cast<long>(i) * W;
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

/// Values of the next stage, or the end of the step and its error after the last one.
template <int L>
void advance(const RosenbrockTableau& tableau, const LineCells& cells, double rtol, int block,
             int stage, double* largest) {
  double* file = file_of(cells, block);
  switch (stage) {
    case 0: combine<L, 1>(tableau, cells, file); break;
    case 1: combine<L, 2>(tableau, cells, file); break;
    case 2: combine<L, 3>(tableau, cells, file); break;
    default: finish<L>(tableau, cells, rtol, block, largest);
  }
}

/// Clears what `finish` gathers.
void clear_errors(const LineCells& cells) {
  for (long q = 0; q < static_cast<long>(cells.num_states) * W; ++q) {
    cells.squares[q] = 0.0;
    cells.lowest[q] = __builtin_inf();
    cells.highest[q] = -__builtin_inf();
  }
}

/// Mean squares of the weighted states and slopes, added to `size` and `slope`. Sums run over the
/// cells of one state, then over the states: an order that does not depend on how cells are cut
/// into blocks.
template <int L>
void add_sizes(const LineCells& cells, double rtol, double* size, double* slope) {
  double* sizes = cells.lowest;  // not in use at this point of a step
  double* rates = cells.highest;
  for (long q = 0; q < static_cast<long>(cells.num_states) * W; ++q) sizes[q] = rates[q] = 0.0;
  for (int block = 0; block < cells.num_blocks; ++block) {
    double* file = file_of(cells, block);
    const int count = cells_of<L>(cells, block);
    for (int i = 0; i < cells.num_states; ++i) {
      const double* y = row<L>(file, cells.y_row + i);
      const double* f = row<L>(file, cells.sum_row + i);
      for (int c = 0; c < count; ++c)
        for (int l = 0; l < W; ++l) {
          const double weight = 1.0 / fma_(rtol, __builtin_fabs(y[c * W + l]), cells.atol[i]);
          const double value = y[c * W + l] * weight;
          const double rate = f[c * W + l] * weight;
          sizes[i * W + l] = fma_(value, value, sizes[i * W + l]);
          rates[i * W + l] = fma_(rate, rate, rates[i * W + l]);
        }
    }
  }
  const double inverse_count = 1.0 / (static_cast<double>(cells.num_states) * cells.num_cells);
  for (int l = 0; l < W; ++l) {
    double all_sizes = 0.0, all_rates = 0.0;
    for (int i = 0; i < cells.num_states; ++i) {
      all_sizes += sizes[i * W + l];
      all_rates += rates[i * W + l];
    }
    size[l] = fma_(all_sizes, inverse_count, size[l]);
    slope[l] = fma_(all_rates, inverse_count, slope[l]);
  }
}

/// Root mean square of the weighted errors of a lane.
double mean_error(const LineCells& cells, int lane) {
  const double inverse_count = 1.0 / (static_cast<double>(cells.num_states) * cells.num_cells);
  double sum = 0.0;
  for (int i = 0; i < cells.num_states; ++i) sum += cells.squares[i * W + lane];
  return __builtin_sqrt(sum * inverse_count);
}

/// Whether no held state of a lane lies below -rtol times what it has reached.
bool is_positive(const LineCells& cells, double rtol, int lane) {
  bool positive = true;
  for (int i = 0; i < cells.num_states; ++i) {
    const double high = cells.highest[i * W + lane];
    const double scale = cells.scale[i * W + lane] > high ? cells.scale[i * W + lane] : high;
    positive = positive && (cells.may_be_negative[i] != 0 ||
                            cells.lowest[i * W + lane] >= -fma_(rtol, scale, cells.atol[i]));
  }
  return positive;
}

/// Makes the end of the step the new start of the lines that accepted theirs.
template <int L>
void commit_cells(const LineCells& cells, const double* accepted) {
  alignas(64) double wide[static_cast<unsigned>(L)];
  spread<L>(accepted, wide);
  for (int k = 0; k < cells.num_blocks; ++k) {
    double* file = file_of(cells, k);
    for (int i = 0; i < cells.num_states; ++i) {
      double* y = row<L>(file, cells.y_row + i);
      const double* end = row<L>(file, cells.state_row + i);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) y[l] = wide[l] > 0.0 ? end[l] : y[l];
    }
  }
  for (int l = 0; l < W; ++l) {
    if (!(accepted[l] > 0.0)) continue;
    for (int i = 0; i < cells.num_states; ++i) {
      const double high = cells.highest[i * W + l];
      cells.scale[i * W + l] = high > cells.scale[i * W + l] ? high : cells.scale[i * W + l];
    }
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
