// Flows applied to the lanes of a block: a sparse matrix per lane times a
// vector per lane. SPDX-License-Identifier: BSD-3-Clause
#include "simulate/propagator_kernel.hpp"

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::FlowEntry;
using simulate::FlowView;

template <int L>
const double* source_row(const FlowView& view, const double* y, int column) {
  return column < view.num_states ? y + static_cast<long>(column) * L
                                  : view.columns + static_cast<long>(column - view.num_states) * L;
}

template <int L, bool shifts>
void rows(const FlowView& view, const double* shift, const double* y, double* y_new) {
  int e = 0;
  for (int i = 0; i < view.num_states; ++i) {
    double sum[L];
    for (int l = 0; l < L; ++l) sum[l] = 0.0;
    for (; e < view.num_entries && view.entries[e].row == i; ++e) {
      const double* m = view.values + static_cast<long>(view.entries[e].position) * L;
      const double* x = source_row<L>(view, y, view.entries[e].column);
      KROGH_SIMD
      for (int l = 0; l < L; ++l) sum[l] = fma_(m[l], x[l], sum[l]);
    }
    double* target = y_new + static_cast<long>(i) * L;
    const double* start = y + static_cast<long>(i) * L;
    KROGH_SIMD
    for (int l = 0; l < L; ++l)
      target[l] = shifts ? (shift[l] == 0.0 ? start[l] : fma_(shift[l], sum[l], start[l])) : sum[l];
  }
}

template <bool shifts>
void dispatch(const FlowView& view, const double* shift, const double* y, double* y_new) {
  switch (view.lanes) {
    case 8: rows<8, shifts>(view, shift, y, y_new); break;
    case 16: rows<16, shifts>(view, shift, y, y_new); break;
    default: rows<32, shifts>(view, shift, y, y_new);
  }
}

}  // namespace

void flow_apply(const FlowView& view, const double* y, double* y_new) {
  dispatch<false>(view, nullptr, y, y_new);
}

void flow_shift(const FlowView& view, const double* shift, const double* y, double* y_new) {
  dispatch<true>(view, shift, y, y_new);
}

}  // namespace krogh::KROGH_ISA
