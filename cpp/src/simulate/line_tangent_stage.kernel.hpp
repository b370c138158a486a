// What a direction's tangents see of walls, inputs, the moved operator and the plasma at a stage;
// included by the tangent kernel only. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_tangent_cells.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::LinePlasma;

constexpr int PW = simulate::plasma_width;

/// Numbers of one cell in an array (.., mobile, lanes).
KROGH_INLINE long vector_of(const LineBlock& b) { return static_cast<long>(b.tissue.num_kept) * W; }

/// Numbers of an array (cells, mobile, lanes), and of one of walls (chains, 2, mobile, lanes).
KROGH_INLINE long size_of_cells(const LineBlock& b) { return b.tissue.num_cells * vector_of(b); }
KROGH_INLINE long size_of_walls(const LineBlock& b) {
  return 2L * b.transport.num_chains * vector_of(b);
}

/// Concentrations that inputs have outside at a stage, with what their slope adds to the line's
/// stage, and what the tangents need of them.
void evaluate_outside(const RosenbrockTableau& tableau, const LineBlock& b,
                      const LineTangentBlock& t, int stage) {
  double* age = t.ages + stage * W;
  for (int l = 0; l < W; ++l)
    age[l] = fma_(tableau.alpha[stage], b.step_used[l], b.time[l] - b.references[l]);
  for (int k = 0; k < b.num_inputs; ++k) {
    double* value = t.outside + (stage * b.num_inputs + k) * W;
    for (int l = 0; l < W; ++l) value[l] = fma_(b.slopes[k * W + l], age[l], b.bases[k * W + l]);
    for (int j = 0; j < b.num_terms; ++j) {
      const long at = (static_cast<long>(k) * b.num_terms + j) * W;
      double* decay = t.decays + static_cast<long>(stage * b.num_inputs * b.num_terms) * W + at;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        decay[l] = exp_(-b.rates[at + l] * age[l]);
        value[l] = fma_(b.amplitudes[at + l], decay[l], value[l]);
      }
    }
    for (int l = 0; l < W; ++l)
      value[l] = fma_(b.step_used[l] * tableau.gamma_i[stage], b.derivatives[k * W + l], value[l]);
  }
}

/// All that tangents need of the line's own stages.
template <int L>
void revisit_all(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t) {
  const LineCells& cells = b.tissue;
  for (int stage = 0; stage < 4; ++stage) evaluate_outside(tableau, b, t, stage);
  for (int k = 0; k < cells.num_blocks; ++k) {
    save_states<L>(cells, t.tissue, k, false);
    for (int stage = 0; stage < 4; ++stage) {
      revisit<L>(tableau, b, cells, t.tissue, k, stage);
      for (int j = 0; j < cells.num_kept; ++j)
        for (int c = 0; c < cells_of<L>(cells, k); ++c) {
          const long at = (static_cast<long>(k * (L / W) + c) * cells.num_kept + j) * W;
          double* moving = t.moving + stage * size_of_cells(b) + at;
          full_value<L>(cells, file_of(cells, k), cells.kept[j], stage, c, moving);
          for (int l = 0; l < W; ++l) moving[l] *= b.inverse_fraction[at + l];
        }
    }
    save_states<L>(cells, t.tissue, k, true);
  }
  if (b.plasma == nullptr) return;
  const LineCells& blood = b.plasma->cells;
  save_states<PW>(blood, t.plasma->cells, 0, false);
  for (int stage = 0; stage < 4; ++stage) {
    revisit<PW>(tableau, b, blood, t.plasma->cells, 0, stage);
    for (int i = 0; i < blood.num_kept; ++i)
      full_value<PW>(blood, blood.files, blood.kept[i], stage, 0,
                     t.plasma->states + (stage * blood.num_kept + i) * W);
  }
  save_states<PW>(blood, t.plasma->cells, 0, true);
}

