// Tangents of a group of lines over a step: sums and elimination by tape, transport direct.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/line_tangent_block.hpp"

#include "base/kernel_math.hpp"
#include "linalg/lane_blocks.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::RosenbrockTableau;
using simulate::LineBlock;
using simulate::LineTangentBlock;
using simulate::TangentTerm;
using simulate::TangentTerms;

KROGH_INLINE double* file_of(const LineBlock& b, int block) {
  return b.files + static_cast<long>(block) * b.file_rows * b.width;
}

template <int L>
KROGH_INLINE double* row(double* file, int number) {
  return file + static_cast<long>(number) * L;
}

template <int L>
void spread(const double* from, double* target) {
  for (int c = 0; c < L / W; ++c)
    for (int l = 0; l < W; ++l) target[c * W + l] = from[l];
}

template <int L>
KROGH_INLINE int cells_of(const LineBlock& b, int block) {
  const int left = b.num_cells - block * (L / W);
  return left < L / W ? left : L / W;
}

/// Numbers of one row of lanes of an array (.., mobile, lanes).
KROGH_INLINE long vector_of(const LineBlock& b) { return static_cast<long>(b.num_mobile) * W; }

/// Concentrations outside at a stage, with what the tangents need of them.
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
  }
}

/// The states of a stage again, from the unknowns that the step has left, and what there is to know
/// for all directions: moved Jacobian entries, curvatures, sources, free concentrations.
template <int L>
void revisit(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t,
             int block, int stage) {
  double* file = file_of(b, block);
  const long stride = static_cast<long>(b.num_states) * L;
  const double* y = row<L>(file, b.y_row);
  const double* u = row<L>(file, b.stage_rows[0]);
  double* states = row<L>(file, b.state_row);
  const double* a = tableau.a[stage];
  for (long q = 0; q < stride; q += L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = y[q + l];
      for (int s = 0; s < stage; ++s) value = fma_(a[s], u[q + s * stride + l], value);
      states[q + l] = value;
    }
  }
  double now[W];
  spread<L>(b.time, row<L>(file, b.time_row));
  t.curvatures[stage]->run(file);
  if (stage == 0) t.start_entries->run(file);
  for (int l = 0; l < W; ++l) now[l] = fma_(tableau.alpha[stage], b.step_used[l], b.time[l]);
  spread<L>(now, row<L>(file, b.time_row));
  t.entries[stage]->run(file);
  double* moving = t.moving + stage * b.num_cells * vector_of(b);
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* from = states + static_cast<long>(b.mobile[j]) * L;
    const double* change = u + stage * stride + static_cast<long>(b.mobile[j]) * L;
    for (int c = 0; c < cells_of<L>(b, block); ++c) {
      const long at = (static_cast<long>(block * (L / W) + c) * b.num_mobile + j) * W;
      KROGH_SIMD
      for (int l = 0; l < W; ++l)
        moving[at + l] = (from[c * W + l] + change[c * W + l]) * b.inverse_fraction[at + l];
    }
  }
}

