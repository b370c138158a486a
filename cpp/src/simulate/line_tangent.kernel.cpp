// Tangents of a group of lines over a step: sums and elimination by tape, transport direct.
// SPDX-License-Identifier: BSD-3-Clause
#pragma GCC diagnostic ignored "-Wunused-function"  // of what kernels share, parts are needed here
#include "simulate/line_tangent_stage.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Solves the mobile states of R slots in place, in the rows of the register files; operations on
/// each are those of solve_tridiagonal.
template <int M, int R, int L>
void solve_chain(const LineBlock& b, const LineTangentBlock& t, int chain, int parity) {
  const linalg::BlockTridiagonal& s = b.transport;
  const int m = M > 0 ? M : s.block_size;
  const long vector = static_cast<long>(m) * W;
  constexpr int bound = M > 0 ? M : 16;
  Lanes carried[R][bound], product[R][bound];
  const int first = s.starts[chain];
  const int end = s.starts[chain + 1];
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < m; ++i) carried[r][i] = Lanes{};
  for (int k = first; k < end; ++k) {
    const double* lower = s.lower + k * vector;
    const double* inverse = s.blocks + k * vector * m;
    for (int r = 0; r < R; ++r) {
      double* x = reduced_of<L>(b.tissue, t.tissue, k, r, parity);
      for (int i = 0; i < m; ++i) {
        product[r][i] = lanes_at(x + i * L);
        add_product<-1>(product[r][i], lanes_at(lower + i * W), carried[r][i]);
      }
      multiply<M>(inverse, product[r], carried[r], m);
      for (int i = 0; i < m; ++i) lanes_at(x + i * L) = carried[r][i];
    }
  }
  for (int k = end - 2; k >= first; --k) {
    const double* upper = s.upper + k * vector;
    const double* inverse = s.blocks + k * vector * m;
    for (int r = 0; r < R; ++r) {
      double* x = reduced_of<L>(b.tissue, t.tissue, k, r, parity);
      for (int i = 0; i < m; ++i) carried[r][i] *= lanes_at(upper + i * W);
      multiply<M>(inverse, carried[r], product[r], m);
      for (int i = 0; i < m; ++i) {
        carried[r][i] = lanes_at(x + i * L) - product[r][i];
        lanes_at(x + i * L) = carried[r][i];
      }
    }
  }
}

template <int R, int L>
void solve(const LineBlock& b, const LineTangentBlock& t, int parity) {
  for (int chain = 0; chain < b.transport.num_chains; ++chain) switch (b.tissue.num_kept) {
      case 1: solve_chain<1, R, L>(b, t, chain, parity); break;
      case 2: solve_chain<2, R, L>(b, t, chain, parity); break;
      case 3: solve_chain<3, R, L>(b, t, chain, parity); break;
      case 4: solve_chain<4, R, L>(b, t, chain, parity); break;
      default: solve_chain<0, R, L>(b, t, chain, parity);
    }
}

/// After the tissue was solved with the plasma held: the plasma's part, and the tissue's answer to
/// it, as in solve_exchange.
template <int L>
void solve_exchange(const LineBlock& b, const LineTangentBlock& t, int slot, int parity) {
  const LinePlasma& p = *b.plasma;
  const int m = b.tissue.num_kept;
  const int size = p.cells.num_kept;
  double* rows = reduced_of<PW>(p.cells, t.plasma->cells, 0, slot, parity);
  double right[16 * W];
  for (int i = 0; i < size; ++i)
    for (int l = 0; l < W; ++l) right[i * W + l] = rows[i * PW + l];
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int e = 0; e < p.num_exchanges; ++e) {
      const WallPlace wall = wall_place(b, chain, p.wall[e]);
      const double* v =
          reduced_of<L>(b.tissue, t.tissue, wall.cell, slot, parity) + p.mobile[e] * L;
      const Passage through = passage(b, wall, p.wall[e], p.mobile[e]);
      const double* inverse_fraction = b.inverse_fraction + (wall.cell * m + p.mobile[e]) * W;
      const double* uptake = p.uptake + (static_cast<long>(chain) * p.num_exchanges + e) * W;
      double* target = right + p.kept[e] * W;
      for (int l = 0; l < W; ++l)
        target[l] = fma_(-uptake[l] * through.out(l), v[l] * inverse_fraction[l], target[l]);
    }
  double solution[16 * W];
  for (int i = 0; i < size; ++i)
    for (int l = 0; l < W; ++l) {
      double sum = 0.0;
      for (int j = 0; j < size; ++j)
        sum = fma_(p.inverse[(i * size + j) * W + l], right[j * W + l], sum);
      solution[i * W + l] = sum;
      for (int c = 0; c < PW / W; ++c) rows[i * PW + c * W + l] = sum;
    }
  for (int q = 0; q < size; ++q) {
    const double* column = p.response + q * size_of_cells(b);
    for (long k = 0; k < b.tissue.num_cells; ++k) {
      double* x = reduced_of<L>(b.tissue, t.tissue, k, slot, parity);
      for (int j = 0; j < m; ++j) {
        KROGH_SIMD
        for (int l = 0; l < W; ++l)
          x[j * L + l] = fma_(-column[(k * m + j) * W + l], solution[q * W + l], x[j * L + l]);
      }
    }
  }
}

