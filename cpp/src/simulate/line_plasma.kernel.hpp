// The plasma beside the tissue within a stage: the tissue's answer to it is known once per step, so
// that both are solved together; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_transport.kernel.hpp"

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

/// What the stage's flow through the walls and the constant inputs do to the plasma, off its sums.
void subtract_exchange(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  for (long q = 0; q < static_cast<long>(p.cells.num_kept) * W; ++q) p.carried[q] = 0.0;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int e = 0; e < p.num_exchanges; ++e) {
      const WallPlace place = wall_place(b, chain, p.wall[e]);
      const double* inflow = b.inflow + (place.slot * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      double* target = p.carried + static_cast<long>(p.kept[e]) * W;
      for (int l = 0; l < W; ++l) target[l] = fma_(-uptake[l], inflow[l], target[l]);
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
  const int m = b.tissue.num_kept;
  const long size = static_cast<long>(b.tissue.num_cells) * m * W;
  for (int q = 0; q < p.cells.num_kept; ++q) {
    double* column = p.response + q * size;
    for (long i = 0; i < size; ++i) column[i] = 0.0;
    for (int chain = 0; chain < b.transport.num_chains; ++chain)
      for (int e = 0; e < p.num_exchanges; ++e) {
        if (p.kept[e] != q) continue;
        const WallPlace place = wall_place(b, chain, p.wall[e]);
        double* target = column + (place.cell * m + p.mobile[e]) * W;
        const double* conductance = b.conductance + (place.face * m + p.mobile[e]) * W;
        for (int l = 0; l < W; ++l)
          target[l] = fma_(conductance[l] * b.inverse_volume[place.cell * W + l],
                           p.outside[e * W + l], target[l]);
      }
    solve_tridiagonal(b.transport, column);
  }
}

/// Amount of a mobile state that enters a chain through both walls per unit of a plasma state, by
/// what its cells keep and turn over: unlike the difference of what stands on the two sides of a
/// wall it has no cancellation, so that steps much longer than exchange takes lose no mass.
template <int L>
void kept_by_chain(const LineBlock& b, int chain, int mobile, const double* column, double* total) {
  const LineCells& cells = b.tissue;
  const int m = cells.num_kept;
  for (int l = 0; l < W; ++l) total[l] = 0.0;
  for (int k = b.transport.starts[chain]; k < b.transport.starts[chain + 1]; ++k) {
    const double* schur =
        row<L>(file_of(cells, k / (L / W)), cells.schur_row + mobile * m) + (k % (L / W)) * W;
    double sum[W] = {};
    for (int j = 0; j < m; ++j) {
      const double* x = column + (static_cast<long>(k) * m + j) * W;
      for (int l = 0; l < W; ++l) sum[l] = fma_(schur[static_cast<long>(j) * L + l], x[l], sum[l]);
    }
    for (int l = 0; l < W; ++l) total[l] = fma_(b.volume[k * W + l], sum[l], total[l]);
  }
}

/// Inverse of the plasma's Schur complement: its own, less what the tissue takes per unit of each
/// kept state.
template <int L>
void factor_plasma(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int size = p.cells.num_kept;
  const long column_size = static_cast<long>(b.tissue.num_cells) * m * W;
  gather_schur<PW>(p.cells, 0, p.inverse);
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int q = 0; q < size; ++q) {
      const double* column = p.response + q * column_size;
      for (int e = 0; e < p.num_exchanges; ++e) {
        const int j = p.mobile[e];
        const int other_wall = 1 - p.wall[e];
        const WallPlace place = wall_place(b, chain, p.wall[e]);
        const WallPlace other = wall_place(b, chain, other_wall);
        const double* conductance = b.conductance + (place.face * m + j) * W;
        const double* across = b.conductance + (other.face * m + j) * W;
        const long here = (place.cell * m + j) * W;
        const long there = (other.cell * m + j) * W;
        int twin = -1;  // the other wall's exchange with the same state
        for (int f = 0; f < p.num_exchanges; ++f)
          if (p.mobile[f] == j && p.wall[f] == other_wall && p.kept[f] == q) twin = f;
        const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
        double* target = p.inverse + (static_cast<long>(p.kept[e]) * size + q) * W;
        double total[W];
        if (p.kept[e] == q) kept_by_chain<L>(b, chain, j, column, total);
        for (int l = 0; l < W; ++l) {
          // The column is minus the answer: what leaves through a wall stands there with a plus.
          const double leaving = conductance[l] * column[here + l] * b.inverse_fraction[here + l];
          double entering = leaving;
          if (p.kept[e] == q && twin < 0) {
            entering = total[l] - across[l] * column[there + l] * b.inverse_fraction[there + l];
          } else if (p.kept[e] == q) {
            const bool is_same =
                p.uptake[(static_cast<long>(chain) * p.num_exchanges + twin) * W + l] == uptake[l];
            entering = !is_same ? fma_(conductance[l], p.outside[e * W + l], leaving)
                                : (p.wall[e] == 0 ? total[l] : 0.0);  // both walls at once
          }
          target[l] = fma_(-uptake[l], entering, target[l]);
        }
      }
    }
  invert_block(p.inverse, size);
}

/// After the tissue was solved with the plasma held: the plasma's unknowns, and the tissue's answer
/// to them.
void solve_exchange(const LineBlock& b) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int size = p.cells.num_kept;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int e = 0; e < p.num_exchanges; ++e) {
      const WallPlace place = wall_place(b, chain, p.wall[e]);
      const long cell = (place.cell * m + p.mobile[e]) * W;
      const double* conductance = b.conductance + (place.face * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      double* target = p.unknowns + static_cast<long>(p.kept[e]) * W;
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-uptake[l] * conductance[l],
                         b.unknowns[cell + l] * b.inverse_fraction[cell + l], target[l]);
    }
  double right[16 * W];
  for (int i = 0; i < size * W; ++i) right[i] = p.unknowns[i];
  for (int i = 0; i < size; ++i)
    for (int l = 0; l < W; ++l) {
      double sum = 0.0;
      for (int j = 0; j < size; ++j)
        sum = fma_(p.inverse[(i * size + j) * W + l], right[j * W + l], sum);
      p.unknowns[i * W + l] = sum;
    }
  const long vectors = static_cast<long>(b.tissue.num_cells) * m;
  for (int q = 0; q < size; ++q) {
    const double* column = p.response + q * vectors * W;
    const double* u = p.unknowns + q * W;
    for (long i = 0; i < vectors; ++i) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l)
        b.unknowns[i * W + l] = fma_(-column[i * W + l], u[l], b.unknowns[i * W + l]);
    }
  }
  for (int e = 0; e < p.num_exchanges; ++e)
    for (int l = 0; l < W; ++l)
      b.changes[(b.num_inputs + e) * W + l] = p.outside[e * W + l] * p.unknowns[p.kept[e] * W + l];
}

}  // namespace
}  // namespace krogh::KROGH_ISA
