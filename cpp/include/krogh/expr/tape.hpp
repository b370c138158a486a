// Instruction tape: an expression graph flattened into register operations on blocks of lanes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include <krogh/base/export.hpp>
#include <krogh/expr/graph.hpp>

namespace krogh::expr {

/// Lane counts for which kernels are compiled. A register is one row of that many doubles.
inline constexpr int lane_counts[] = {8, 16, 32};

/// Operation codes of the tape: the values of Op, and the fused ones that follow.
enum class Code : std::uint32_t {
  copy = 64,
  multiply_add,           ///< a b + c
  multiply_subtract,      ///< a b - c
  negative_multiply_add,  ///< c - a b
};

/// One instruction; operands are register numbers. `c` of a lookup is the table number.
struct Instruction {
  std::uint32_t code = 0;
  std::uint32_t target = 0;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint32_t c = 0;
};

/// Table as seen by the kernels.
struct TableView {
  Interpolation kind = Interpolation::linear;
  std::int32_t size = 0;
  const double* x = nullptr;
  const double* y = nullptr;
  const double* slope = nullptr;
};

/// A tape as seen by the kernels.
struct TapeView {
  const Instruction* code = nullptr;
  std::int32_t size = 0;
  const TableView* tables = nullptr;
};

/// A root of a tape and the register that shall hold it.
struct TapeRoot {
  NodeId node = no_node;
  std::uint32_t target = 0;
};

/// Registers in which nodes are already available when a tape starts.
using RegisterMap = std::unordered_map<NodeId, std::uint32_t>;

/// Compiles `roots` into straight-line code. Nodes in `available` are read, everything else is
/// computed; products that feed one sum are fused; temporaries start at `first_temporary` and are
/// reused as soon as they are dead. Targets must not be registers that `available` still needs.
/// @param high_water  raised to one past the last temporary register used.
/// @throws InvalidInput if a symbol is neither available nor computable.
KROGH_EXPORT std::vector<Instruction> compile_tape(const Graph& graph,
                                                   std::span<const TapeRoot> roots,
                                                   const RegisterMap& available,
                                                   std::uint32_t first_temporary,
                                                   std::uint32_t& high_water);

/// Runs a tape over a register file with the kernels of the selected instruction set.
/// @param registers  shape (registers, lanes), 64-byte aligned, lanes in {8, 16, 32}.
KROGH_EXPORT void run_tape(const TapeView& tape, double* registers, int lanes);

/// The same code with registers first .. first + count - 1 renamed to those from `to` on.
KROGH_EXPORT std::vector<Instruction> moved(std::vector<Instruction> tape, std::int32_t first,
                                            std::int32_t count, std::int32_t to);

/// Runs one lane and returns the index of the first instruction that makes a non-finite value from
/// finite operands, or -1. `registers` as for run_tape.
KROGH_EXPORT std::int32_t first_failure(const TapeView& tape, double* registers, int lanes,
                                        int lane);

}  // namespace krogh::expr
