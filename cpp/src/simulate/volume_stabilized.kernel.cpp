// Passes of a step of RKC2 over pieces of the voxels.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_stabilized.hpp"

#include "simulate/volume_lanes.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::StabilizedStage;
using simulate::VolumeJacobian;

/// F of the kinetics and the transport at values and time, zero outside, in the slopes' rows.
template <int L>
KROGH_INLINE void evaluate(VolumeBlock& b, const Lanes& lanes, double time, const double* values,
                           const expr::NativeTape* tape) {
  load_fields<L>(b, lanes);
  fill<L>(time, row<L>(b, b.time_row));
  load_states<L>(b, values, lanes, row<L>(b, b.state_row));
  tape->run(b.file);
  alignas(64) double volume[static_cast<unsigned>(L)];
  load<L>(b.volume, lanes, volume);
  bool whole = true;
  for (int l = 0; l < L; ++l) whole = whole && volume[l] > 0.0;
  for (int i = 0; i < b.num_states && !whole; ++i) {
    double* slope = row<L>(b, b.slope_row + i);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) slope[l] = volume[l] > 0.0 ? slope[l] : 0.0;
  }
  for (int j = 0; j < b.num_mobile; ++j) {
    alignas(64) double carried[static_cast<unsigned>(L)];
    load<L>(b.carried + j * b.stride, lanes, carried);
    double* slope = row<L>(b, b.slope_row + b.mobile[j]);
    KROGH_SIMD
    for (int l = 0; l < L; ++l) slope[l] += carried[l];
  }
}

/// Largest |J_ij| eps_j/eps_i of the voxels for each entry, and their weighted sums over rows.
template <int L>
void measure(const VolumeBlock& b, const Lanes& lanes, const VolumeJacobian& jacobian,
             double* largest) {
  alignas(64) double volume[static_cast<unsigned>(L)];
  load<L>(b.volume, lanes, volume);
  // The rows of sums serve as room.
  for (int i = 0; i < b.num_states; ++i) fill<L>(0.0, row<L>(b, b.sum_row + i));
  for (int e = 0; e < jacobian.num_entries; ++e) {
    const int i = jacobian.rows[e], j = jacobian.columns[e];
    const double* entry = row<L>(b, jacobian.registers[e]);
    double* sum = row<L>(b, b.sum_row + i);
    alignas(64) double size[static_cast<unsigned>(L)], factor[static_cast<unsigned>(L)];
    KROGH_SIMD
    for (int l = 0; l < L; ++l) size[l] = volume[l] > 0.0 ? __builtin_fabs(entry[l]) : 0.0;
    if (jacobian.mobile_of[j] >= 0) {
      load<L>(b.fraction + jacobian.mobile_of[j] * b.fraction_stride, lanes, factor);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) size[l] *= factor[l];
    }
    if (jacobian.mobile_of[i] >= 0) {
      load<L>(b.inverse_fraction + jacobian.mobile_of[i] * b.fraction_stride, lanes, factor);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) size[l] *= factor[l];
    }
    const double weight = jacobian.weights[j] / jacobian.weights[i];
    double most = largest[e];
    for (int l = 0; l < L; ++l) {
      most = size[l] > most || !(size[l] < 1e300) ? size[l] : most;
      sum[l] = fma_(weight, size[l], sum[l]);
    }
    largest[e] = most;
  }
  double* of_rows = largest + jacobian.num_entries;
  double* of_transport = of_rows + b.num_states;
  for (int j = 0; j < b.num_mobile; ++j) {
    alignas(64) double through[static_cast<unsigned>(L)];
    load<L>(b.reduced + j * b.stride, lanes, through);
    double* sum = row<L>(b, b.sum_row + b.mobile[j]);
    for (int l = 0; l < L; ++l) {
      sum[l] += through[l];
      of_transport[j] = through[l] > of_transport[j] ? through[l] : of_transport[j];
    }
  }
  for (int i = 0; i < b.num_states; ++i) {
    const double* sum = row<L>(b, b.sum_row + i);
    for (int l = 0; l < L; ++l) of_rows[i] = sum[l] > of_rows[i] ? sum[l] : of_rows[i];
  }
}

