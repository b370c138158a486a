// Passes of a Rosenbrock-W step over pieces of the voxels: kinetics by tape, elimination, error.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_convection.kernel.hpp"
#include "simulate/volume_adi.kernel.hpp"
#include "simulate/volume_lanes.kernel.hpp"
#include "simulate/volume_system.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// States at the start of the step, their slopes and Jacobian; sums hold what is off so far.
template <int L>
void evaluate(const VolumeBlock& b, const Lanes& lanes) {
  load_fields<L>(b, lanes);
  fill<L>(b.time, row<L>(b, b.time_row));
  load_states<L>(b, b.y, lanes, row<L>(b, b.state_row));
  b.rhs_jacobian->run(b.file);
  const double* slopes = row<L>(b, b.slope_row);
  double* sums = row<L>(b, b.sum_row);
  for (long q = 0; q < static_cast<long>(b.num_states) * L; ++q) sums[q] = -slopes[q];
}

template <int L>
void subtract_carried(const VolumeBlock& b, const Lanes& lanes) {
  for (int j = 0; j < b.num_mobile; ++j) {
    alignas(64) double carried[static_cast<unsigned>(L)];
    load<L>(b.carried + j * b.stride, lanes, carried);
    double* sum = row<L>(b, b.sum_row + b.mobile[j]);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) sum[l] -= carried[l];
  }
}

/// The kinetics' explicit dependence on time, with weight h gamma_i.
template <int L>
void subtract_time_slopes(const VolumeBlock& b, const Lanes& lanes, double weight) {
  if (b.time_slopes == nullptr) return;
  for (int i = 0; i < b.num_states; ++i) {
    alignas(64) double slope[static_cast<unsigned>(L)];
    load_state<L>(b, b.time_slopes, i, lanes, slope);
    double* sum = row<L>(b, b.sum_row + i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) sum[l] = fma_(-weight, slope[l], sum[l]);
  }
}

/// Reduced right-hand sides, and what the hidden states keep until the solution is known.
template <int L>
void store_reduced(const VolumeBlock& b, const Lanes& lanes, int stage) {
  for (int j = 0; j < b.num_mobile; ++j)
    store<L>(row<L>(b, b.reduced_row + j), lanes, b.reduced + j * b.stride);
  for (int h = 0; h < b.num_hidden; ++h)
    store_state<L>(b, row<L>(b, b.hidden_row + h), b.hidden[h], lanes, b.stages[stage]);
}

/// What the elimination at the start of the step is made of. Eight bytes a factor and voxel would
/// be read back in every stage; to make them again is as fast.
template <int L>
void eliminate(const VolumeBlock& b, const Lanes& lanes) {
  load_fields<L>(b, lanes);
  fill<L>(b.time, row<L>(b, b.time_row));
  fill<L>(1.0 / (b.step * b.gamma), row<L>(b, b.inverse_step_row));
  load_states<L>(b, b.y, lanes, row<L>(b, b.state_row));
  b.again->run(b.file);
}

/// Unknowns of the hidden states of a stage, in the first stage's rows of the file; zero outside.
/// The states at the start of the step are left in their rows.
template <int L>
void expand(const VolumeBlock& b, const Lanes& lanes, int stage) {
  eliminate<L>(b, lanes);
  for (int j = 0; j < b.num_mobile; ++j)
    load_state<L>(b, b.stages[stage], b.mobile[j], lanes, row<L>(b, b.stage_rows[0] + b.mobile[j]));
  for (int h = 0; h < b.num_hidden; ++h)
    load_state<L>(b, b.stages[stage], b.hidden[h], lanes, row<L>(b, b.hidden_row + h));
  b.expand[0]->run(b.file);
  alignas(64) double volume[static_cast<unsigned>(L)];
  load<L>(b.volume, lanes, volume);
  for (int h = 0; h < b.num_hidden; ++h) {
    double* u = row<L>(b, b.stage_rows[0] + b.hidden[h]);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) u[l] = volume[l] > 0.0 ? u[l] : 0.0;
  }
}

/// Values of stage S, in place of those at the start of the step, and what is already known of its
/// right-hand side.
template <int L, int S>
void combine(const RosenbrockTableau& tableau, const VolumeBlock& b, const Lanes& lanes) {
  double a[static_cast<unsigned>(S)], c[static_cast<unsigned>(S)];
  for (int s = 0; s < S; ++s) {
    a[s] = tableau.a[S][s];
    c[s] = -tableau.c[S][s] / b.step;
  }
  for (int i = 0; i < b.num_states; ++i) {
    alignas(64) double u[S][static_cast<unsigned>(L)];
    for (int s = 0; s < S; ++s) load_state<L>(b, b.stages[s], i, lanes, u[s]);
    double* state = row<L>(b, b.state_row + i);
    double* sum = row<L>(b, b.sum_row + i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) {
      double value = state[l];
      double total = 0.0;
      for (int s = 0; s < S; ++s) {
        value = fma_(a[s], u[s][l], value);
        total = fma_(c[s], u[s][l], total);
      }
      state[l] = value;
      sum[l] = total;
    }
  }
}