/// Places past the last cell repeat it.
template <int L>
void repeat_last(const LineBlock& b, const LineTangentBlock& t, int slot, int parity) {
  const LineCells& cells = b.tissue;
  const double* last = reduced_of<L>(cells, t.tissue, cells.num_cells - 1, slot, parity);
  for (long k = cells.num_cells; k < static_cast<long>(cells.num_blocks) * (L / W); ++k) {
    double* x = reduced_of<L>(cells, t.tissue, k, slot, parity);
    for (int j = 0; j < cells.num_kept; ++j)
      for (int l = 0; l < W; ++l) x[j * L + l] = last[j * L + l];
  }
}

/// The ledger's unknown of a stage, as in the line's own step.
template <int L>
void ledger_stage(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t,
                  int slot, int stage, const double* inverse_step) {
  const LineCells& cells = b.tissue;
  const int m = cells.num_kept;
  const long walls = size_of_walls(b);
  double* stages = t.ledger_stages + 4 * slot * walls;
  for (int chain = 0; chain < b.transport.num_chains; ++chain)
    for (int w = 0; w < 2; ++w) {
      const WallPlace wall = wall_place(b, chain, w);
      const double* v = reduced_of<L>(cells, t.tissue, wall.cell, slot, stage % 2);
      for (int j = 0; j < m; ++j) {
        const double* s = slot_state<L>(cells, t.tissue, wall.cell, slot, cells.kept[j]);
        const Passage through = passage(b, wall, w, j);
        const double* inverse_fraction = b.inverse_fraction + (wall.cell * m + j) * W;
        double outside[W] = {};
        const int e = b.wall_inputs[wall.slot * m + j] - b.num_inputs;
        if (e >= 0) {
          const LinePlasma& p = *b.plasma;
          const TangentCells& tp = t.plasma->cells;
          const double* blood = slot_state<PW>(p.cells, tp, 0, slot, p.cells.kept[p.kept[e]]);
          const double* change = reduced_of<PW>(p.cells, tp, 0, slot, stage % 2) + p.kept[e] * PW;
          for (int l = 0; l < W; ++l) outside[l] = p.outside[e * W + l] * (blood[l] - change[l]);
        }
        for (int l = 0; l < W; ++l) {
          const long at = (wall.slot * m + j) * W + l;
          double total = 0.0;
          for (int i = 0; i < stage; ++i)
            total = fma_(tableau.c[stage][i] * tableau.gamma, stages[i * walls + at], total);
          const double inside = (s[l] - v[j * L + l]) * inverse_fraction[l];
          const double flow = through(outside[l], inside, l) + t.wall_flow[slot * walls + at];
          stages[stage * walls + at] = fma_(total, inverse_step[l], flow) / inverse_step[l];
        }
      }
    }
}

