// Declarations of the kernels that apply flows to the lanes of a block.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>

namespace krogh::simulate {

/// Entry of a small matrix over (states, columns): row, and column among
/// states, then inputs.
struct FlowEntry {
  int row = 0;
  int column = 0;
  int position = 0;  ///< row of its values among (entries, lanes)
};

/// One application of flows. Entries are sorted by row.
struct FlowView {
  const FlowEntry* entries = nullptr;
  int num_entries = 0;
  int num_states = 0;
  int lanes = 0;
  const double* values = nullptr;   ///< (entries, lanes)
  const double* columns = nullptr;  ///< inputs, (columns, lanes)
};

}  // namespace krogh::simulate

/// flow_apply: y_new = M (y, inputs); flow_shift: y_new = y + shift M (y,
/// inputs), where a shift of zero changes nothing.
#define KROGH_DECLARE_FLOW_KERNELS(isa)                                                 \
  namespace krogh::isa {                                                                \
  void flow_apply(const simulate::FlowView& view, const double* y, double* y_new);      \
  void flow_shift(const simulate::FlowView& view, const double* shift, const double* y, \
                  double* y_new);                                                       \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_FLOW_KERNELS)
#undef KROGH_DECLARE_FLOW_KERNELS