template <int L>
void begin(VolumeBlock& b, const VolumePiece& p, const VolumeJacobian& jacobian, double* largest) {
  each_group<L>(b, p, [&](const Lanes& lanes) {
    evaluate<L>(b, lanes, b.time, b.y, b.rhs_jacobian);
    for (int i = 0; i < b.num_states; ++i) {
      double* slope = row<L>(b, b.slope_row + i);
      alignas(64) double scaled[static_cast<unsigned>(L)];
      KROGH_SIMD
      for (int l = 0; l < L; ++l) scaled[l] = b.step * slope[l];
      store_state<L>(b, scaled, i, lanes, b.stages[0]);
    }
    measure<L>(b, lanes, jacobian, largest);
  });
}

template <int L>
void stage(VolumeBlock& b, const VolumePiece& p, const StabilizedStage& c, double time,
           const double* newer, double* older) {
  const double slope_weight = c.slope * b.step;
  each_group<L>(b, p, [&](const Lanes& lanes) {
    evaluate<L>(b, lanes, time, newer, b.rhs);
    for (int i = 0; i < b.num_states; ++i) {
      alignas(64) double y[static_cast<unsigned>(L)], start[static_cast<unsigned>(L)];
      alignas(64) double before[static_cast<unsigned>(L)];
      load_state<L>(b, b.y, i, lanes, y);
      load_state<L>(b, b.stages[0], i, lanes, start);
      load_state<L>(b, older, i, lanes, before);
      const double* now = row<L>(b, b.state_row + i);
      const double* slope = row<L>(b, b.slope_row + i);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) {
        double value = fma_(c.mu, now[l] - y[l], y[l]);
        value = fma_(c.nu, before[l] - y[l], value);
        value = fma_(slope_weight, slope[l], value);
        before[l] = fma_(c.first, start[l], value);
      }
      store_state<L>(b, before, i, lanes, older);
    }
  });
}

template <int L>
void finish(VolumeBlock& b, const VolumePiece& p, double time, const double* ends, double* squares,
            double* largest, double* lowest, double* highest) {
  each_group<L>(b, p, [&](const Lanes& lanes) {
    evaluate<L>(b, lanes, time, ends, b.rhs);
    alignas(64) double volume[static_cast<unsigned>(L)];
    load<L>(b.volume, lanes, volume);
    for (int i = 0; i < b.num_states; ++i) {
      alignas(64) double y[static_cast<unsigned>(L)], start[static_cast<unsigned>(L)];
      alignas(64) double weighted[static_cast<unsigned>(L)], defect[static_cast<unsigned>(L)];
      load_state<L>(b, b.y, i, lanes, y);
      load_state<L>(b, b.stages[0], i, lanes, start);
      const double* end = row<L>(b, b.state_row + i);
      const double* slope = row<L>(b, b.slope_row + i);
      const double atol = b.atol[i];
      KROGH_SIMD
      for (int l = 0; l < L; ++l) {
        defect[l] = fma_(0.4, fma_(b.step, slope[l], start[l]), -0.8 * (end[l] - y[l]));
        const double before = __builtin_fabs(y[l]);
        const double after = __builtin_fabs(end[l]);
        const double error =
            __builtin_fabs(defect[l]) / fma_(b.rtol, before > after ? before : after, atol);
        const double seen = after < 1e300 ? error : __builtin_nan("");
        weighted[l] = volume[l] > 0.0 ? seen : 0.0;
      }
      store_state<L>(b, defect, i, lanes, b.stages[1]);
      double low = lowest[i], high = highest[i], most = *largest;
      double sums[8] = {};
      for (int l = 0; l < lanes.count; ++l) {
        sums[l & 7] = fma_(weighted[l], weighted[l], sums[l & 7]);
        most = weighted[l] > most ? weighted[l] : most;
        const bool inside = volume[l] > 0.0;
        low = inside && end[l] < low ? end[l] : low;
        high = inside && end[l] > high ? end[l] : high;
      }
      lowest[i] = low;
      highest[i] = high;
      *largest = most;
      *squares +=
          ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    }
  });
}

}  // namespace

