// Transport between voxels, exchanges and sides; included by stepper kernels.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "simulate/volume_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

using integrate::RosenbrockTableau;
using simulate::VolumeBlock;
using simulate::VolumePiece;

/// Sum of `value(k)` over consecutive voxels, by eight running sums.
template <class Value>
KROGH_INLINE double sum_of(long first, long end, const Value& value) {
  double sums[8] = {};
  long k = first;
  for (; k + 8 <= end; k += 8) {
    KROGH_SIMD
    for (int l = 0; l < 8; ++l) sums[l] += value(k + l);
  }
  for (int l = 0; k < end; ++k, ++l) sums[l] += value(k);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

KROGH_INLINE double wide(float value) { return static_cast<double>(value); }

/// A row's neighbors in one direction: where they and the conductances to them stand.
struct Neighbors {
  const double* before;
  const double* behind;
  const float* to_before;
  const float* to_behind;
};

KROGH_INLINE Neighbors neighbors_of(const VolumeBlock& b, int direction, long position, long at,
                                    long step, const double* values, const float* faces) {
  const long last = b.shape[direction] - 1;
  const bool wraps = b.periodic[direction];
  Neighbors n{};
  n.before = values + (position > 0 ? at - step : (wraps ? at + last * step : at));
  n.behind = values + (position < last ? at + step : (wraps ? at - last * step : at));
  n.to_before = faces + at;
  n.to_behind = position < last ? faces + at + step : (wraps ? faces + at - last * step : b.closed);
  return n;
}

/// Change of the mobile states by diffusion, exchanges and open sides.
void transport(const VolumeBlock& b, const VolumePiece& p) {
  const long nx = b.shape[0], ny = b.shape[1];
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* values = b.moving + j * b.stride;
    const float* gx_all = b.faces[0] + j * b.stride;
    double* carried = b.carried + j * b.stride;
    for (long r = p.first_row; r < p.end_row; ++r) {
      const long at = r * nx;
      const Neighbors y = neighbors_of(b, 1, r % ny, at, nx, values, b.faces[1] + j * b.stride);
      const Neighbors z =
          neighbors_of(b, 2, r / ny, at, nx * ny, values, b.faces[2] + j * b.stride);
      const double* x = values + at;
      const float* gx = gx_all + at;
      double* to = carried + at;
      auto across = [&](long i) {  // from the neighbors in y and z
        double total = wide(y.to_before[i]) * (y.before[i] - x[i]);
        total = fma_(wide(y.to_behind[i]), y.behind[i] - x[i], total);
        total = fma_(wide(z.to_before[i]), z.before[i] - x[i], total);
        return fma_(wide(z.to_behind[i]), z.behind[i] - x[i], total);
      };
      KROGH_SIMD
      for (long i = 1; i < nx - 1; ++i)
        to[i] =
            fma_(wide(gx[i + 1]), x[i + 1] - x[i], fma_(wide(gx[i]), x[i - 1] - x[i], across(i)));
      to[0] = across(0);
      if (nx > 1) {
        to[0] = fma_(wide(gx[1]), x[1] - x[0], to[0]);
        to[nx - 1] = fma_(wide(gx[nx - 1]), x[nx - 2] - x[nx - 1], across(nx - 1));
      }
      if (b.periodic[0]) {
        to[0] = fma_(wide(gx[0]), x[nx - 1] - x[0], to[0]);
        to[nx - 1] = fma_(wide(gx[0]), x[0] - x[nx - 1], to[nx - 1]);
      }
    }
  }
  const long first = p.first_row * nx, end = p.end_row * nx;
  for (int e = 0; e < b.num_exchanges; ++e) {
    const int j = b.exchange_mobile[e];
    const double* rate = b.exchange_now + e * b.stride;
    const double* x = b.moving + j * b.stride;
    double* to = b.carried + j * b.stride;
    const double outside = b.outside[e];
    if (b.has_two_rates) {
      const double* out = b.exchange_out_now + e * b.stride;
      KROGH_SIMD
      for (long k = first; k < end; ++k) to[k] = fma_(rate[k], outside, fma_(-out[k], x[k], to[k]));
      continue;
    }
    KROGH_SIMD
    for (long k = first; k < end; ++k) to[k] = fma_(rate[k], outside - x[k], to[k]);
  }
}

