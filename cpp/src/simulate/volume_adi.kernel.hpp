// The linear system of a stage in natural order and double precision, for solving it by directions.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/volume_transport.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// Local blocks, -V S eps and what exchanges and sides take; one outside.
void assemble_diagonal(const VolumeBlock& b, const VolumePiece& p) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  const int m = b.num_mobile;
  for (int j = 0; j < m; ++j)
    for (int l = 0; l < m; ++l) {
      double* to = b.diagonal + (j * m + l) * b.stride;
      const double* schur = b.schur + (j * m + l) * b.stride;
      const double* fraction = b.fraction + l * b.fraction_stride;
      const double* loss = b.loss + j * b.stride;
      const double own = j == l ? 1.0 : 0.0;
      KROGH_SIMD
      for (long k = first; k < end; ++k) {
        const double value = fma_(-b.volume[k] * schur[k], fraction[k], own * loss[k]);
        to[k] = b.volume[k] > 0.0 ? value : own;
      }
    }
}

/// Right-hand side, to `free`.
void assemble_natural(const VolumeBlock& b, const VolumePiece& p) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int j = 0; j < b.num_mobile; ++j) {
    const double* reduced = b.reduced + j * b.stride;
    double* to = b.free + j * b.stride;
    KROGH_SIMD
    for (long k = first; k < end; ++k) to[k] = -b.volume[k] * reduced[k];
  }
  for (int e = 0; e < b.num_exchanges && b.has_change; ++e) {
    const double* rate = b.exchange + e * b.stride;
    const double change = b.change[e];
    double* to = b.free + b.exchange_mobile[e] * b.stride;
    KROGH_SIMD
    for (long k = first; k < end; ++k) to[k] = fma_(rate[k], change, to[k]);
  }
}

/// Right-hand side of what exchanges bring for given concentrations outside.
void supply_natural(const VolumeBlock& b, const VolumePiece& p, const double* outside,
                    double* target) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int j = 0; j < b.num_mobile; ++j)
    for (long k = first; k < end; ++k) target[j * b.stride + k] = 0.0;
  for (int e = 0; e < b.num_exchanges; ++e) {
    const double* rate = b.exchange + e * b.stride;
    double* to = target + b.exchange_mobile[e] * b.stride;
    const double given = outside[e];
    KROGH_SIMD
    for (long k = first; k < end; ++k) to[k] = fma_(rate[k], given, to[k]);
  }
}

/// Sums of squares of the right-hand side and of the residual of `free`, in units of the states.
void add_defect(const VolumeBlock& b, const VolumePiece& p, double* sums) {
  const long nx = b.shape[0], ny = b.shape[1];
  const int m = b.num_mobile;
  for (int j = 0; j < m; ++j) {
    const double* values = b.free + j * b.stride;
    const double* reduced = b.reduced + j * b.stride;
    const float* gx_all = b.faces[0] + j * b.stride;
    const double weight = 1.0 / b.unit[j];
    for (long r = p.first_row; r < p.end_row; ++r) {
      const long at = r * nx;
      const Neighbors y = neighbors_of(b, 1, r % ny, at, nx, values, b.faces[1] + j * b.stride);
      const Neighbors z =
          neighbors_of(b, 2, r / ny, at, nx * ny, values, b.faces[2] + j * b.stride);
      const double* x = values + at;
      const float* gx = gx_all + at;
      for (long i = 0; i < nx; ++i) {
        const long k = at + i;
        double right = -b.volume[k] * reduced[k];
        for (int e = 0; e < b.num_exchanges && b.has_change; ++e)
          if (b.exchange_mobile[e] == j)
            right = fma_(b.exchange[e * b.stride + k], b.change[e], right);
        double total = right;
        for (int l = 0; l < m; ++l)
          total = fma_(-b.diagonal[(j * m + l) * b.stride + k], b.free[l * b.stride + k], total);
        total = fma_(wide(y.to_before[i]), y.before[i] - x[i], total);
        total = fma_(wide(y.to_behind[i]), y.behind[i] - x[i], total);
        total = fma_(wide(z.to_before[i]), z.before[i] - x[i], total);
        total = fma_(wide(z.to_behind[i]), z.behind[i] - x[i], total);
        if (i > 0) total = fma_(wide(gx[i]), x[i - 1] - x[i], total);
        if (i + 1 < nx) total = fma_(wide(gx[i + 1]), x[i + 1] - x[i], total);
        const double seen = right * weight, left = total * weight;
        sums[0] = fma_(seen, seen, sums[0]);
        sums[1] = fma_(left, left, sums[1]);
      }
    }
  }
}

}  // namespace
}  // namespace krogh::KROGH_ISA
