// The tissue's answer to what stands outside its walls; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_transport.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Adds a concentration outside a wall to the right-hand side of a column A^-1 G.
/// @param column  shape (cells, mobile, lanes).
void add_outside(const LineBlock& b, int chain, int wall, int mobile, const double* outside,
                 double* column) {
  const WallPlace place = wall_place(b, chain, wall);
  const Passage through = passage(b, place, wall, mobile);
  double* target = column + (place.cell * b.tissue.num_kept + mobile) * W;
  for (int l = 0; l < W; ++l)
    target[l] = fma_(through.in(l) * b.inverse_volume[place.cell * W + l],
                     outside == nullptr ? 1.0 : outside[l], target[l]);
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

/// Amount that enters through a wall per unit of what stands outside another wall or of another
/// mobile state: minus what leaves, to which the column is the answer with its sign turned.
void passing(const LineBlock& b, int chain, int wall, int mobile, const double* column,
             double* amount) {
  const WallPlace place = wall_place(b, chain, wall);
  const Passage through = passage(b, place, wall, mobile);
  const long cell = (place.cell * b.tissue.num_kept + mobile) * W;
  for (int l = 0; l < W; ++l)
    amount[l] = through.out(l) * column[cell + l] * b.inverse_fraction[cell + l];
}

/// Amount of a mobile state that enters through a wall per unit of its own concentration outside,
/// where nothing else answers to that: what the chain keeps and what leaves at the other wall.
template <int L>
void entering(const LineBlock& b, int chain, int wall, int mobile, const double* column,
              double* amount) {
  double total[W];
  kept_by_chain<L>(b, chain, mobile, column, total);
  passing(b, chain, 1 - wall, mobile, column, amount);
  for (int l = 0; l < W; ++l) amount[l] = total[l] - amount[l];
}

/// unknowns -= column u over the cells from `first` to before `end`.
void subtract_answer(const LineBlock& b, long first, long end, const double* column,
                     const double* u) {
  const int m = b.tissue.num_kept;
  for (long i = first * m; i < end * m; ++i) {
    KROGH_SIMD
    for (int l = 0; l < W; ++l)
      b.unknowns[i * W + l] = fma_(-column[i * W + l], u[l], b.unknowns[i * W + l]);
  }
}

/// target += A x of one small block per line, of shape (size, size, lanes).
void add_block_product(const double* a, const double* x, double* target, int size) {
  for (int i = 0; i < size; ++i)
    for (int j = 0; j < size; ++j)
      for (int l = 0; l < W; ++l)
        target[i * W + l] = fma_(a[(i * size + j) * W + l], x[j * W + l], target[i * W + l]);
}

}  // namespace
}  // namespace krogh::KROGH_ISA
