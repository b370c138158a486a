// Declarations of the kernel that gathers metrics of outputs over the steps of all lanes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::simulate {

/// Outputs are sampled at the quarters of a step; the quartic through the five values carries the
/// integral (Boole's rule, order 6), extremes and threshold crossings.
inline constexpr int metric_samples = 5;

/// Rows that gather metrics between two stops, each (outputs, lanes), and what a step adds.
struct MetricView {
  int outputs = 0;
  int lanes = 0;
  const double* samples = nullptr;     ///< (5, outputs, lanes)
  const double* start = nullptr;       ///< time at the start of the step, (lanes,)
  const double* step = nullptr;        ///< its length, (lanes,)
  const double* takes_part = nullptr;  ///< 1 where the lane's step counts, else 0, (lanes,)
  double* maximum = nullptr;
  double* time_of_maximum = nullptr;
  double* minimum = nullptr;
  double* time_of_minimum = nullptr;
  double* integral = nullptr;
  double* last = nullptr;
  double* looks_closer = nullptr;  ///< out: 1 where an extreme may lie between the samples
};

}  // namespace krogh::simulate

/// metrics_gather: adds one step of every lane that takes part.
/// @return whether some extreme may lie between the samples of its step.
#define KROGH_DECLARE_METRIC_KERNELS(isa)                \
  namespace krogh::isa {                                 \
  bool metrics_gather(const simulate::MetricView& view); \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_METRIC_KERNELS)
#undef KROGH_DECLARE_METRIC_KERNELS
