// Declarations of the kernels that apply flows to the lanes of a block.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::simulate {

/// One product of a sparse matrix times a vector, for all lanes.
struct FlowEntry {
  int target = 0;
  int source = 0;
  int position = 0;  ///< row of the factor among the values
};

/// targets[t] = sum of values[position] * sources[source] over the entries of t, which are sorted
/// by target. Every row is one array of lanes.
struct FlowView {
  const FlowEntry* entries = nullptr;
  int num_entries = 0;
  int num_targets = 0;
  int lanes = 0;
  const double* values = nullptr;  ///< (positions, lanes)
  const double* const* sources = nullptr;
  double* const* targets = nullptr;
};

}  // namespace krogh::simulate

/// flow_apply: targets = M sources. flow_shift: targets = starts + shift M sources, where a shift
/// of zero changes nothing.
#define KROGH_DECLARE_FLOW_KERNELS(isa)                                \
  namespace krogh::isa {                                               \
  void flow_apply(const simulate::FlowView& view);                     \
  void flow_shift(const simulate::FlowView& view, const double* shift, \
                  const double* const* starts);                        \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_FLOW_KERNELS)
#undef KROGH_DECLARE_FLOW_KERNELS