/// C/eps of the mobile states at a stage.
void moving(const RosenbrockTableau& tableau, const VolumeBlock& b, const VolumePiece& p, int s) {
  const long first = p.first_row * b.shape[0], count = p.end_row * b.shape[0] - first;
  const double a0 = s > 0 ? tableau.a[s][0] : 0.0, a1 = s > 1 ? tableau.a[s][1] : 0.0;
  const double a2 = s > 2 ? tableau.a[s][2] : 0.0;
  for (int j = 0; j < b.num_mobile; ++j) {
    const long at = place_of_state(b, b.mobile[j], p.first_group);
    const double* inverse = b.inverse_fraction + j * b.fraction_stride + first;
    double* to = b.moving + j * b.stride + first;
    const double *y = b.y + at, *u0 = b.stages[0] + at;
    const double *u1 = b.stages[1] + at, *u2 = b.stages[2] + at;
    switch (s) {
      case 0:
        KROGH_SIMD
        for (long k = 0; k < count; ++k) to[k] = y[k] * inverse[k];
        break;
      case 1:
        KROGH_SIMD
        for (long k = 0; k < count; ++k) to[k] = fma_(a0, u0[k], y[k]) * inverse[k];
        break;
      case 2:
        KROGH_SIMD
        for (long k = 0; k < count; ++k)
          to[k] = fma_(a1, u1[k], fma_(a0, u0[k], y[k])) * inverse[k];
        break;
      default:
        KROGH_SIMD
        for (long k = 0; k < count; ++k)
          to[k] = fma_(a2, u2[k], fma_(a1, u1[k], fma_(a0, u0[k], y[k]))) * inverse[k];
    }
  }
}

/// Values of the followed states at stage s, whose last unknowns are not completed yet.
template <int L>
void follow(const RosenbrockTableau& tableau, const VolumeBlock& b, const VolumePiece& p, int s) {
  each_group<L>(b, p, [&](const Lanes& lanes) {
    if (s > 0) expand<L>(b, lanes, s - 1);
    for (int w = 0; w < b.num_followed; ++w) {
      alignas(64) double value[static_cast<unsigned>(L)], u[static_cast<unsigned>(L)];
      load_state<L>(b, b.y, b.followed[w], lanes, value);
      for (int t = 0; t < s; ++t) {
        const double weight = tableau.a[s][t];
        const double* unknown = row<L>(b, b.stage_rows[0] + b.followed[w]);
        if (t < s - 1) {
          load_state<L>(b, b.stages[t], b.followed[w], lanes, u);
          unknown = u;
        }
        KROGH_SIMD
        for (int l = 0; l < L; ++l) value[l] = fma_(weight, unknown[l], value[l]);
      }
      store<L>(value, lanes, b.follow + w * b.stride);
    }
  });
}

template <int L>
void sizes(VolumeBlock& b, const VolumePiece& p, double* sums) {
  each_group<L>(b, p, [&](const Lanes& lanes) {
    evaluate<L>(b, lanes);
    subtract_carried<L>(b, lanes);
    for (int i = 0; i < b.num_states; ++i) {
      const double* y = row<L>(b, b.state_row + i);
      const double* f = row<L>(b, b.sum_row + i);
      for (int l = 0; l < lanes.count; ++l) {
        if (!(b.volume[lanes.first + l] > 0.0)) continue;
        const double weight = 1.0 / fma_(b.rtol, __builtin_fabs(y[l]), b.atol[i]);
        const double value = y[l] * weight;
        const double rate = f[l] * weight;
        sums[0] = fma_(value, value, sums[0]);
        sums[1] = fma_(rate, rate, sums[1]);
      }
    }
  });
}

void assemble_system(const VolumeBlock& b, const VolumePiece& p) {
  if (b.diagonal != nullptr) {
    assemble_diagonal(b, p);
    assemble_natural(b, p);
  } else {
    assemble_operator(b, p);
    assemble_right(b, p);
  }
}

