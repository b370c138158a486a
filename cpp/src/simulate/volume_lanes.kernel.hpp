// Voxels in groups of lanes of a register file; included by stepper kernels.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/kernel_math.hpp"
#include "simulate/volume_block.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::VolumeBlock;
using simulate::VolumePiece;

/// Voxels that a register file holds at a time.
struct Lanes {
  long first;  ///< number of the first voxel
  int count;   ///< 1 .. L; the places behind repeat the last voxel
};

template <int L>
KROGH_INLINE double* row(const VolumeBlock& b, int number) {
  return b.file + static_cast<long>(number) * L;
}

/// Reads voxels into a row.
template <int L>
KROGH_INLINE void load(const double* from, const Lanes& lanes, double* to) {
  const double* start = from + lanes.first;
  if (lanes.count == L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) to[l] = start[l];
    return;
  }
  for (int l = 0; l < L; ++l) to[l] = start[l < lanes.count ? l : lanes.count - 1];
}

template <int L>
KROGH_INLINE void store(const double* from, const Lanes& lanes, double* to) {
  double* start = to + lanes.first;
  if (lanes.count == L) {
    KROGH_SIMD
    for (int l = 0; l < L; ++l) start[l] = from[l];
    return;
  }
  for (int l = 0; l < lanes.count; ++l) start[l] = from[l];
}

template <int L>
KROGH_INLINE void fill(double value, double* to) {
  for (int l = 0; l < L; ++l) to[l] = value;
}

/// Parameters that differ from voxel to voxel, and what depends on them.
template <int L>
void load_fields(const VolumeBlock& b, const Lanes& lanes) {
  if (b.num_fields == 0) return;
  for (int f = 0; f < b.num_fields; ++f) {
    double* to = row<L>(b, b.field_rows[f]);
    if (!b.fields_by_region) {
      load<L>(b.fields + f * b.num_voxels, lanes, to);
      continue;
    }
    const double* table = b.fields + static_cast<long>(f) * 256;
    for (int l = 0; l < L; ++l)
      to[l] = table[b.region_of[lanes.first + (l < lanes.count ? l : lanes.count - 1)]];
  }
  b.program_prologue->run(b.file);
  b.line_prologue->run(b.file);
}

/// Calls `work(lanes, block)` for the groups of voxels of a piece.
template <int L, class Work>
KROGH_INLINE void each_block(const VolumeBlock& b, const VolumePiece& p, const Work& work) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  long block = p.first_block;
  for (long k = first; k < end; k += L, ++block)
    work(Lanes{k, static_cast<int>(end - k < L ? end - k : L)}, block);
}

#define KROGH_BY_WIDTH(function, ...)          \
  switch (b.width) {                           \
    case 8: function<8>(__VA_ARGS__); break;   \
    case 16: function<16>(__VA_ARGS__); break; \
    default: function<32>(__VA_ARGS__);        \
  }

}  // namespace
}  // namespace krogh::KROGH_ISA