/// Change of an input's concentration at a stage, with its explicit dependence on time (weight
/// h gamma_i).
void moved_input(const LineBlock& b, const LineTangentBlock& t, int place, int input, int stage,
                 const double* weight, double* change) {
  const double* age = t.ages + stage * W;
  const long base = (static_cast<long>(place) * b.num_inputs + input) * W;
  double slope[W];
  for (int l = 0; l < W; ++l) {
    slope[l] = t.slopes[base + l];
    change[l] = fma_(slope[l], age[l], t.bases[base + l]);
  }
  for (int j = 0; j < b.num_terms; ++j) {
    const long at = (static_cast<long>(input) * b.num_terms + j) * W;
    const long terms = static_cast<long>(b.num_inputs) * b.num_terms * W;
    const double* decay = t.decays + stage * terms + at;
    const double* first = t.decays + at;  // of the start of the step
    const double* rate = t.rates + place * terms + at;
    const double* amplitude = t.amplitudes + place * terms + at;
    for (int l = 0; l < W; ++l) {
      const double part = fma_(-b.amplitudes[at + l] * rate[l], age[l], amplitude[l]);
      change[l] = fma_(part, decay[l], change[l]);
      const double part_first = fma_(-b.amplitudes[at + l] * rate[l], t.ages[l], amplitude[l]);
      const double fall = fma_(b.rates[at + l], part_first, rate[l] * b.amplitudes[at + l]);
      slope[l] = fma_(-fall, first[l], slope[l]);
    }
  }
  for (int l = 0; l < W; ++l) change[l] = fma_(weight[l], slope[l], change[l]);
}

/// Concentration outside a wall that the line's stage has seen.
void seen_outside(const LineBlock& b, const LineTangentBlock& t, int input, int stage,
                  double* outside) {
  const int exchange = input - b.num_inputs;
  for (int l = 0; l < W; ++l) outside[l] = 0.0;
  if (input >= 0 && exchange < 0) {
    for (int l = 0; l < W; ++l) outside[l] = t.outside[(stage * b.num_inputs + input) * W + l];
  } else if (input >= 0) {
    const LinePlasma& p = *b.plasma;
    const double* state = t.plasma->states + (stage * p.cells.num_kept + p.kept[exchange]) * W;
    for (int l = 0; l < W; ++l) outside[l] = p.outside[exchange * W + l] * state[l];
  }
}

/// Whether a direction lets anything in through the walls besides the tangent's own exchange.
bool moves_walls(const LineTangentBlock& t, int direction) {
  return t.inputs[direction] >= 0 || t.operators[direction] >= 0 ||
         (t.plasma != nullptr && t.plasma->factors[direction] >= 0);
}

