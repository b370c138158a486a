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
  long group;
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

/// Where a state of a group stands.
KROGH_INLINE long place_of_state(const VolumeBlock& b, int i, long group) {
  return b.state_offset[i] + group * b.state_step[i];
}

/// One state of a group. Asks for the same of the group that follows: a group takes too little from
/// each array for the processor to see where it is going, and spread over the loads requests do not
/// queue up.
template <int L>
KROGH_INLINE void load_state(const VolumeBlock& b, const double* states, int i, const Lanes& lanes,
                             double* to) {
  const double* from = states + place_of_state(b, i, lanes.group);
  const double* next = from + b.state_step[i];
  for (int l = 0; l < L; l += 8) __builtin_prefetch(next + l);
  KROGH_SIMD
  for (int l = 0; l < L; ++l) to[l] = from[l];
  for (int l = lanes.count; l < L; ++l) to[l] = to[lanes.count - 1];
}

template <int L>
KROGH_INLINE void store_state(const VolumeBlock& b, const double* from, int i, const Lanes& lanes,
                              double* states) {
  double* to = states + place_of_state(b, i, lanes.group);
  KROGH_SIMD
  for (int l = 0; l < L; ++l) to[l] = from[l];
}

/// All states of a group into consecutive rows.
template <int L>
KROGH_INLINE void load_states(const VolumeBlock& b, const double* states, const Lanes& lanes,
                              double* to) {
  for (int i = 0; i < b.num_states; ++i)
    load_state<L>(b, states, i, lanes, to + static_cast<long>(i) * L);
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

/// Calls `work(lanes)` for the groups of voxels of a piece.
template <int L, class Work>
KROGH_INLINE void each_group(const VolumeBlock& b, const VolumePiece& p, const Work& work) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  long group = p.first_group;
  for (long k = first; k < end; k += L, ++group)
    work(Lanes{k, static_cast<int>(end - k < L ? end - k : L), group});
}

#define KROGH_BY_WIDTH(function, ...)          \
  switch (b.width) {                           \
    case 8: function<8>(__VA_ARGS__); break;   \
    case 16: function<16>(__VA_ARGS__); break; \
    default: function<32>(__VA_ARGS__);        \
  }

}  // namespace
}  // namespace krogh::KROGH_ISA