/// Right-hand sides of a stage of R directions from `first` on, after the solution of the one
/// before.
template <int R, int L>
void prepare_stage(const LineBlock& b, const LineTangentBlock& t, int first, int stage,
                   const double* weight) {
  for (int r = 0; r < R; ++r) {
    find_wall_flow(b, t, first + r, r, stage, weight);
    if (t.operators[first + r] < 0) continue;
    if (b.has_velocity) {
      carry<true>(b, t, first + r, r, stage);
    } else {
      carry<false>(b, t, first + r, r, stage);
    }
  }
  auto run = [stage](const TangentCells& cells, int slot, double* file) {
    (stage == 0 ? cells.begin[slot] : cells.advance[stage - 1][slot]).run(file);
  };
  for (int k = 0; k < b.tissue.num_blocks; ++k)
    for (int r = 0; r < R; ++r) {
      find_own<L>(b, t, k, first + r, r, stage, weight);
      run(t.tissue, r, file_of(b.tissue, k));
    }
  for (int r = 0; r < R && b.plasma != nullptr; ++r) {
    find_own_of_plasma(b, t, first + r, r, stage, weight);
    run(t.plasma->cells, r, b.plasma->cells.files);
  }
}

/// All stages of R directions from `first` on.
template <int R, int L>
void run_batch(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t,
               int first, const double* inverse_step) {
  for (int k = 0; k < b.tissue.num_blocks; ++k)
    for (int r = 0; r < R; ++r) begin_slot<L>(b.tissue, t.tissue, k, first + r, r);
  for (int r = 0; r < R && b.plasma != nullptr; ++r)
    begin_slot<PW>(b.plasma->cells, t.plasma->cells, 0, first + r, r);
  for (int r = 0; r < R; ++r) transport_tangent<L>(b, t, r);
  for (int stage = 0; stage < 4; ++stage) {
    double weight[W];
    for (int l = 0; l < W; ++l) weight[l] = b.step_used[l] * tableau.gamma_i[stage];
    prepare_stage<R, L>(b, t, first, stage, weight);
    solve<R, L>(b, t, stage % 2);
    for (int r = 0; r < R; ++r) {
      if (b.plasma != nullptr) solve_exchange<L>(b, t, r, stage % 2);
      repeat_last<L>(b, t, r, stage % 2);
      ledger_stage<L>(tableau, b, t, r, stage, inverse_step);
    }
  }
  alignas(64) double accepted[static_cast<unsigned>(L > PW ? L : PW)];
  spread<(L > PW ? L : PW)>(b.accepted, accepted);
  for (int k = 0; k < b.tissue.num_blocks; ++k)
    for (int r = 0; r < R; ++r) end_slot<L>(b.tissue, t.tissue, k, first + r, r, accepted);
  for (int r = 0; r < R && b.plasma != nullptr; ++r)
    end_slot<PW>(b.plasma->cells, t.plasma->cells, 0, first + r, r, accepted);
  const long walls = size_of_walls(b);
  for (int r = 0; r < R; ++r) {
    const double* stages = t.ledger_stages + 4 * r * walls;
    double* ledger = t.ledger + (first + r) * walls;
    for (long q = 0; q < walls; ++q) {
      double sum = ledger[q];
      for (int s = 0; s < 4; ++s) sum = fma_(tableau.m[s], stages[s * walls + q], sum);
      ledger[q] = b.accepted[q % W] > 0.0 ? sum : ledger[q];
    }
  }
}

template <int L>
void step(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t) {
  bool any = false;
  for (int l = 0; l < W; ++l) any = any || b.accepted[l] > 0.0;
  if (!any) return;
  double inverse_step[W];
  for (int l = 0; l < W; ++l) inverse_step[l] = 1.0 / (b.step_used[l] * tableau.gamma);
  revisit_all<L>(tableau, b, t);
  int first = 0;
  for (; t.num_directions - first >= 4 && t.num_slots >= 4; first += 4)
    run_batch<4, L>(tableau, b, t, first, inverse_step);
  for (; t.num_directions - first >= 2 && t.num_slots >= 2; first += 2)
    run_batch<2, L>(tableau, b, t, first, inverse_step);
  for (; first < t.num_directions; ++first) run_batch<1, L>(tableau, b, t, first, inverse_step);
}

}  // namespace

void line_tangent_step(const RosenbrockTableau& tableau, LineBlock& block,
                       LineTangentBlock& tangent) {
  switch (block.tissue.width) {
    case 8: step<8>(tableau, block, tangent); break;
    case 16: step<16>(tableau, block, tangent); break;
    default: step<32>(tableau, block, tangent);
  }
}

}  // namespace krogh::KROGH_ISA
