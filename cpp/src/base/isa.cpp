// Choice of the instruction set by what the processor reports.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/isa.hpp>

#include <atomic>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh {
namespace {

InstructionSet best_set() {
#if defined(__x86_64__) || defined(_M_X64)
  if (is_available(InstructionSet::x86_v4)) return InstructionSet::x86_v4;
  if (is_available(InstructionSet::x86_v3)) return InstructionSet::x86_v3;
  return InstructionSet::x86_v2;
#else
  return InstructionSet::plain;
#endif
}

std::atomic<InstructionSet>& selection() {
  static std::atomic<InstructionSet> chosen{best_set()};
  return chosen;
}

}  // namespace

bool is_available(InstructionSet set) {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  switch (set) {
    case InstructionSet::plain: return false;
    case InstructionSet::x86_v2: return __builtin_cpu_supports("sse4.2") != 0;
    case InstructionSet::x86_v3:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
             __builtin_cpu_supports("bmi2") != 0;
    case InstructionSet::x86_v4:
      return is_available(InstructionSet::x86_v3) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512cd") != 0;
  }
  return false;
#else
  return set == InstructionSet::plain;
#endif
}

InstructionSet selected_instruction_set() { return selection().load(std::memory_order_relaxed); }

void select_instruction_set(InstructionSet set) {
  if (!is_available(set))
    throw InvalidInput("instruction set " + std::string(name_of(set)) +
                       " is not available on this processor");
  selection().store(set, std::memory_order_relaxed);
}

std::string_view name_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::plain: return "plain";
    case InstructionSet::x86_v2: return "x86-64-v2";
    case InstructionSet::x86_v3: return "x86-64-v3";
    case InstructionSet::x86_v4: return "x86-64-v4";
  }
  return "unknown";
}

}  // namespace krogh