/// What a direction lets in through the walls at a stage besides the tangent's own exchange.
void find_wall_flow(const LineBlock& b, const LineTangentBlock& t, int direction, int slot,
                    int stage, const double* weight) {
  const int m = b.tissue.num_kept;
  const long vector = vector_of(b);
  double* flows = t.wall_flow + slot * size_of_walls(b);
  if (!moves_walls(t, direction)) {
    for (long q = 0; q < size_of_walls(b); ++q) flows[q] = 0.0;
    return;
  }
  const int moved = t.inputs[direction];
  const int place = t.operators[direction];
  const int factors = t.plasma != nullptr ? t.plasma->factors[direction] : -1;
  const long faces = size_of_cells(b) + b.transport.num_chains * vector;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int w = 0; w < 2; ++w) {
      const WallPlace wall = wall_place(b, chain, w);
      for (int j = 0; j < m; ++j) {
        const int input = b.wall_inputs[wall.slot * m + j];
        const int exchange = input - b.num_inputs;
        const long face = wall.face * vector + j * W;
        double* flow = flows + wall.slot * vector + j * W;
        double change[W] = {};
        if (input >= 0 && exchange < 0 && moved >= 0) {
          moved_input(b, t, moved, input, stage, weight, change);
        } else if (input >= 0 && exchange >= 0 && factors >= 0) {
          const LinePlasma& p = *b.plasma;
          const double* state =
              t.plasma->states + (stage * p.cells.num_kept + p.kept[exchange]) * W;
          const double* factor =
              t.plasma->outside + (static_cast<long>(factors) * p.num_exchanges + exchange) * W;
          for (int l = 0; l < W; ++l) change[l] = factor[l] * state[l];
        }
        const Passage through = passage(b, wall, w, j);
        for (int l = 0; l < W; ++l) flow[l] = through.in(l) * change[l];
        if (place < 0) continue;
        const long cell = wall.cell * vector + j * W;
        const double* moving = t.moving + stage * size_of_cells(b) + cell;
        const double* conductance = t.conductances + place * faces + face;
        const double* fraction = t.relative_fractions + place * size_of_cells(b) + cell;
        const double* outward = b.has_velocity ? t.convections + 2 * place * faces + face : nullptr;
        double outside[W];
        seen_outside(b, t, input, stage, outside);
        for (int l = 0; l < W; ++l) {
          flow[l] = fma_(through.out(l) * moving[l], fraction[l], flow[l]);
          flow[l] = fma_(conductance[l], outside[l] - moving[l], flow[l]);
        }
        if (outward == nullptr) continue;
        // A flow outward in space enters at the inner wall.
        const double* in = w == 0 ? outward : outward + faces;
        const double* out = w == 0 ? outward + faces : outward;
        for (int l = 0; l < W; ++l) {
          flow[l] = fma_(in[l], outside[l], flow[l]);
          flow[l] = fma_(-out[l], moving[l], flow[l]);
        }
      }
    }
}

/// What the moved operator carries at a stage, with the flow through the walls: moved fluxes, and
/// the line's own fluxes into volumes that move.
template <bool HasVelocity>
void carry(const LineBlock& b, const LineTangentBlock& t, int direction, int slot, int stage) {
  const int m = b.tissue.num_kept;
  const long faces = size_of_cells(b) + b.transport.num_chains * vector_of(b);
  const long vector = vector_of(b);
  const long cells = size_of_cells(b);
  const int place = t.operators[direction];
  const double* moved = t.conductances + place * faces;
  const double* moved_flow = HasVelocity ? t.convections + 2 * place * faces : nullptr;
  const double* fraction = t.relative_fractions + place * cells;
  const double* volume = t.relative_volumes + static_cast<long>(place) * b.tissue.num_cells * W;
  const double* moving = t.moving + stage * cells;
  double* carried = t.carried + slot * cells;
  double flux[16 * W], own[16 * W], last[2][16 * W];
  for (int chain = 0; chain < b.transport.num_chains; ++chain) {
    const double* walls = t.wall_flow + slot * size_of_walls(b) + 2L * chain * vector;
    const long end = b.transport.starts[chain + 1];
    for (int w = 0; w < 2; ++w) {
      const WallPlace wall = wall_place(b, chain, w);
      for (int j = 0; j < m; ++j) {
        double outside[W];
        seen_outside(b, t, b.wall_inputs[wall.slot * m + j], stage, outside);
        const Passage through = passage(b, wall, w, j);
        const double* inside = moving + wall.cell * vector + j * W;
        double* inflow = (w == 0 ? own : last[1]) + j * W;
        for (int l = 0; l < W; ++l) inflow[l] = through(outside[l], inside[l], l);
      }
    }
    for (long i = 0; i < vector; ++i) {
      flux[i] = walls[i];
      last[0][i] = -walls[vector + i];
      last[1][i] = -last[1][i];
    }
    for (long k = b.transport.starts[chain]; k < end; ++k) {
      const bool is_last = k + 1 == end;
      const long here = k * vector;
      const long next_cell = is_last ? here : here + vector;
      const long face = (k + chain + 1) * vector;
      for (int j = 0; j < m; ++j) {
        KROGH_SIMD
        for (int l = 0; l < W; ++l) {
          const int i = j * W + l;
          const double c = moving[here + i];
          const double d = moving[next_cell + i];
          const double bent = fma_(d, fraction[next_cell + i], -c * fraction[here + i]);
          double inner = fma_(moved[face + i], c - d, b.conductance[face + i] * bent);
          double own_inner = b.conductance[face + i] * (c - d);
          if constexpr (HasVelocity) {
            const double outward = b.convection[face + i];
            const double inward = b.convection[faces + face + i];
            inner += moved_flow[face + i] * c - moved_flow[faces + face + i] * d;
            inner += inward * d * fraction[next_cell + i] - outward * c * fraction[here + i];
            own_inner += outward * c - inward * d;
          }
          const double next = is_last ? last[0][i] : inner;
          const double own_next = is_last ? last[1][i] : own_inner;
          const double gain = fma_(-(own[i] - own_next), volume[k * W + l], flux[i] - next);
          carried[here + i] = gain * b.inverse_volume[k * W + l];
          flux[i] = next;
          own[i] = own_next;
        }
      }
    }
  }
}