template <int L>
void begin(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p) {
  const double inverse_step = 1.0 / (b.step * b.gamma);
  each_group<L>(b, p, [&](const Lanes& lanes) {
    evaluate<L>(b, lanes);
    if (b.time_slopes != nullptr)
      for (int i = 0; i < b.num_states; ++i)
        store_state<L>(b, row<L>(b, b.time_slope_row + i), i, lanes, b.time_slopes);
    subtract_carried<L>(b, lanes);
    subtract_time_slopes<L>(b, lanes, b.step * tableau.gamma_i[0]);
    fill<L>(inverse_step, row<L>(b, b.inverse_step_row));
    b.first->run(b.file);
    store_reduced<L>(b, lanes, 0);
    for (int e = 0; e < b.num_mobile * b.num_mobile; ++e)
      store<L>(row<L>(b, b.schur_row + e), lanes, b.schur + e * b.stride);
  });
  assemble_system(b, p);
}

template <int L>
void stage(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p, int s) {
  each_group<L>(b, p, [&](const Lanes& lanes) {
    expand<L>(b, lanes, s - 1);
    fill<L>(fma_(tableau.alpha[s], b.step, b.time), row<L>(b, b.time_row));
    for (int h = 0; h < b.num_hidden; ++h)
      store_state<L>(b, row<L>(b, b.stage_rows[0] + b.hidden[h]), b.hidden[h], lanes,
                     b.stages[s - 1]);
    switch (s) {
      case 1: combine<L, 1>(tableau, b, lanes); break;
      case 2: combine<L, 2>(tableau, b, lanes); break;
      default: combine<L, 3>(tableau, b, lanes);
    }
    subtract_carried<L>(b, lanes);
    subtract_time_slopes<L>(b, lanes, b.step * tableau.gamma_i[s]);
    b.stage->run(b.file);
    store_reduced<L>(b, lanes, s);
  });
  if (b.diagonal != nullptr) {
    assemble_natural(b, p);
  } else {
    assemble_right(b, p);
  }
}

/// Running sums and extremes of eight voxels side by side.
struct Extremes {
  alignas(64) double squares[8], largest[8], lowest[8], highest[8];

  Extremes() {
    for (int l = 0; l < 8; ++l) {
      squares[l] = largest[l] = 0.0;
      lowest[l] = __builtin_inf();
      highest[l] = -__builtin_inf();
    }
  }
  void add(const double* weighted, const double* end, const double* volume) {
    KROGH_SIMD
    for (int l = 0; l < 8; ++l) {
      squares[l] = fma_(weighted[l], weighted[l], squares[l]);
      largest[l] = weighted[l] > largest[l] ? weighted[l] : largest[l];
      const double down = volume[l] > 0.0 ? end[l] : __builtin_inf();
      const double up = volume[l] > 0.0 ? end[l] : -__builtin_inf();
      lowest[l] = down < lowest[l] ? down : lowest[l];
      highest[l] = up > highest[l] ? up : highest[l];
    }
  }
  /// Leaves the sum and the extremes of all in place 0.
  void fold() {
    for (int half = 4; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) {
        squares[l] += squares[l + half];
        largest[l] = largest[l + half] > largest[l] ? largest[l + half] : largest[l];
        lowest[l] = lowest[l + half] < lowest[l] ? lowest[l + half] : lowest[l];
        highest[l] = highest[l + half] > highest[l] ? highest[l + half] : highest[l];
      }
  }
};

template <int L>
void finish(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p, double* squares,
            double* largest, double* lowest, double* highest) {
  const double e0 = tableau.e[0], e1 = tableau.e[1], e2 = tableau.e[2], e3 = tableau.e[3];
  const double a0 = tableau.a[3][0], a1 = tableau.a[3][1], a2 = tableau.a[3][2];
  each_group<L>(b, p, [&](const Lanes& lanes) {
    expand<L>(b, lanes, 3);
    for (int i = 0; i < b.num_states; ++i) {
      const double* y = row<L>(b, b.state_row + i);
      alignas(64) double u0[static_cast<unsigned>(L)];
      alignas(64) double u1[static_cast<unsigned>(L)], u2[static_cast<unsigned>(L)];
      alignas(64) double volume[static_cast<unsigned>(L)], end[static_cast<unsigned>(L)];
      alignas(64) double weighted[static_cast<unsigned>(L)];
      load_state<L>(b, b.stages[0], i, lanes, u0);
      load_state<L>(b, b.stages[1], i, lanes, u1);
      load_state<L>(b, b.stages[2], i, lanes, u2);
      load<L>(b.volume, lanes, volume);
      const double* u3 = row<L>(b, b.stage_rows[0] + i);
      const double atol = b.atol[i];
      KROGH_SIMD
      for (int l = 0; l < L; ++l) {
        end[l] = fma_(a0, u0[l], fma_(a1, u1[l], fma_(a2, u2[l], y[l]))) + u3[l];
        const double defect = fma_(e0, u0[l], fma_(e1, u1[l], fma_(e2, u2[l], e3 * u3[l])));
        const double before = __builtin_fabs(y[l]);
        const double after = __builtin_fabs(end[l]);
        const double error =
            __builtin_fabs(defect) / fma_(b.rtol, before > after ? before : after, atol);
        // A value that is not finite at the end must not hide behind an infinite scale.
        const double seen = after < 1e300 ? error : __builtin_nan("");
        weighted[l] = volume[l] > 0.0 ? seen : 0.0;
      }
      store_state<L>(b, end, i, lanes, b.stages[3]);
      // Places behind the last voxel repeat it; only the sum must leave them out.
      for (int l = lanes.count; l < L; ++l) weighted[l] = 0.0;
      Extremes found;
      for (int l = 0; l < L; l += 8) found.add(weighted + l, end + l, volume + l);
      found.fold();
      *squares += found.squares[0];
      *largest = found.largest[0] > *largest ? found.largest[0] : *largest;
      lowest[i] = found.lowest[0] < lowest[i] ? found.lowest[0] : lowest[i];
      highest[i] = found.highest[0] > highest[i] ? found.highest[0] : highest[i];
    }
  });
}

