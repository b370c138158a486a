// Machine code for tapes on x86-64: the same operations in the same order as the interpreter, so
// the same bits, with values kept in vector registers. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <krogh/expr/tape.hpp>

namespace krogh::expr {

/// Registers from `begin` to before `end`.
struct RegisterRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool contains(std::uint32_t r) const { return r >= begin && r < end; }
};

/// A tape made ready to run on blocks of a fixed number of lanes. Runs of instructions that have a
/// machine form (arithmetic, comparisons, roots) are native code; the rest (exponentials, tables,
/// rare functions) goes through the interpreter in between. Where the processor is no x86-64 with
/// AVX2, or the system grants no executable memory, everything is interpreted: same bits, slower.
/// Immutable after construction and safe to share by threads.
class NativeTape {
 public:
  NativeTape();
  /// @param temporaries  registers that need not hold anything when the tape ends.
  /// The tape's instructions and tables must outlive this object.
  NativeTape(const TapeView& tape, int lanes, RegisterRange temporaries);
  ~NativeTape();
  NativeTape(NativeTape&&) noexcept;
  NativeTape& operator=(NativeTape&&) noexcept;
  NativeTape(const NativeTape&) = delete;
  NativeTape& operator=(const NativeTape&) = delete;

  /// Runs over a register file, shape (registers, lanes), 64-byte aligned.
  void run(double* registers) const;
  /// Instructions that run natively; the others are interpreted.
  std::int32_t num_native() const { return num_native_; }

 private:
  using Function = void (*)(double*);
  struct Segment {
    Function function = nullptr;  ///< null: interpret `interpreted`
    TapeView interpreted;
  };
  class Memory;

  std::vector<Segment> segments_;
  std::unique_ptr<Memory> memory_;
  std::int32_t num_native_ = 0;
  int lanes_ = 0;
};

/// Whether native code can be made on this machine (found by making some).
bool has_native_code();

}  // namespace krogh::expr
