// The plasma beside the tissue within a stage: the tissue's answer to it is known once per step, so
// that both are solved together; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_vessel.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::LinePlasma;

constexpr int PW = simulate::plasma_width;

/// Concentrations outside the walls that belong to the plasma of the stage.
void place_outside(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const double* states = row<PW>(p.cells.files, p.cells.state_row);
  for (int e = 0; e < p.num_exchanges; ++e) {
    const double* state = states + static_cast<long>(p.cells.kept[p.kept[e]]) * PW;
    double* target = b.concentrations + static_cast<long>(b.num_inputs + e) * W;
    for (int l = 0; l < W; ++l) target[l] = p.outside[e * W + l] * state[l];
  }
}

/// What the stage's flow through the walls, or through the vessel, and the constant inputs do to
/// the plasma, off its sums.
void subtract_exchange(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int last = b.transport.num_chains - 1;
  for (long q = 0; q < static_cast<long>(p.cells.num_kept) * W; ++q) p.carried[q] = 0.0;
  for (int e = 0; e < p.num_exchanges; ++e) {
    double* target = p.carried + static_cast<long>(p.kept[e]) * W;
    if (b.vessel != nullptr) {
      const double* inlet = b.concentrations + static_cast<long>(b.num_inputs + e) * W;
      const double* outlet = b.vessel->state + (static_cast<long>(last) * m + p.mobile[e]) * W;
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-p.uptake[e * W + l] * b.vessel->flow[l] * b.vessel->inverse_length[l],
                         inlet[l] - outlet[l], target[l]);
      continue;
    }
    for (int chain = 0; chain <= last; ++chain) {
      const WallPlace place = wall_place(b, chain, p.wall[e]);
      const double* inflow = b.inflow + (place.slot * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      for (int l = 0; l < W; ++l) target[l] = fma_(-uptake[l], inflow[l], target[l]);
    }
  }
  subtract_carried<PW>(p.cells, 0, p.carried);
  double* sums = row<PW>(p.cells.files, p.cells.sum_row);
  for (int i = 0; i < p.cells.num_states; ++i)
    for (int c = 0; c < PW / W; ++c)
      for (int l = 0; l < W; ++l) sums[i * PW + c * W + l] -= p.rates[i * W + l];
}

/// Minus the tissue's answer to the kept states of the plasma: A^-1 G, after the factorization.
void find_response(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const long size = static_cast<long>(b.tissue.num_cells) * b.tissue.num_kept * W;
  for (int q = 0; q < p.cells.num_kept; ++q) {
    double* column = p.response + q * size;
    for (long i = 0; i < size; ++i) column[i] = 0.0;
    for (int chain = 0; chain < b.transport.num_chains; ++chain)
      for (int e = 0; e < p.num_exchanges; ++e)
        if (p.kept[e] == q)
          add_outside(b, chain, p.wall[e], p.mobile[e], p.outside + e * W, column);
    solve_tridiagonal(b.transport, column);
  }
}

/// Amount that enters a chain by an exchange per unit of a kept state. Where possible it is what
/// the chain keeps and turns over, which has no cancellation: steps much longer than exchange takes
/// lose no mass.
template <int L>
void uptake_of(const LineBlock& b, int chain, int exchange, int state, const double* column,
               double* amount) {
  const LinePlasma& p = *b.plasma;
  const int j = p.mobile[exchange], wall = p.wall[exchange];
  if (p.kept[exchange] != state) {
    passing(b, chain, wall, j, column, amount);
    return;
  }
  int twin = -1;  // the other wall's exchange with the same state
  for (int f = 0; f < p.num_exchanges; ++f)
    if (p.mobile[f] == j && p.wall[f] != wall && p.kept[f] == state) twin = f;
  if (twin < 0) {
    entering<L>(b, chain, wall, j, column, amount);
    return;
  }
  const double* uptake = p.uptake + static_cast<long>(chain) * p.num_exchanges * W;
  const Passage through = passage(b, wall_place(b, chain, wall), wall, j);
  double total[W];
  kept_by_chain<L>(b, chain, j, column, total);
  passing(b, chain, wall, j, column, amount);
  for (int l = 0; l < W; ++l) {
    if (uptake[exchange * W + l] == uptake[twin * W + l]) {
      amount[l] = wall == 0 ? total[l] : 0.0;  // both walls at once
    } else {
      amount[l] = fma_(through.in(l), p.outside[exchange * W + l], amount[l]);
    }
  }
}

