// Instruction sets for which kernels are compiled, and the one chosen at run time.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string_view>

#include <krogh/base/export.hpp>

namespace krogh {

/// Levels of x86-64 (psABI), or `plain` on other processors.
enum class InstructionSet : std::uint8_t { plain, x86_v2, x86_v3, x86_v4 };

/// The best set that this processor has and this build carries; found once.
KROGH_EXPORT InstructionSet selected_instruction_set();

/// Whether the processor can run kernels of that set.
KROGH_EXPORT bool is_available(InstructionSet set);

/// For tests: kernels of `set` are used from now on. @throws InvalidInput if not available.
KROGH_EXPORT void select_instruction_set(InstructionSet set);

/// "x86-64-v3" and so on.
KROGH_EXPORT std::string_view name_of(InstructionSet set);

}  // namespace krogh

#if defined(__x86_64__) || defined(_M_X64)
#define KROGH_FOR_EACH_ISA(macro) macro(x86_v2) macro(x86_v3) macro(x86_v4)
/// Pointer to the function of that name for the selected set.
#define KROGH_DISPATCH(function)                                            \
  (::krogh::selected_instruction_set() == ::krogh::InstructionSet::x86_v4   \
       ? &::krogh::x86_v4::function                                         \
   : ::krogh::selected_instruction_set() == ::krogh::InstructionSet::x86_v3 \
       ? &::krogh::x86_v3::function                                         \
       : &::krogh::x86_v2::function)
#else
#define KROGH_FOR_EACH_ISA(macro) macro(plain)
#define KROGH_DISPATCH(function) (&::krogh::plain::function)
#endif
