// Capillary segments in series between the plasma and the chains of the tissue, within a stage;
// included by stepper kernels only. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_answer.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::LineVessel;

/// Number of the concentration that stands in a segment.
KROGH_INLINE long segment_row(const LineBlock& b, int chain, int mobile) {
  return b.vessel->first_row + static_cast<long>(chain) * b.tissue.num_kept + mobile;
}

/// Concentrations outside the inner walls are those of the stage in the segments.
void place_segments(const LineBlock& b) {
  const long count = static_cast<long>(b.transport.num_chains) * b.tissue.num_kept * W;
  double* target = b.concentrations + segment_row(b, 0, 0) * W;
  for (long q = 0; q < count; ++q) target[q] = b.vessel->state[q];
}

/// sums -= what flow and walls do to the segments.
void subtract_flow(const LineBlock& b) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int j = 0; j < m; ++j) {
      const long at = (static_cast<long>(chain) * m + j) * W;
      const double* inflow = b.inflow + (2L * chain * m + j) * W;
      const int inlet = v.inlets[j];
      for (int l = 0; l < W; ++l) {
        double before = 0.0;
        if (chain > 0) {
          before = v.state[at - m * W + l];
        } else if (inlet >= 0) {
          before = b.concentrations[inlet * W + l];
        }
        const double gain =
            fma_(v.flow[l], before - v.state[at + l], -(v.length[chain * W + l] * inflow[l]));
        v.sums[at + l] = fma_(-v.inverse_volume[chain * W + l], gain, v.sums[at + l]);
      }
    }
}

/// The explicit dependence of inputs at the inlet on time, off the first segment's sums.
void add_inlet_derivatives(const LineBlock& b) {
  const LineVessel& v = *b.vessel;
  for (int j = 0; j < b.tissue.num_kept; ++j) {
    const int inlet = v.inlets[j];
    if (inlet < 0 || inlet >= b.num_inputs) continue;
    for (int l = 0; l < W; ++l)
      v.sums[j * W + l] =
          fma_(-v.flow[l] * v.inverse_volume[l], b.changes[inlet * W + l], v.sums[j * W + l]);
  }
}

/// States and sums of a stage from the stages before it; the first begins a step.
void combine_segments(const RosenbrockTableau& tableau, const LineBlock& b, int stage,
                      const double* inverse_step) {
  const LineVessel& v = *b.vessel;
  const long size = static_cast<long>(b.transport.num_chains) * b.tissue.num_kept * W;
  for (long q = 0; q < size; ++q) {
    double value = v.y[q];
    double total = 0.0;
    for (int s = 0; s < stage; ++s) {
      value = fma_(tableau.a[stage][s], v.stages[s * size + q], value);
      total = fma_(-(tableau.c[stage][s] * tableau.gamma), v.stages[s * size + q], total);
    }
    v.state[q] = value;
    v.sums[q] = stage == 0 ? 0.0 : total * inverse_step[q % W];
  }
}

/// The answers of the chains to their segments, the segments' pivots from the inlet on, and what
/// all of it keeps per unit of the inlet. Amounts that are kept have no cancellation, other than
/// the difference of what flows in and out.
template <int L>
void factor_segments(const LineBlock& b, const double* inverse_step) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  const int chains = b.transport.num_chains;
  const long column_size = static_cast<long>(b.tissue.num_cells) * m * W;
  const long square = static_cast<long>(m) * m * W;
  for (int q = 0; q < m; ++q) {
    double* column = v.answers + q * column_size;
    for (long i = 0; i < column_size; ++i) column[i] = 0.0;
    for (int chain = 0; chain < chains; ++chain) add_outside(b, chain, 0, q, nullptr, column);
    solve_tridiagonal(b.transport, column);
  }
  for (long e = 0; e < square; ++e) v.kept[e] = 0.0;
  double uptake[16 * 16 * W];
  for (int chain = 0; chain < chains; ++chain) {
    double* inverse = v.inverse + chain * square;
    double* answer = v.response + chain * square;
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j) {
        const double* column = v.answers + j * column_size;
        double amount[W];
        if (i == j) {
          entering<L>(b, chain, 0, i, column, amount);
        } else {
          passing(b, chain, 0, i, column, amount);
        }
        for (int l = 0; l < W; ++l) {
          const int e = (i * m + j) * W + l;
          const double stored = i == j ? inverse_step[l] / v.inverse_volume[chain * W + l] : 0.0;
          uptake[e] = fma_(v.length[chain * W + l], amount[l], stored);
          inverse[e] = (uptake[e] + (i == j ? v.flow[l] : 0.0)) * -v.inverse_volume[chain * W + l];
        }
      }
    invert_block(inverse, m);
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j)
        for (int l = 0; l < W; ++l) {
          const double rate = -v.flow[l] * v.inverse_volume[chain * W + l];
          double sum = chain > 0 ? 0.0 : inverse[(i * m + j) * W + l];
          for (int q = 0; q < m && chain > 0; ++q)
            sum = fma_(inverse[(i * m + q) * W + l], answer[(q * m + j) * W + l - square], sum);
          answer[(i * m + j) * W + l] = rate * sum;
        }
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < m; ++j)
        for (int l = 0; l < W; ++l)
          for (int q = 0; q < m; ++q)
            v.kept[(i * m + j) * W + l] =
                fma_(uptake[(i * m + q) * W + l], answer[(q * m + j) * W + l],
                     v.kept[(i * m + j) * W + l]);
  }
  for (long e = 0; e < square; ++e) v.kept[e] *= v.inverse_length[e % W];
}

