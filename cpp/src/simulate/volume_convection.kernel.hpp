// What a flow carries from voxel to voxel, limited to second order; included by stepper kernels.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "simulate/volume_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::VolumeBlock;
using simulate::VolumePiece;

/// Koren's limiter times a difference: psi(theta) across, theta = upstream/across and psi(theta) =
/// max(0, min(1, 1/3 + theta/6, theta)), without the quotient.
KROGH_INLINE double limited(double across, double upstream) {
  const double a = __builtin_fabs(across), u = __builtin_fabs(upstream);
  const double third = fma_(u, 1.0 / 6.0, a * (1.0 / 3.0));
  double least = a < u ? a : u;
  least = third < least ? third : least;
  const double sized = across < 0.0 ? -least : least;
  return across * upstream > 0.0 ? sized : 0.0;
}

/// Amount per time that a flow carries through the face between `before` and `here`, along the
/// axis: what stands upstream, and the correction. Both voxels compute it alike to the last bit.
/// @param slopes  upstream over at the face: flow along the axis, against it.
KROGH_INLINE double carried_through(double flow, double correction, double beyond, double before,
                                    double here, double behind, double along, double against) {
  const bool forward = flow > 0.0;
  const double upstream = forward ? before : here;
  const double slope = forward ? (before - beyond) * along : (behind - here) * against;
  return fma_(correction, limited(here - before, slope), flow * upstream);
}

/// A row's four neighbors along y or z and the two faces between; where one is missing the
/// correction is zero and the row itself stands in.
struct FaceRows {
  const double* values[5];  ///< two before, the row, two behind
  const double* flow[2];
  const float* correction[2];
  double along[2], against[2];
};

KROGH_INLINE FaceRows face_rows(const VolumeBlock& b, int direction, int j, long position, long at,
                                long step) {
  const long count = b.shape[direction];
  const double* values = b.moving + j * b.stride;
  const double* flow = b.convection[direction] + j * b.stride;
  const float* correction = b.correction[direction] + j * b.stride;
  FaceRows rows{};
  auto place = [&](long places) {  // of a row so many places along; the row itself where none is
    long to = position + places;
    if (b.periodic[direction]) to = (to % count + count) % count;
    return to < 0 || to >= count ? at : at + (to - position) * step;
  };
  for (int s = 0; s < 5; ++s) rows.values[s] = values + place(s - 2);
  for (int s = 0; s < 2; ++s) {
    const bool exists = s == 0 || position + 1 < count || b.periodic[direction];
    const long face = position + s < count ? position + s : 0;
    rows.flow[s] = exists ? flow + place(s) : b.zeros;
    rows.correction[s] = correction + place(s);
    rows.along[s] = b.upstream[direction][face];
    rows.against[s] = b.upstream[direction][count + face];
  }
  return rows;
}

/// Adds what a flow carries along y or z into the rows of a piece.
void convect_rows(const VolumeBlock& b, const VolumePiece& p, int direction, int j) {
  const long nx = b.shape[0], ny = b.shape[1];
  const long step = direction == 1 ? nx : nx * ny;
  for (long r = p.first_row; r < p.end_row; ++r) {
    const FaceRows f = face_rows(b, direction, j, direction == 1 ? r % ny : r / ny, r * nx, step);
    // Behind the last row nothing passes: its flow is zero, and so must be its correction.
    const double open = f.flow[1] == b.zeros ? 0.0 : 1.0;
    double* to = b.carried + j * b.stride + r * nx;
    KROGH_SIMD
    for (long i = 0; i < nx; ++i) {
      const double in =
          carried_through(f.flow[0][i], static_cast<double>(f.correction[0][i]), f.values[0][i],
                          f.values[1][i], f.values[2][i], f.values[3][i], f.along[0], f.against[0]);
      const double out = carried_through(
          f.flow[1][i], open * static_cast<double>(f.correction[1][i]), f.values[1][i],
          f.values[2][i], f.values[3][i], f.values[4][i], f.along[1], f.against[1]);
      to[i] += in - out;
    }
  }
}

/// Adds what a flow carries along x.
void convect_along_x(const VolumeBlock& b, const VolumePiece& p, int j) {
  const long nx = b.shape[0];
  const double* along = b.upstream[0];
  const double* against = along + nx;
  for (long r = p.first_row; r < p.end_row; ++r) {
    const double* x = b.moving + j * b.stride + r * nx;
    const double* flow = b.convection[0] + j * b.stride + r * nx;
    const float* correction = b.correction[0] + j * b.stride + r * nx;
    double* to = b.carried + j * b.stride + r * nx;
    auto near_end = [&](long i) {  // neighbors found one by one
      auto value = [&](long places) {
        long k = i + places;
        if (b.periodic[0]) k = (k % nx + nx) % nx;
        return x[k < 0 ? 0 : (k >= nx ? nx - 1 : k)];
      };
      return carried_through(flow[i], static_cast<double>(correction[i]), value(-2), value(-1),
                             value(0), value(1), along[i], against[i]);
    };
    auto inner = [&](long i) {
      return carried_through(flow[i], static_cast<double>(correction[i]), x[i - 2], x[i - 1], x[i],
                             x[i + 1], along[i], against[i]);
    };
    KROGH_SIMD
    for (long i = 2; i < nx - 1; ++i) to[i] += inner(i);
    KROGH_SIMD
    for (long i = 2; i < nx - 1; ++i) to[i - 1] -= inner(i);
    for (const long i : {0L, 1L, nx - 1}) {
      if (i >= nx || (i == 0 && !b.periodic[0]) || (i == nx - 1 && i < 2)) continue;
      const double through = near_end(i);
      to[i] += through;
      to[i > 0 ? i - 1 : nx - 1] -= through;
    }
  }
}

/// Adds what a flow carries into the amounts that change per time.
void convect(const VolumeBlock& b, const VolumePiece& p) {
  for (int j = 0; j < b.num_mobile; ++j) {
    convect_along_x(b, p, j);
    convect_rows(b, p, 1, j);
    convect_rows(b, p, 2, j);
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
