// Declarations of the tape kernels, one per instruction set.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/isa.hpp>
#include <krogh/expr/tape.hpp>

#define KROGH_DECLARE_TAPE_KERNELS(isa)                                    \
  namespace krogh::isa {                                                   \
  void tape_run(const expr::TapeView& tape, double* registers, int lanes); \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_TAPE_KERNELS)
#undef KROGH_DECLARE_TAPE_KERNELS
