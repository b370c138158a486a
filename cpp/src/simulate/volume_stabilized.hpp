// Kernels of the stabilized explicit method on the voxels.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "integrate/stabilized_stages.hpp"
#include "simulate/volume_block.hpp"

namespace krogh::simulate {

/// Entries of the kinetics' Jacobian, and the weights by which rows are measured.
struct VolumeJacobian {
  int num_entries = 0;
  const int* rows = nullptr;        ///< (entries)
  const int* columns = nullptr;     ///< (entries)
  const int* registers = nullptr;   ///< (entries)
  const int* mobile_of = nullptr;   ///< position among the mobile states or -1, (states)
  const double* weights = nullptr;  ///< (states)
};

}  // namespace krogh::simulate

#define KROGH_DECLARE_VOLUME_STABILIZED(isa)                                                      \
  namespace krogh::isa {                                                                          \
  /** C/eps = 1 or -1 like the squares of a chess board whose first square lies at `shift`. */    \
  void volume_chess(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,               \
                    const long* shift);                                                           \
  /** Sums of the absolute values of a row of the transport, from its action on a chess board:    \
      neighbors have the other sign, so nothing cancels. They go to `reduced`, (mobile, n); if    \
      not first, the larger of what stands there. */                                              \
  void volume_row_sums(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,            \
                       bool is_first);                                                            \
  /** The largest change by transport, by mobile state. */                                        \
  void volume_largest_change(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,      \
                             double* largest);                                                    \
  /** The largest derivative of what an exchange brings by the state that its rate follows,       \
      (exchanges). */                                                                             \
  void volume_factor_entries(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,      \
                             double* largest);                                                    \
  /** h F at the start of the step, to the first stage's place; the largest absolute value of     \
      each entry of the Jacobian, (entries), and of the weighted sums of each row, (states), and  \
      of the transport's, (mobile), all in units of C/eps of mobile states. */                    \
  void volume_stabilized_begin(simulate::VolumeBlock& b, const simulate::VolumePiece& p,          \
                               const simulate::VolumeJacobian& jacobian, double* largest);        \
  /** target = y + weight h F_0. */                                                               \
  void volume_stabilized_first(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,    \
                               double weight, double* target);                                    \
  /** The next stage in place of the older one. */                                                \
  void volume_stabilized_stage(simulate::VolumeBlock& b, const simulate::VolumePiece& p,          \
                               const integrate::StabilizedStage& stage, double time,              \
                               const double* newer, double* older);                               \
  /** Error of the step, which stays in the second stage's place; sums as in `volume_finish`. */  \
  void volume_stabilized_finish(simulate::VolumeBlock& b, const simulate::VolumePiece& p,         \
                                double time, const double* end, double* squares, double* largest, \
                                double* lowest, double* highest);                                 \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_VOLUME_STABILIZED)
#undef KROGH_DECLARE_VOLUME_STABILIZED