/// q of a block. Transport comes last: what reactions give and take has then met what balances it.
template <int L>
void find_own(const LineBlock& b, const LineTangentBlock& t, int block, int direction, int slot,
              int stage, const double* weight) {
  const LineCells& cells = b.tissue;
  find_kinetic<L>(cells, t.tissue, block, direction, slot, stage, weight);
  double* own = row<L>(file_of(cells, block), t.tissue.own_row);
  const int m = cells.num_kept;
  const long vector = vector_of(b);
  const double* transported = t.transported + slot * size_of_cells(b);
  const double* carried = t.carried + slot * size_of_cells(b);
  const bool moves_operator = t.operators[direction] >= 0;
  for (int j = 0; j < m; ++j) {
    double* target = own + static_cast<long>(cells.kept[j]) * L;
    for (int c = 0; c < cells_of<L>(cells, block); ++c) {
      const long at = (block * (L / W) + c) * vector + j * W;
      if (moves_operator) {
        KROGH_SIMD
        for (int l = 0; l < W; ++l)
          target[c * W + l] = (target[c * W + l] + transported[at + l]) + carried[at + l];
      } else {
        KROGH_SIMD
        for (int l = 0; l < W; ++l) target[c * W + l] += transported[at + l];
      }
    }
  }
  if (moves_operator || !moves_walls(t, direction)) return;
  // As `carry` has it, to the bit: other lines may move their operator along this direction.
  const double* flows = t.wall_flow + slot * size_of_walls(b);
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int w = 0; w < 2; ++w) {
      const WallPlace wall = wall_place(b, chain, w);
      const bool is_only = wall_place(b, chain, 1 - w).cell == wall.cell;
      if (wall.cell / (L / W) != block || (is_only && w == 1)) continue;
      for (int j = 0; j < m; ++j) {
        double* target = own + static_cast<long>(cells.kept[j]) * L + (wall.cell % (L / W)) * W;
        const double* flow = flows + wall.slot * vector + j * W;
        for (int l = 0; l < W; ++l) {
          const double both = is_only ? flow[l] + flow[vector + l] : flow[l];
          target[l] += both * b.inverse_volume[wall.cell * W + l];
        }
      }
    }
}

