// Transport between cells and through walls, and its ledger; included by stepper kernels only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/line_cells.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Free concentrations of a block's mobile states.
template <int L>
void gather_moving(const LineBlock& b, int block) {
  const LineCells& cells = b.tissue;
  const int m = cells.num_kept;
  const double* states = row<L>(file_of(cells, block), cells.state_row);
  for (int j = 0; j < m; ++j) {
    const double* from = states + static_cast<long>(cells.kept[j]) * L;
    for (int c = 0; c < cells_of<L>(cells, block); ++c) {
      const long at = (static_cast<long>(block * (L / W) + c) * m + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l) b.moving[at + l] = from[c * W + l] * b.inverse_fraction[at + l];
    }
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

/// A wall of a chain: its first or last cell, and where its numbers stand.
struct WallPlace {
  long cell;  ///< number of the cell
  long face;  ///< number of the face
  long slot;  ///< number of the wall
};

KROGH_INLINE WallPlace wall_place(const LineBlock& b, int chain, int wall) {
  const long first = b.transport.starts[chain];
  const long end = b.transport.starts[chain + 1];
  return {wall == 0 ? first : end - 1, (wall == 0 ? first : end) + chain, 2L * chain + wall};
}

/// What a mobile state passes a wall by, one number per line: by the difference of C/eps on both
/// sides, and with the flow into the tissue or out of it.
struct Passage {
  const double* conductance;
  const double* inward;
  const double* outward;

  /// Amount that enters per time.
  double operator()(double outside, double inside, int lane) const {
    const double convected = fma_(inward[lane], outside, -(outward[lane] * inside));
    return fma_(conductance[lane], outside - inside, convected);
  }
  double in(int lane) const { return conductance[lane] + inward[lane]; }
  double out(int lane) const { return conductance[lane] + outward[lane]; }
};

KROGH_INLINE Passage passage(const LineBlock& b, const WallPlace& place, int wall, int mobile) {
  const long m = b.tissue.num_kept;
  const long faces = (b.tissue.num_cells + static_cast<long>(b.transport.num_chains)) * m * W;
  const long at = (place.face * m + mobile) * W;
  const double* outward = b.convection + at;
  const double* inward = outward + faces;
  // A flow outward in space enters at the inner wall.
  return wall == 0 ? Passage{b.conductance + at, outward, inward}
                   : Passage{b.conductance + at, inward, outward};
}

/// carried = transport of the moving values with what enters at the walls of a chain. Each face's
/// flux is computed once, so that neighbors agree on it to the last bit.
template <bool HasVelocity>
void transport_chain(const LineBlock& b, int chain) {
  const int m = b.tissue.num_kept;
  const long vector = static_cast<long>(m) * W;
  const long faces = (b.tissue.num_cells + static_cast<long>(b.transport.num_chains)) * vector;
  const long first = b.transport.starts[chain];
  const long last = b.transport.starts[chain + 1] - 1;
  for (int w = 0; w < 2; ++w) {
    const WallPlace place = wall_place(b, chain, w);
    for (int j = 0; j < m; ++j) {
      const int input = b.wall_inputs[place.slot * m + j];
      const Passage through = passage(b, place, w, j);
      const double* inside = b.moving + place.cell * vector + j * W;
      double* inflow = b.inflow + place.slot * vector + j * W;
      for (int l = 0; l < W; ++l)
        inflow[l] = through(input >= 0 ? b.concentrations[input * W + l] : 0.0, inside[l], l);
    }
  }
  double flux[16 * W];  // through the face before the cell, inward to outward
  const double* inflow = b.inflow + 2 * chain * vector;
  for (long i = 0; i < vector; ++i) flux[i] = inflow[i];
  for (long k = first; k < last; ++k) {
    const long face = (k + chain + 1) * vector;
    const double* conductance = b.conductance + face;
    const double* here = b.moving + k * vector;
    double* to = b.carried + k * vector;
    for (int j = 0; j < m; ++j) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const int i = j * W + l;
        double next = conductance[i] * (here[i] - here[vector + i]);
        if constexpr (HasVelocity) {
          next = fma_(b.convection[face + i], here[i], next);
          next = fma_(-b.convection[faces + face + i], here[vector + i], next);
        }
        to[i] = (flux[i] - next) * b.inverse_volume[k * W + l];
        flux[i] = next;
      }
    }
  }
  for (int j = 0; j < m; ++j)
    for (int l = 0; l < W; ++l) {
      const int i = j * W + l;
      b.carried[last * vector + i] =
          (flux[i] + inflow[vector + i]) * b.inverse_volume[last * W + l];
    }
}

void transport(const LineBlock& b) {
  for (int chain = 0; chain < b.transport.num_chains; ++chain) {
    if (b.has_velocity) {
      transport_chain<true>(b, chain);
    } else {
      transport_chain<false>(b, chain);
    }
  }
}

/// The explicit dependence of the inputs on time, into `changes` and the end cells of `carried`.
void add_input_derivatives(const LineBlock& b, const double* weight) {
  const int m = b.tissue.num_kept;
  const long vector = static_cast<long>(m) * W;
  for (int k = 0; k < b.num_inputs; ++k)
    for (int l = 0; l < W; ++l) b.changes[k * W + l] = weight[l] * b.derivatives[k * W + l];
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int w = 0; w < 2; ++w) {
      const WallPlace at = wall_place(b, chain, w);
      for (int j = 0; j < m; ++j) {
        const int input = b.wall_inputs[at.slot * m + j];
        if (input < 0 || input >= b.num_inputs) continue;
        double* cell = b.carried + at.cell * vector + j * W;
        const Passage through = passage(b, at, w, j);
        for (int l = 0; l < W; ++l)
          cell[l] = fma_(through.in(l) * b.inverse_volume[at.cell * W + l],
                         b.changes[input * W + l], cell[l]);
      }
    }
}

/// The ledger of the walls as unknowns of the same stages: its row of the Jacobian is exact, so
/// what enters the tissue and what the ledger says agree to rounding.
void ledger_stage(const RosenbrockTableau& tableau, const LineBlock& b, int stage,
                  const double* inverse_step) {
  const int m = b.tissue.num_kept;
  const long vector = static_cast<long>(m) * W;
  const long size = 2L * b.transport.num_chains * vector;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int w = 0; w < 2; ++w) {
      const WallPlace place = wall_place(b, chain, w);
      for (int j = 0; j < m; ++j) {
        const long at = place.slot * vector + j * W;
        const long cell = place.cell * vector + j * W;
        const Passage through = passage(b, place, w, j);
        const int input = b.wall_inputs[place.slot * m + j];
        for (int l = 0; l < W; ++l) {
          double total = 0.0;
          for (int s = 0; s < stage; ++s)
            total = fma_(tableau.c[stage][s] * tableau.gamma, b.ledger_stages[s * size + at + l],
                         total);
          const double now =
              b.inflow[at + l] + through(input >= 0 ? b.changes[input * W + l] : 0.0,
                                         b.unknowns[cell + l] * b.inverse_fraction[cell + l], l);
          b.ledger_stages[stage * size + at + l] =
              fma_(total, inverse_step[l], now) / inverse_step[l];
        }
      }
    }
}

/// Amounts entered up to the end of the step.
void ledger_end(const RosenbrockTableau& tableau, const LineBlock& b) {
  const long size = 2L * b.transport.num_chains * b.tissue.num_kept * W;
  for (long q = 0; q < size; ++q) {
    double sum = b.ledger[q];
    for (int s = 0; s < 4; ++s) sum = fma_(tableau.m[s], b.ledger_stages[s * size + q], sum);
    b.ledger_new[q] = sum;
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