void volume_chess(const VolumeBlock& b, const VolumePiece& p, const long* shift) {
  const long nx = b.shape[0], ny = b.shape[1], nz = b.shape[2];
  for (int j = 0; j < b.num_mobile; ++j)
    for (long r = p.first_row; r < p.end_row; ++r) {
      const long y = (r % ny + shift[1]) % ny, z = (r / ny + shift[2]) % nz;
      double* to = b.moving + j * b.stride + r * nx;
      const double* volume = b.volume + r * nx;
      for (long x = 0; x < nx; ++x) {
        const double sign = (((x + shift[0]) % nx + y + z) & 1) != 0 ? -1.0 : 1.0;
        to[x] = volume[x] > 0.0 ? sign : 0.0;
      }
    }
}

void volume_row_sums(const VolumeBlock& b, const VolumePiece& p, bool is_first) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* carried = b.carried + j * b.stride;
    const double* inverse = b.inverse_fraction + j * b.fraction_stride;
    double* to = b.reduced + j * b.stride;
    for (long k = first; k < end; ++k) {
      const double found = __builtin_fabs(carried[k]) * inverse[k];
      to[k] = is_first || found > to[k] ? found : to[k];
    }
  }
}

void volume_largest_change(const VolumeBlock& b, const VolumePiece& p, double* largest) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* carried = b.carried + j * b.stride;
    const double* inverse = b.inverse_fraction + j * b.fraction_stride;
    for (long k = first; k < end; ++k) {
      const double found = __builtin_fabs(carried[k]) * inverse[k];
      largest[j] = found > largest[j] ? found : largest[j];
    }
  }
}

void volume_factor_entries(const VolumeBlock& b, const VolumePiece& p, double* largest) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int e = 0; e < b.num_exchanges; ++e) {
    if (b.factor_of[e] < 0) continue;
    const int j = b.exchange_mobile[e];
    const double* rate = b.rest_exchange[0] + e * b.stride;
    const double* out = b.rest_exchange[b.has_two_rates ? 1 : 0] + e * b.stride;
    const double* x = b.moving + j * b.stride;
    const double* inverse = b.inverse_fraction + j * b.fraction_stride;
    for (long k = first; k < end; ++k) {
      if (!(b.volume[k] > 0.0)) continue;
      const double found =
          __builtin_fabs(fma_(rate[k], b.outside[e], -(out[k] * x[k]))) * inverse[k] / b.volume[k];
      largest[e] = found > largest[e] ? found : largest[e];
    }
  }
}

void volume_stabilized_begin(VolumeBlock& b, const VolumePiece& p, const VolumeJacobian& jacobian,
                             double* largest) {
  KROGH_BY_WIDTH(begin, b, p, jacobian, largest)
}

void volume_stabilized_first(const VolumeBlock& b, const VolumePiece& p, double weight,
                             double* target) {
  const long voxels = (p.end_row - p.first_row) * b.shape[0];
  const long end = p.first_group + (voxels + b.width - 1) / b.width;
  for (long group = p.first_group; group < end; ++group)
    for (int i = 0; i < b.num_states; ++i) {
      const long at = place_of_state(b, i, group);
      KROGH_SIMD
      for (long q = at; q < at + b.width; ++q) target[q] = fma_(weight, b.stages[0][q], b.y[q]);
    }
}

void volume_stabilized_stage(VolumeBlock& b, const VolumePiece& p, const StabilizedStage& c,
                             double time, const double* newer, double* older) {
  KROGH_BY_WIDTH(stage, b, p, c, time, newer, older)
}

void volume_stabilized_finish(VolumeBlock& b, const VolumePiece& p, double time, const double* end,
                              double* squares, double* largest, double* lowest, double* highest) {
  KROGH_BY_WIDTH(finish, b, p, time, end, squares, largest, lowest, highest)
}

}  // namespace krogh::KROGH_ISA