/// Calls `visit(voxel, place among the side's voxels)` for a piece's voxels at a side.
template <class Visit>
KROGH_INLINE void each_at_side(const VolumeBlock& b, const VolumePiece& p, int side,
                               const Visit& visit) {
  const long nx = b.shape[0], ny = b.shape[1], nz = b.shape[2];
  const bool high = side % 2 != 0;
  for (long r = p.first_row; r < p.end_row; ++r) {
    const long y = r % ny, z = r / ny;
    if (side < 2) {
      visit(r * nx + (high ? nx - 1 : 0), r);
    } else if (side < 4) {
      if (y != (high ? ny - 1 : 0)) continue;
      for (long x = 0; x < nx; ++x) visit(r * nx + x, z * nx + x);
    } else {
      if (z != (high ? nz - 1 : 0)) continue;
      for (long x = 0; x < nx; ++x) visit(r * nx + x, y * nx + x);
    }
  }
}

/// Amounts that enter at the stage's values; those of sides also into `carried`, which becomes a
/// change of concentration here.
void add_entering(const VolumeBlock& b, const VolumePiece& p, double* entered) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int e = 0; e < b.num_exchanges; ++e) {
    const double* rate = b.exchange_now + e * b.stride;
    const double* out = b.exchange_out_now + e * b.stride;
    const double* x = b.moving + b.exchange_mobile[e] * b.stride;
    const double outside = b.outside[e];
    entered[e] +=
        b.has_two_rates
            ? sum_of(first, end, [&](long k) { return fma_(rate[k], outside, -(out[k] * x[k])); })
            : sum_of(first, end, [&](long k) { return rate[k] * (outside - x[k]); });
  }
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* x = b.moving + j * b.stride;
    double* to = b.carried + j * b.stride;
    for (int side = 0; side < 6; ++side) {
      const double* through = b.sides[j * 6 + side];
      if (through == nullptr) continue;
      const double* out = b.sides_out[j * 6 + side];
      const int entry = b.num_exchanges + j * 6 + side;
      double total = 0.0;
      each_at_side(b, p, side, [&](long k, long place) {
        const double flux = fma_(through[place], b.outside[entry], -(out[place] * x[k]));
        to[k] += flux;
        total += flux;
      });
      entered[entry] += total;
    }
    if (b.even_volume > 0.0) {
      const double inverse = 1.0 / b.even_volume;
      KROGH_SIMD
      for (long k = first; k < end; ++k) to[k] *= inverse;
      continue;
    }
    KROGH_SIMD
    for (long k = first; k < end; ++k) to[k] = b.volume[k] > 0.0 ? to[k] / b.volume[k] : 0.0;
  }
}

/// What the solution brings in by exchanges and lets out by sides.
void add_leaving(const VolumeBlock& b, const VolumePiece& p, double* entered) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int e = 0; e < b.num_exchanges; ++e) {
    const double* rate = b.exchange + e * b.stride;
    const double* out = b.exchange_out + e * b.stride;
    const double* x = b.free + b.exchange_mobile[e] * b.stride;
    const double change = b.change[e];
    entered[e] +=
        b.has_two_rates
            ? sum_of(first, end, [&](long k) { return fma_(rate[k], change, -(out[k] * x[k])); })
            : sum_of(first, end, [&](long k) { return rate[k] * (change - x[k]); });
  }
  for (int j = 0; j < b.num_mobile; ++j)
    for (int side = 0; side < 6; ++side) {
      const double* out = b.sides_out[j * 6 + side];
      if (out == nullptr) continue;
      const double* x = b.free + j * b.stride;
      double total = 0.0;
      each_at_side(b, p, side, [&](long k, long place) { total += out[place] * x[k]; });
      entered[b.num_exchanges + j * 6 + side] -= total;
    }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