/// q of the plasma.
void find_own_of_plasma(const LineBlock& b, const LineTangentBlock& t, int direction, int slot,
                        int stage, const double* weight) {
  const LinePlasma& p = *b.plasma;
  const TangentPlasma& tp = *t.plasma;
  const int m = b.tissue.num_kept;
  find_kinetic<PW>(p.cells, tp.cells, 0, direction, slot, stage, weight);
  double* own = row<PW>(p.cells.files, tp.cells.own_row);
  const double* rates = tp.rates + static_cast<long>(direction) * p.cells.num_states * W;
  for (int i = 0; i < p.cells.num_states; ++i)
    for (int c = 0; c < PW / W; ++c)
      for (int l = 0; l < W; ++l) own[i * PW + c * W + l] += rates[i * W + l];
  double brought[16 * W];
  for (int q = 0; q < p.cells.num_kept * W; ++q)
    brought[q] = tp.brought[static_cast<long>(slot) * p.cells.num_kept * W + q];
  const int factors = tp.factors[direction];
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int e = 0; e < p.num_exchanges; ++e) {
      const WallPlace wall = wall_place(b, chain, p.wall[e]);
      const long at = (wall.slot * m + p.mobile[e]) * W;
      const double* flow = t.wall_flow + slot * size_of_walls(b) + at;
      const long exchange = (static_cast<long>(chain) * p.num_exchanges + e) * W;
      double* target = brought + p.kept[e] * W;
      for (int l = 0; l < W; ++l) target[l] = fma_(-p.uptake[exchange + l], flow[l], target[l]);
      if (factors < 0) continue;
      const long cell = (wall.cell * m + p.mobile[e]) * W;
      const double* moving = t.moving + stage * size_of_cells(b) + cell;
      const Passage through = passage(b, wall, p.wall[e], p.mobile[e]);
      const double* factor =
          tp.uptake + static_cast<long>(factors) * b.transport.num_chains * p.num_exchanges * W +
          exchange;
      double outside[W];
      seen_outside(b, t, b.num_inputs + e, stage, outside);
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-factor[l], through(outside[l], moving[l], l), target[l]);
    }
  for (int i = 0; i < p.cells.num_kept; ++i) {
    double* target = own + static_cast<long>(p.cells.kept[i]) * PW;
    for (int c = 0; c < PW / W; ++c)
      for (int l = 0; l < W; ++l) target[c * W + l] += brought[i * W + l];
  }
}

/// Transport of s of a slot, and what the walls bring its plasma: what kinetics do not give of T s.
template <int L>
void transport_tangent(const LineBlock& b, const LineTangentBlock& t, int slot) {
  const LineCells& cells = b.tissue;
  const int m = cells.num_kept;
  for (int k = 0; k < cells.num_blocks; ++k)
    for (int j = 0; j < m; ++j) {
      const double* s =
          row<L>(file_of(cells, k), t.tissue.slot_row + slot * t.tissue.slot_rows + cells.kept[j]);
      for (int c = 0; c < cells_of<L>(cells, k); ++c) {
        const long at = (static_cast<long>(k * (L / W) + c) * m + j) * W;
        KROGH_SIMD
        for (int l = 0; l < W; ++l) t.free[at + l] = s[c * W + l] * b.inverse_fraction[at + l];
      }
    }
  if (b.plasma != nullptr) {
    const LinePlasma& p = *b.plasma;
    for (int e = 0; e < p.num_exchanges; ++e) {
      const double* s = slot_state<PW>(p.cells, t.plasma->cells, 0, slot, p.cells.kept[p.kept[e]]);
      double* target = t.concentrations + static_cast<long>(b.num_inputs + e) * W;
      for (int l = 0; l < W; ++l) target[l] = p.outside[e * W + l] * s[l];
    }
  }
  LineBlock of_s = b;  // the same operator on other values
  of_s.moving = t.free;
  of_s.carried = t.transported + slot * size_of_cells(b);
  of_s.concentrations = t.concentrations;
  transport(of_s);
  if (b.plasma == nullptr) return;
  const LinePlasma& p = *b.plasma;
  double* brought = t.plasma->brought + static_cast<long>(slot) * p.cells.num_kept * W;
  for (int q = 0; q < p.cells.num_kept * W; ++q) brought[q] = 0.0;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int e = 0; e < p.num_exchanges; ++e) {
      const WallPlace wall = wall_place(b, chain, p.wall[e]);
      const double* inflow = of_s.inflow + (wall.slot * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      double* target = brought + p.kept[e] * W;
      for (int l = 0; l < W; ++l) target[l] = fma_(-uptake[l], inflow[l], target[l]);
    }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