/// Change of an input's concentration at a stage, with its explicit dependence on time (weight
/// h gamma_i); `change` and `slope` are left as they are where the direction moves no input.
void moved_input(const LineBlock& b, const LineTangentBlock& t, int place, int input, int stage,
                 const double* weight, double* change) {
  if (place < 0) return;
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

/// What a direction lets in through the walls at a stage besides the tangent's own exchange.
void find_wall_flow(const LineBlock& b, const LineTangentBlock& t, int direction, int slot,
                    int stage, const double* weight) {
  const int m = b.num_mobile;
  const long vector = vector_of(b);
  const long last = b.num_cells - 1;
  const int input_place = t.inputs[direction];
  const int place = t.operators[direction];
  for (int w = 0; w < 2; ++w)
    for (int j = 0; j < m; ++j) {
      const int input = b.wall_inputs[w * m + j];
      const long cell = (w == 0 ? 0 : last) * vector + j * W;
      const long face = (w == 0 ? 0 : last + 1) * vector + j * W;
      double* flow = t.wall_flow + (slot * 2 + w) * vector + j * W;
      double change[W] = {};
      if (input >= 0) moved_input(b, t, input_place, input, stage, weight, change);
      for (int l = 0; l < W; ++l) flow[l] = b.conductance[face + l] * change[l];
      if (place < 0) continue;
      const double* moving = t.moving + stage * b.num_cells * vector + cell;
      const double* conductance = t.conductances + place * (b.num_cells + 1) * vector + face;
      const double* fraction = t.relative_fractions + place * b.num_cells * vector + cell;
      for (int l = 0; l < W; ++l) {
        double outside = 0.0;
        if (input >= 0)
          outside = fma_(weight[l], b.derivatives[input * W + l],
                         t.outside[(stage * b.num_inputs + input) * W + l]);
        flow[l] = fma_(b.conductance[face + l] * moving[l], fraction[l], flow[l]);
        flow[l] = fma_(conductance[l], outside - moving[l], flow[l]);
      }
    }
}

/// What the moved operator carries at a stage, with the flow through the walls.
void carry(const LineBlock& b, const LineTangentBlock& t, int direction, int slot, int stage) {
  const int m = b.num_mobile;
  const long vector = vector_of(b);
  const long cells = b.num_cells * vector;
  const int place = t.operators[direction];
  const double* moved = t.conductances + place * (cells + vector);
  const double* fraction = t.relative_fractions + place * cells;
  const double* moving = t.moving + stage * cells;
  const double* walls = t.wall_flow + slot * 2 * vector;
  double* carried = t.carried + slot * cells;
  double flux[16 * W];
  for (long i = 0; i < vector; ++i) flux[i] = walls[i];
  for (long k = 0; k < b.num_cells; ++k) {
    const bool is_last = k + 1 == b.num_cells;
    const long here = k * vector;
    const long next_cell = is_last ? here : here + vector;
    for (int j = 0; j < m; ++j) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const int i = j * W + l;
        const double c = moving[here + i];
        const double d = moving[next_cell + i];
        const double bent = fma_(d, fraction[next_cell + i], -c * fraction[here + i]);
        const double inner =
            fma_(moved[here + vector + i], c - d, b.conductance[here + vector + i] * bent);
        const double next = is_last ? -walls[vector + i] : inner;
        carried[here + i] = (flux[i] - next) * b.inverse_volume[k * W + l];
        flux[i] = next;
      }
    }
  }
}

