// Flows applied to the lanes of a block: a sparse matrix per lane times a vector per lane.
// SPDX-License-Identifier: BSD-3-Clause
#include "base/kernel_math.hpp"
#include "simulate/propagator_kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

using simulate::FlowEntry;
using simulate::FlowView;

template <int L, bool shifts>
void rows(const FlowView& view, const double* shift, const double* const* starts) {
  const FlowEntry* e = view.entries;
  const FlowEntry* const end = e + view.num_entries;
  for (int t = 0; t < view.num_targets; ++t) {
    double sum[static_cast<std::size_t>(L)];
    for (int l = 0; l < L; ++l) sum[l] = 0.0;
    for (; e != end && e->target == t; ++e) {
      const double* m = view.values + static_cast<long>(e->position) * L;
      const double* x = view.sources[e->source];
      KROGH_SIMD
      for (int l = 0; l < L; ++l) sum[l] = fma_(m[l], x[l], sum[l]);
    }
    double* target = view.targets[t];
    if (shifts) {
      const double* start = starts[t];
      KROGH_SIMD
      for (int l = 0; l < L; ++l)
        target[l] = shift[l] == 0.0 ? start[l] : fma_(shift[l], sum[l], start[l]);
    } else {
      for (int l = 0; l < L; ++l) target[l] = sum[l];
    }
  }
}

template <bool shifts>
void dispatch(const FlowView& view, const double* shift, const double* const* starts) {
  switch (view.lanes) {
    case 8: rows<8, shifts>(view, shift, starts); break;
    case 16: rows<16, shifts>(view, shift, starts); break;
    default: rows<32, shifts>(view, shift, starts);
  }
}

}  // namespace

void flow_apply(const FlowView& view) { dispatch<false>(view, nullptr, nullptr); }

void flow_shift(const FlowView& view, const double* shift, const double* const* starts) {
  dispatch<true>(view, shift, starts);
}

}  // namespace krogh::KROGH_ISA