/// After the tissue was solved with the segments held: the segments' unknowns with the inlet held.
void solve_segments(const LineBlock& b, double* solution) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  for (int chain = 0; chain < b.transport.num_chains; ++chain) {
    const WallPlace place = wall_place(b, chain, 0);
    double* x = solution + static_cast<long>(chain) * m * W;
    double right[16 * W];
    for (int j = 0; j < m; ++j) {
      const long cell = (place.cell * m + j) * W;
      const Passage through = passage(b, place, 0, j);
      for (int l = 0; l < W; ++l) {
        const double back = v.length[chain * W + l] * through.out(l) * b.unknowns[cell + l] *
                            b.inverse_fraction[cell + l];
        const double before = chain > 0 ? v.flow[l] * x[(j - m) * W + l] : 0.0;
        right[j * W + l] =
            fma_(-v.inverse_volume[chain * W + l], back + before, v.sums[(chain * m + j) * W + l]);
        x[j * W + l] = 0.0;
      }
    }
    add_block_product(v.inverse + static_cast<long>(chain) * m * m * W, right, x, m);
  }
}

/// The segments' answer to the inlet's part of the solution (null: none), and the tissue's to them.
void complete_segments(const LineBlock& b, const double* inlet, double* solution) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  const long column_size = static_cast<long>(b.tissue.num_cells) * m * W;
  for (int chain = 0; chain < b.transport.num_chains; ++chain) {
    double* x = solution + static_cast<long>(chain) * m * W;
    if (inlet != nullptr)
      add_block_product(v.response + static_cast<long>(chain) * m * m * W, inlet, x, m);
    for (int j = 0; j < m; ++j) {
      subtract_answer(b, b.transport.starts[chain], b.transport.starts[chain + 1],
                      v.answers + j * column_size, x + j * W);
      for (int l = 0; l < W; ++l) b.changes[segment_row(b, chain, j) * W + l] = x[j * W + l];
    }
  }
}

/// End of the step in the segments: errors, range and whether a held concentration is too low.
/// @param error  root mean squares; raised in `largest`, the largest of all cells.
void finish_segments(const RosenbrockTableau& tableau, const LineBlock& b, double* error,
                     double* largest, double* positive) {
  const LineVessel& v = *b.vessel;
  const LineCells& cells = b.tissue;
  const int m = cells.num_kept;
  const int chains = b.transport.num_chains;
  const long size = static_cast<long>(chains) * m * W;
  double sum[W] = {};
  for (int l = 0; l < W; ++l) positive[l] = 1.0;
  for (int j = 0; j < m; ++j) {
    const double atol = cells.atol[cells.kept[j]];
    for (int l = 0; l < W; ++l) {
      double high = v.scale[j * W + l], low = 0.0;
      for (int chain = 0; chain < chains; ++chain) {
        const long q = (static_cast<long>(chain) * m + j) * W + l;
        double defect = 0.0;
        for (int s = 0; s < 4; ++s) defect = fma_(tableau.e[s], v.stages[s * size + q], defect);
        const double end = v.state[q] + v.stages[3 * size + q];
        v.state[q] = end;
        const double before = __builtin_fabs(v.y[q]), after = __builtin_fabs(end);
        double weighted =
            __builtin_fabs(defect) / fma_(b.rtol, before > after ? before : after, atol);
        if (!(after < 1e300)) weighted = __builtin_nan("");
        sum[l] = fma_(weighted, weighted, sum[l]);
        largest[l] = weighted > largest[l] ? weighted : largest[l];
        high = end > high ? end : high;
        low = end < low ? end : low;
      }
      v.highest[j * W + l] = high;
      if (cells.may_be_negative[cells.kept[j]] == 0 && low < -fma_(b.rtol, high, atol))
        positive[l] = 0.0;
    }
  }
  for (int l = 0; l < W; ++l) error[l] = __builtin_sqrt(sum[l] / (static_cast<double>(chains) * m));
}

/// Mean squares of the weighted concentrations and slopes, added to `size` and `slope`.
void add_segment_sizes(const LineBlock& b, double* size, double* slope) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  const long count = static_cast<long>(b.transport.num_chains) * m;
  for (long q = 0; q < count; ++q)
    for (int l = 0; l < W; ++l) {
      const double y = v.y[q * W + l];
      const double atol = b.tissue.atol[b.tissue.kept[q % m]];
      const double weight = 1.0 / fma_(b.rtol, __builtin_fabs(y), atol);
      const double value = y * weight, rate = v.sums[q * W + l] * weight;
      size[l] = fma_(value, value / static_cast<double>(count), size[l]);
      slope[l] = fma_(rate, rate / static_cast<double>(count), slope[l]);
    }
}

void commit_segments(const LineBlock& b) {
  const LineVessel& v = *b.vessel;
  const int m = b.tissue.num_kept;
  for (int l = 0; l < W; ++l) {
    if (!(b.accepted[l] > 0.0)) continue;
    for (long q = l; q < static_cast<long>(b.transport.num_chains) * m * W; q += W)
      v.y[q] = v.state[q];
    for (int q = l; q < m * W; q += W) v.scale[q] = v.highest[q];
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