/// Sums of V C of all states, each by eight running sums.
template <int L>
void contents(const VolumeBlock& b, const VolumePiece& p, const double* states, double* sums) {
  for (int i = 0; i < b.num_states; ++i) {
    alignas(64) double running[8] = {};
    each_group<L>(b, p, [&](const Lanes& lanes) {
      const double* value = states + place_of_state(b, i, lanes.group);
      const double* volume = b.volume + lanes.first;
      for (int l = 0; l < lanes.count; ++l) running[l & 7] += volume[l] * value[l];
    });
    sums[i] += ((running[0] + running[4]) + (running[2] + running[6])) +
               ((running[1] + running[5]) + (running[3] + running[7]));
  }
}

}  // namespace

void volume_moving(const RosenbrockTableau& tableau, const VolumeBlock& b, const VolumePiece& p,
                   int s) {
  moving(tableau, b, p, s);
}

void volume_follow(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p, int s,
                   double* fed) {
  KROGH_BY_WIDTH(follow, tableau, b, p, s)
  if (b.has_factors) follow_rates(b, p, s);
  add_feeds(b, p, fed);
}

void volume_rate_sums(const VolumeBlock& b, const VolumePiece& p, double* sums) {
  add_rates(b, p, sums);
}

void volume_transport(const VolumeBlock& b, const VolumePiece& p, double* entered) {
  transport(b, p);
  if (b.has_flow) convect(b, p);
  add_entering(b, p, entered);
}

void volume_sizes(VolumeBlock& b, const VolumePiece& p, double* sums) {
  KROGH_BY_WIDTH(sizes, b, p, sums)
}

void volume_begin(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p) {
  KROGH_BY_WIDTH(begin, tableau, b, p)
}

void volume_stage(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p, int s) {
  KROGH_BY_WIDTH(stage, tableau, b, p, s)
}

void volume_extract(const VolumeBlock& b, const VolumePiece& p, double* target, double* sums) {
  if (b.diagonal == nullptr) extract(b, p, target);
  add_exchanged(b, p, target, sums);
}

void volume_residual(const VolumeBlock& b, const VolumePiece& p, bool with_operator, double* sums) {
  add_responses(b, p);
  residual(b, p, with_operator, sums);
}

void volume_supply(const VolumeBlock& b, const VolumePiece& p, const double* outside) {
  supply(b, p, outside);
}

void volume_supply_natural(const VolumeBlock& b, const VolumePiece& p, const double* outside,
                           double* target) {
  supply_natural(b, p, outside, target);
}

void volume_defect(const VolumeBlock& b, const VolumePiece& p, double* sums) {
  add_defect(b, p, sums);
}

void volume_assemble(const VolumeBlock& b, const VolumePiece& p) { assemble_system(b, p); }

void volume_couple(const VolumeBlock& b, const VolumePiece& p, int number) { couple(b, p, number); }

void volume_correct(VolumeBlock& b, const VolumePiece& p, const double* constants, int s,
                    double* entered) {
  correct(b, p, constants, s);
  add_leaving(b, p, entered);
}

void volume_finish(const RosenbrockTableau& tableau, VolumeBlock& b, const VolumePiece& p,
                   double* squares, double* largest, double* lowest, double* highest) {
  KROGH_BY_WIDTH(finish, tableau, b, p, squares, largest, lowest, highest)
}

void volume_contents(const VolumeBlock& b, const VolumePiece& p, const double* states,
                     double* sums) {
  KROGH_BY_WIDTH(contents, b, p, states, sums)
}

}  // namespace krogh::KROGH_ISA
