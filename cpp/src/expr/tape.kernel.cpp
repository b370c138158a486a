// Tape interpreter: each instruction is one loop over all lanes of a block.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/expr/tape.hpp>

#include "base/kernel_math.hpp"

namespace krogh::KROGH_ISA {
namespace {

using expr::Code;
using expr::Instruction;
using expr::Op;
using expr::TableView;

/// Value or slope of a table at x; NaN outside its range (see expr::interpolate).
double table_value(const TableView& table, double x, bool slope) {
  const int n = table.size;
  if (!(x >= table.x[0] && x <= table.x[n - 1])) return __builtin_nan("");
  int low = 0;
  int high = n - 1;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (table.x[middle] <= x) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const double h = table.x[high] - table.x[low];
  const double s = (x - table.x[low]) / h;
  const double y0 = table.y[low];
  const double y1 = table.y[high];
  if (table.kind == expr::Interpolation::step) {
    if (slope) return 0.0;
    return x >= table.x[high] ? y1 : y0;
  }
  if (table.kind == expr::Interpolation::linear) return slope ? (y1 - y0) / h : y0 + s * (y1 - y0);
  const double m0 = h * table.slope[low];
  const double m1 = h * table.slope[high];
  const double c2 = 3.0 * (y1 - y0) - 2.0 * m0 - m1;
  const double c3 = m0 + m1 - 2.0 * (y1 - y0);
  if (slope) return (m0 + s * (2.0 * c2 + 3.0 * s * c3)) / h;
  return y0 + s * (m0 + s * (c2 + s * c3));
}

#define KROGH_LANES(expression)                      \
  {                                                  \
    KROGH_SIMD                                       \
    for (int l = 0; l < L; ++l) d[l] = (expression); \
  }                                                  \
  break

template <int L>
void run(const expr::TapeView& tape, double* registers) {
  const Instruction* const end = tape.code + tape.size;
  for (const Instruction* ins = tape.code; ins != end; ++ins) {
    double* d = registers + static_cast<long>(ins->target) * L;
    const double* a = registers + static_cast<long>(ins->a) * L;
    const double* b = registers + static_cast<long>(ins->b) * L;
    const double* c = registers + static_cast<long>(ins->c) * L;
    switch (ins->code) {
      case static_cast<unsigned>(Op::add): KROGH_LANES(a[l] + b[l]);
      case static_cast<unsigned>(Op::sub): KROGH_LANES(a[l] - b[l]);
      case static_cast<unsigned>(Op::mul): KROGH_LANES(a[l] * b[l]);
      case static_cast<unsigned>(Op::div): KROGH_LANES(a[l] / b[l]);
      case static_cast<unsigned>(Op::neg): KROGH_LANES(-a[l]);
      case static_cast<unsigned>(Code::copy): KROGH_LANES(a[l]);
      case static_cast<unsigned>(Code::multiply_add): KROGH_LANES(fma_(a[l], b[l], c[l]));
      case static_cast<unsigned>(Code::multiply_subtract): KROGH_LANES(fma_(a[l], b[l], -c[l]));
      case static_cast<unsigned>(Code::negative_multiply_add): KROGH_LANES(fma_(-a[l], b[l], c[l]));
      case static_cast<unsigned>(Op::min): KROGH_LANES(a[l] < b[l] ? a[l] : b[l]);
      case static_cast<unsigned>(Op::max): KROGH_LANES(a[l] > b[l] ? a[l] : b[l]);
      case static_cast<unsigned>(Op::abs): KROGH_LANES(__builtin_fabs(a[l]));
      case static_cast<unsigned>(Op::sqrt): KROGH_LANES(__builtin_sqrt(a[l]));
      case static_cast<unsigned>(Op::exp): KROGH_LANES(exp_(a[l]));
      case static_cast<unsigned>(Op::log): KROGH_LANES(log_(a[l]));
      case static_cast<unsigned>(Op::log_positive): KROGH_LANES(a[l] > 0.0 ? log_(a[l]) : 0.0);
      case static_cast<unsigned>(Op::pow): KROGH_LANES(pow_(a[l], b[l]));
      case static_cast<unsigned>(Op::pivot):
        KROGH_LANES(__builtin_fabs(a[l]) < 1e-10 * __builtin_fabs(b[l]) ? __builtin_nan("")
                                                                        : 1.0 / a[l]);
      case static_cast<unsigned>(Op::select):
      case static_cast<unsigned>(Op::choose): KROGH_LANES(c[l] > 0.0 ? a[l] : b[l]);
      case static_cast<unsigned>(Op::lookup):
        for (int l = 0; l < L; ++l) d[l] = table_value(tape.tables[ins->c], a[l], false);
        break;
      case static_cast<unsigned>(Op::lookup_slope):
        for (int l = 0; l < L; ++l) d[l] = table_value(tape.tables[ins->c], a[l], true);
        break;
      default:  // rare functions: the scalar library, lane by lane
        for (int l = 0; l < L; ++l) d[l] = expr::apply(static_cast<Op>(ins->code), a[l], 0.0);
    }
  }
}

#undef KROGH_LANES

}  // namespace

void tape_run(const expr::TapeView& tape, double* registers, int lanes) {
  switch (lanes) {
    case 8: run<8>(tape, registers); break;
    case 16: run<16>(tape, registers); break;
    default: run<32>(tape, registers);
  }
}

}  // namespace krogh::KROGH_ISA