/// Lines that do not move a parameter are left alone, whatever its derivative may be there.
template <int L>
KROGH_INLINE void add_terms(const LineBlock& b, const LineTangentBlock& t, int block,
                            const TangentTerms& terms, int direction, int stage,
                            const double* weight) {
  double* file = file_of(b, block);
  for (int k = terms.offsets[direction]; k < terms.offsets[direction + 1]; ++k) {
    const TangentTerm& term = terms.terms[k];
    const double* value = row<L>(file, term.register_ + (term.moves ? stage * t.set_rows : 0));
    const double* move = t.moves + (static_cast<long>(term.other) * b.num_blocks + block) * L;
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

/// q of a block: what the direction itself contributes at a stage, and T s.
template <int L>
void find_own(const LineBlock& b, const LineTangentBlock& t, int block, int direction, int slot,
              int stage, const double* weight) {
  double* file = file_of(b, block);
  double* own = row<L>(file, t.own_row);
  const double* linear = row<L>(file, t.slot_row + slot * t.slot_rows + t.linear_row);
  for (long q = 0; q < static_cast<long>(b.num_states) * L; ++q) own[q] = linear[q];
  add_terms<L>(b, t, block, t.sources, direction, stage, nullptr);
  if (t.num_time_slopes > 0 || t.time_sources.offsets[t.num_directions] > 0) {
    alignas(64) double wide[static_cast<unsigned>(L)];
    spread<L>(weight, wide);
    add_terms<L>(b, t, block, t.time_sources, direction, 0, wide);
    const double* s = row<L>(file, t.slot_row + slot * t.slot_rows);
    for (int k = 0; k < t.num_time_slopes; ++k) {
      const TangentTerm& term = t.time_slopes[k];
      const double* value = row<L>(file, term.register_);
      double* target = own + static_cast<long>(term.row) * L;
      KROGH_SIMD
      for (int l = 0; l < L; ++l)
        target[l] = fma_(term.sign * wide[l] * value[l], s[term.other * L + l], target[l]);
    }
  }
  // Transport comes last: what reactions give and take has then met what balances it.
  const int m = b.num_mobile;
  const long vector = vector_of(b);
  const double* transported = t.transported + slot * b.num_cells * vector;
  const double* carried = t.carried + slot * b.num_cells * vector;
  const bool moves_operator = t.operators[direction] >= 0;
  for (int j = 0; j < m; ++j) {
    double* target = own + static_cast<long>(b.mobile[j]) * L;
    for (int c = 0; c < cells_of<L>(b, block); ++c) {
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
  if (!moves_operator && t.inputs[direction] >= 0) {
    // As `carry` has it, to the bit: other lines may move their operator along this direction.
    const int last = b.num_cells - 1;
    for (int w = 0; w < (last == 0 ? 1 : 2); ++w) {
      const int cell = w == 0 ? 0 : last;
      if (cell / (L / W) != block) continue;
      const int c = cell % (L / W);
      const double* flow = t.wall_flow + (slot * 2 + w) * vector;
      for (int j = 0; j < m; ++j) {
        double* target = own + static_cast<long>(b.mobile[j]) * L + c * W;
        for (int l = 0; l < W; ++l) {
          const double both =
              last == 0 ? flow[j * W + l] + flow[vector + j * W + l] : flow[j * W + l];
          target[l] += both * b.inverse_volume[cell * W + l];
        }
      }
    }
  }
}

/// Transport of s: what the kinetics do not give of T s. Each face's flux is computed once.
template <int L>
void transport_tangent(const LineBlock& b, const LineTangentBlock& t, int slot) {
  const int m = b.num_mobile;
  const long vector = vector_of(b);
  constexpr int per_block = L / W;
  const int s_row = t.slot_row + slot * t.slot_rows;
  for (int k = 0; k < b.num_blocks; ++k)
    for (int j = 0; j < m; ++j) {
      const double* s = row<L>(file_of(b, k), s_row + b.mobile[j]);
      for (int c = 0; c < cells_of<L>(b, k); ++c) {
        const long at = (k * per_block + c) * vector + j * W;
        KROGH_SIMD
        for (int l = 0; l < W; ++l) t.free[at + l] = s[c * W + l] * b.inverse_fraction[at + l];
      }
    }
  double flux[16 * W];
  for (long i = 0; i < vector; ++i) flux[i] = -b.conductance[i] * t.free[i];
  for (int k = 0; k < b.num_cells; ++k) {
    double* target = t.transported + (static_cast<long>(slot) * b.num_cells + k) * vector;
    const double* here = t.free + k * vector;
    const double* conductance = b.conductance + (k + 1) * vector;
    const bool is_last = k + 1 == b.num_cells;
    for (int j = 0; j < m; ++j) {
      KROGH_SIMD
      for (int l = 0; l < W; ++l) {
        const int i = j * W + l;
        const double next = conductance[i] * (is_last ? here[i] : here[i] - here[vector + i]);
        target[i] = (flux[i] - next) * b.inverse_volume[k * W + l];
        flux[i] = next;
      }
    }
  }
}

/// Solves the mobile states of R slots in place, in the rows of the register files; operations on
/// each are those of solve_tridiagonal.
template <int M, int R, int L>
void solve(const LineBlock& b, const LineTangentBlock& t, int parity) {
  const linalg::BlockTridiagonal& s = b.transport;
  const int m = M > 0 ? M : s.block_size;
  const long vector = static_cast<long>(m) * W;
  constexpr int bound = M > 0 ? M : 16;
  constexpr int per_block = L / W;
  Lanes carried[R][bound], product[R][bound];
  auto place = [&](int k, int r) {
    return file_of(b, k / per_block) +
           static_cast<long>(t.slot_row + r * t.slot_rows + t.reduced_rows[parity]) * L +
           (k % per_block) * W;
  };
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < m; ++i) carried[r][i] = Lanes{};
  for (int k = 0; k < s.num_cells; ++k) {
    const double* lower = s.lower + k * vector;
    const double* inverse = s.blocks + k * vector * m;
    for (int r = 0; r < R; ++r) {
      double* x = place(k, r);
      for (int i = 0; i < m; ++i) {
        product[r][i] = lanes_at(x + i * L);
        add_product<-1>(product[r][i], lanes_at(lower + i * W), carried[r][i]);
      }
      multiply<M>(inverse, product[r], carried[r], m);
      for (int i = 0; i < m; ++i) lanes_at(x + i * L) = carried[r][i];
    }
  }
  for (int k = s.num_cells - 2; k >= 0; --k) {
    const double* upper = s.upper + k * vector;
    const double* inverse = s.blocks + k * vector * m;
    for (int r = 0; r < R; ++r) {
      double* x = place(k, r);
      for (int i = 0; i < m; ++i) carried[r][i] *= lanes_at(upper + i * W);
      multiply<M>(inverse, carried[r], product[r], m);
      for (int i = 0; i < m; ++i) {
        carried[r][i] = lanes_at(x + i * L) - product[r][i];
        lanes_at(x + i * L) = carried[r][i];
      }
    }
  }
  // Places past the last cell repeat it.
  const int last = s.num_cells - 1;
  for (int k = last + 1; k < b.num_blocks * per_block; ++k)
    for (int r = 0; r < R; ++r)
      for (int i = 0; i < m; ++i) lanes_at(place(k, r) + i * L) = lanes_at(place(last, r) + i * L);
}

template <int R, int L>
void solve(const LineBlock& b, const LineTangentBlock& t, int parity) {
  switch (b.num_mobile) {
    case 1: solve<1, R, L>(b, t, parity); break;
    case 2: solve<2, R, L>(b, t, parity); break;
    case 3: solve<3, R, L>(b, t, parity); break;
    case 4: solve<4, R, L>(b, t, parity); break;
    default: solve<0, R, L>(b, t, parity);
  }
}

/// The ledger's unknown of a stage, as in the line's own step.
template <int L>
void ledger_stage(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t,
                  int slot, int stage, const double* inverse_step) {
  const int m = b.num_mobile;
  const long vector = vector_of(b);
  const int last = b.num_cells - 1;
  double* stages = t.ledger_stages + slot * 8 * vector;
  for (int w = 0; w < 2; ++w) {
    const int cell = w == 0 ? 0 : last;
    const long face = (w == 0 ? 0 : last + 1) * vector;
    const double* solution = row<L>(file_of(b, cell / (L / W)),
                                    t.slot_row + slot * t.slot_rows + t.reduced_rows[stage % 2]) +
                             (cell % (L / W)) * W;
    const double* s =
        row<L>(file_of(b, cell / (L / W)), t.slot_row + slot * t.slot_rows) + (cell % (L / W)) * W;
    for (int j = 0; j < m; ++j)
      for (int l = 0; l < W; ++l) {
        const long at = w * vector + j * W + l;
        double total = 0.0;
        for (int i = 0; i < stage; ++i)
          total = fma_(tableau.c[stage][i] * tableau.gamma, stages[i * 2 * vector + at], total);
        const double end =
            s[static_cast<long>(b.mobile[j]) * L + l] - solution[static_cast<long>(j) * L + l];
        const double inside = end * b.inverse_fraction[cell * vector + j * W + l];
        const double flow =
            fma_(-b.conductance[face + j * W + l], inside, t.wall_flow[slot * 2 * vector + at]);
        stages[stage * 2 * vector + at] = fma_(total, inverse_step[l], flow) / inverse_step[l];
      }
  }
}

/// All stages of R directions from `first` on.
template <int R, int L>
void run_batch(const RosenbrockTableau& tableau, const LineBlock& b, const LineTangentBlock& t,
               int first, const double* inverse_step) {
  const int n = b.num_states;
  const long vector = vector_of(b);
  const long states = static_cast<long>(n) * L;
  auto slot_of = [&](int block, int r) {
    return row<L>(file_of(b, block), t.slot_row + r * t.slot_rows);
  };
  auto tangent_of = [&](int block, int r) {
    return t.tangents + (static_cast<long>(first + r) * b.num_blocks + block) * states;
  };
  for (int k = 0; k < b.num_blocks; ++k)
    for (int r = 0; r < R; ++r) {
      const double* from = tangent_of(k, r);
      double* to = slot_of(k, r);
      for (long q = 0; q < states; ++q) to[q] = from[q];
      t.linear[r].run(file_of(b, k));
    }
  for (int r = 0; r < R; ++r) transport_tangent<L>(b, t, r);
  for (int stage = 0; stage < 4; ++stage) {
    double weight[W];
    for (int l = 0; l < W; ++l) weight[l] = b.step_used[l] * tableau.gamma_i[stage];
    for (int r = 0; r < R; ++r) {
      find_wall_flow(b, t, first + r, r, stage, weight);
      if (t.operators[first + r] >= 0) carry(b, t, first + r, r, stage);
    }
    for (int k = 0; k < b.num_blocks; ++k)
      for (int r = 0; r < R; ++r) {
        find_own<L>(b, t, k, first + r, r, stage, weight);
        (stage == 0 ? t.begin[r] : t.advance[stage - 1][r]).run(file_of(b, k));
      }
    solve<R, L>(b, t, stage % 2);
    for (int r = 0; r < R; ++r) ledger_stage<L>(tableau, b, t, r, stage, inverse_step);
  }
  alignas(64) double accepted[static_cast<unsigned>(L)];
  spread<L>(b.accepted, accepted);
  for (int k = 0; k < b.num_blocks; ++k)
    for (int r = 0; r < R; ++r) {
      t.end[r].run(file_of(b, k));
      const double* from = slot_of(k, r);
      double* to = tangent_of(k, r);
      for (long q = 0; q < states; q += L) {
        KROGH_SIMD
        for (int l = 0; l < L; ++l) to[q + l] = accepted[l] > 0.0 ? from[q + l] : to[q + l];
      }
    }
  for (int r = 0; r < R; ++r) {
    const double* stages = t.ledger_stages + r * 8 * vector;
    double* ledger = t.ledger + (first + r) * 2 * vector;
    for (long q = 0; q < 2 * vector; ++q) {
      double sum = ledger[q];
      for (int s = 0; s < 4; ++s) sum = fma_(tableau.m[s], stages[s * 2 * vector + q], sum);
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
  for (int stage = 0; stage < 4; ++stage) evaluate_outside(tableau, b, t, stage);
  const long states = static_cast<long>(b.num_states) * L;
  for (int k = 0; k < b.num_blocks; ++k) {
    double* file = file_of(b, k);
    double* current = row<L>(file, b.state_row);
    double* saved = row<L>(file, t.saved_row);
    for (long q = 0; q < states; ++q) saved[q] = current[q];
    for (int stage = 0; stage < 4; ++stage) revisit<L>(tableau, b, t, k, stage);
    for (long q = 0; q < states; ++q) current[q] = saved[q];
  }
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
  switch (block.width) {
    case 8: step<8>(tableau, block, tangent); break;
    case 16: step<16>(tableau, block, tangent); break;
    default: step<32>(tableau, block, tangent);
  }
}

}  // namespace krogh::KROGH_ISA