/// Inverse of the plasma's Schur complement: its own, less what the tissue takes per unit of each
/// kept state.
template <int L>
void factor_plasma(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int size = p.cells.num_kept;
  gather_schur<PW>(p.cells, 0, p.inverse);
  if (b.vessel != nullptr) {
    for (int e = 0; e < p.num_exchanges; ++e)
      for (int f = 0; f < p.num_exchanges; ++f) {
        const double* amount =
            b.vessel->kept + (static_cast<long>(p.mobile[e]) * m + p.mobile[f]) * W;
        double* target = p.inverse + (static_cast<long>(p.kept[e]) * size + p.kept[f]) * W;
        for (int l = 0; l < W; ++l)
          target[l] = fma_(-p.uptake[e * W + l] * p.outside[f * W + l], amount[l], target[l]);
      }
    invert_block(p.inverse, size);
    return;
  }
  find_response(b);
  const long column_size = static_cast<long>(b.tissue.num_cells) * m * W;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int q = 0; q < size; ++q)
      for (int e = 0; e < p.num_exchanges; ++e) {
        double amount[W];
        uptake_of<L>(b, chain, e, q, p.response + q * column_size, amount);
        const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
        double* target = p.inverse + (static_cast<long>(p.kept[e]) * size + q) * W;
        for (int l = 0; l < W; ++l) target[l] = fma_(-uptake[l], amount[l], target[l]);
      }
  invert_block(p.inverse, size);
}

/// What the tissue or the end of the vessel, solved with the plasma held, hands back to it.
void add_returned(const LineBlock& b, const double* segments) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int last = b.transport.num_chains - 1;
  for (int e = 0; e < p.num_exchanges; ++e) {
    double* target = p.unknowns + static_cast<long>(p.kept[e]) * W;
    if (b.vessel != nullptr) {
      const double* outlet = segments + (static_cast<long>(last) * m + p.mobile[e]) * W;
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-p.uptake[e * W + l] * b.vessel->flow[l] * b.vessel->inverse_length[l],
                         outlet[l], target[l]);
      continue;
    }
    for (int chain = 0; chain <= last; ++chain) {
      const WallPlace place = wall_place(b, chain, p.wall[e]);
      const Passage through = passage(b, place, p.wall[e], p.mobile[e]);
      const long cell = (place.cell * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-uptake[l] * through.out(l),
                         b.unknowns[cell + l] * b.inverse_fraction[cell + l], target[l]);
    }
  }
}

/// After the tissue was solved with the plasma held: the plasma's unknowns and the tissue's answer
/// to them, by way of the vessel where there is one.
/// @param segments  solution of the segments with the inlet held; completed.
void solve_exchange(const LineBlock& b, double* segments) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int size = p.cells.num_kept;
  add_returned(b, segments);
  double right[16 * W];
  for (int i = 0; i < size * W; ++i) {
    right[i] = p.unknowns[i];
    p.unknowns[i] = 0.0;
  }
  add_block_product(p.inverse, right, p.unknowns, size);
  double inlet[16 * W] = {};
  for (int e = 0; e < p.num_exchanges; ++e)
    for (int l = 0; l < W; ++l) {
      const double change = p.outside[e * W + l] * p.unknowns[p.kept[e] * W + l];
      b.changes[(b.num_inputs + e) * W + l] = change;
      inlet[p.mobile[e] * W + l] = change;
    }
  if (b.vessel != nullptr) {
    complete_segments(b, inlet, segments);
    return;
  }
  const long column_size = static_cast<long>(b.tissue.num_cells) * m * W;
  for (int q = 0; q < size; ++q)
    subtract_answer(b, 0, b.tissue.num_cells, p.response + q * column_size, p.unknowns + q * W);
}

}  // namespace
}  // namespace krogh::KROGH_ISA
