// What a step does to the tangents of the cells of one model; included by the tangent kernel only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_tangent_block.hpp"
#include "simulate/line_transport.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::LineTangentBlock;
using simulate::TangentCells;
using simulate::TangentPlasma;
using simulate::TangentTerm;
using simulate::TangentTerms;

/// The states of a stage again, from the unknowns that the step has left, and what there is to know
/// for all directions: moved Jacobian entries, curvatures, sources.
template <int L>
void revisit(const RosenbrockTableau& tableau, const LineBlock& b, const LineCells& cells,
             const TangentCells& t, int block, int stage) {
  double* file = file_of(cells, block);
  const long stride = static_cast<long>(cells.num_states) * L;
  const double* y = row<L>(file, cells.y_row);
  const double* u = row<L>(file, cells.stage_rows[0]);
  double* states = row<L>(file, cells.state_row);
  const double* a = tableau.a[stage];
  for (long q = 0; q < stride; q += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = y[q + l];
      for (int s = 0; s < stage; ++s) value = fma_(a[s], u[q + s * stride + l], value);
      states[q + l] = value;
    }
  }
  spread<L>(b.time, row<L>(file, cells.time_row));
  t.curvatures[stage]->run(file);
  if (stage == 0) t.start_entries->run(file);
  double now[W];
  for (int l = 0; l < W; ++l) now[l] = fma_(tableau.alpha[stage], b.step_used[l], b.time[l]);
  spread<L>(now, row<L>(file, cells.time_row));
  t.entries[stage]->run(file);
}

/// Value of a kept state at a stage with the stage's unknown, after `revisit`.
template <int L>
KROGH_INLINE void full_value(const LineCells& cells, double* file, int state, int stage, int c,
                             double* target) {
  const double* now = row<L>(file, cells.state_row + state) + c * W;
  const double* change = row<L>(file, cells.stage_rows[stage] + state) + c * W;
  for (int l = 0; l < W; ++l) target[l] = now[l] + change[l];
}

/// Lines that do not move a parameter are left alone, whatever its derivative may be there.
template <int L>
KROGH_INLINE void add_terms(const LineCells& cells, const TangentCells& t, int block,
                            const TangentTerms& terms, int direction, int stage,
                            const double* weight) {
  double* file = file_of(cells, block);
  for (int k = terms.offsets[direction]; k < terms.offsets[direction + 1]; ++k) {
    const TangentTerm& term = terms.terms[k];
    const double* value = row<L>(file, term.register_ + (term.moves ? stage * t.set_rows : 0));
    const double* move = t.moves + (static_cast<long>(term.other) * cells.num_blocks + block) * L;
    double* target = row<L>(file, t.own_row + term.row);
    const double sign = term.sign;
    if (weight == nullptr) {
      KROGH_SIMD
      for (int l = 0; l < L; ++l)
        target[l] = move[l] != 0.0 ? fma_(sign * move[l], value[l], target[l]) : target[l];
    } else {
      KROGH_SIMD
      for (int l = 0; l < L; ++l)
        target[l] =
            move[l] != 0.0 ? fma_(sign * weight[l] * move[l], value[l], target[l]) : target[l];
    }
  }
}

/// Kinetics' part of q of a block: T s, and what the direction itself contributes at a stage.
template <int L>
void find_kinetic(const LineCells& cells, const TangentCells& t, int block, int direction, int slot,
                  int stage, const double* weight) {
  double* file = file_of(cells, block);
  double* own = row<L>(file, t.own_row);
  const int slot_row = t.slot_row + slot * t.slot_rows;
  const double* linear = row<L>(file, slot_row + t.linear_row);
  for (long q = 0; q < static_cast<long>(cells.num_states) * L; ++q) own[q] = linear[q];
  add_terms<L>(cells, t, block, t.sources, direction, stage, nullptr);
  if (!t.depends_on_time) return;
  alignas(64) double wide[static_cast<unsigned>(L)];
  spread<L>(weight, wide);
  add_terms<L>(cells, t, block, t.time_sources, direction, 0, wide);
  const double* s = row<L>(file, slot_row);
  for (int k = 0; k < t.num_time_slopes; ++k) {
    const TangentTerm& term = t.time_slopes[k];
    const double* value = row<L>(file, term.register_);
    double* target = own + static_cast<long>(term.row) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l)
      target[l] =
          fma_(term.sign * wide[l] * value[l], s[static_cast<long>(term.other) * L + l], target[l]);
  }
}

/// Tangents of one direction in a block.
template <int L>
KROGH_INLINE double* tangent_of(const LineCells& cells, const TangentCells& t, int block,
                                int direction) {
  return t.tangents +
         (static_cast<long>(direction) * cells.num_blocks + block) * cells.num_states * L;
}

/// s of a direction into its slot, and T s of the kinetics.
template <int L>
void begin_slot(const LineCells& cells, const TangentCells& t, int block, int direction, int slot) {
  double* file = file_of(cells, block);
  const double* from = tangent_of<L>(cells, t, block, direction);
  double* to = row<L>(file, t.slot_row + slot * t.slot_rows);
  for (long q = 0; q < static_cast<long>(cells.num_states) * L; ++q) to[q] = from[q];
  t.linear[slot].run(file);
}

/// s at the end of the step, of the lines that accepted it.
template <int L>
void end_slot(const LineCells& cells, const TangentCells& t, int block, int direction, int slot,
              const double* accepted) {
  double* file = file_of(cells, block);
  t.end[slot].run(file);
  const double* from = row<L>(file, t.slot_row + slot * t.slot_rows);
  double* to = tangent_of<L>(cells, t, block, direction);
  for (long q = 0; q < static_cast<long>(cells.num_states) * L; q += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) to[q + l] = accepted[l] > 0.0 ? from[q + l] : to[q + l];
  }
}

/// Puts the states of the end of the step aside, or back.
template <int L>
void save_states(const LineCells& cells, const TangentCells& t, int block, bool is_back) {
  double* file = file_of(cells, block);
  double* states = row<L>(file, cells.state_row);
  double* saved = row<L>(file, t.saved_row);
  const double* from = is_back ? saved : states;
  double* to = is_back ? states : saved;
  for (long q = 0; q < static_cast<long>(cells.num_states) * L; ++q) to[q] = from[q];
}

/// Where a slot keeps the right-hand side, then the solution, of a cell's kept states; the rows of
/// one state after the other are L doubles apart.
template <int L>
KROGH_INLINE double* reduced_of(const LineCells& cells, const TangentCells& t, long cell, int slot,
                                int parity) {
  constexpr int per_block = L / W;
  return row<L>(file_of(cells, static_cast<int>(cell / per_block)),
                t.slot_row + slot * t.slot_rows + t.reduced_rows[parity]) +
         (cell % per_block) * W;
}

/// Where a slot keeps s of a cell's state.
template <int L>
KROGH_INLINE double* slot_state(const LineCells& cells, const TangentCells& t, long cell, int slot,
                                int state) {
  constexpr int per_block = L / W;
  return row<L>(file_of(cells, static_cast<int>(cell / per_block)),
                t.slot_row + slot * t.slot_rows + state) +
         (cell % per_block) * W;
}

}  // namespace
}  // namespace krogh::KROGH_ISA
