// The tapes of a model along a line made ready to run, once per set of kept states and width.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include <krogh/base/isa.hpp>

#include "expr/native_code.hpp"
#include "model/line_program.hpp"
#include "model/line_tangent_program.hpp"
#include "model/native_tapes.hpp"

namespace krogh::model {

/// Tapes of the elimination of all but the kept states, with the program's own, for blocks of one
/// width. Behind the registers stand the states at the start of a step and the unknowns of the four
/// stages, one row per state each.
struct LineTapes {
  LineTapes(const Program& program, const LineProgram& line, int width);
  LineTapes(const LineTapes&) = delete;  // tapes refer to instructions by address
  LineTapes& operator=(const LineTapes&) = delete;

  const LineProgram& line;
  const NativeTapes& native;
  expr::NativeTape prologue, first, again, stage;
  std::array<expr::NativeTape, 4> expand;
  int width = 0;
  int y_row = 0;
  std::array<int, 4> stage_rows{};
  int file_rows = 0;

 private:
  std::array<std::vector<expr::Instruction>, 4> expand_code_;
};

/// The tapes of tangents upon those of the line, for blocks of the same width.
struct LineTangentTapes {
  LineTangentTapes(const Program& program, const LineTapes& line,
                   const std::vector<std::int32_t>& parameters, int num_slots);
  LineTangentTapes(const LineTangentTapes&) = delete;  // tapes refer to instructions by address
  LineTangentTapes& operator=(const LineTangentTapes&) = delete;

  LineTangentProgram program;
  expr::NativeTape prologue, start_entries;
  std::array<expr::NativeTape, 4> curvatures, entries;
  std::vector<expr::NativeTape> linear, begin, end;  ///< per slot
  std::array<std::vector<expr::NativeTape>, 3> advance;
};

/// Programs and tapes made so far; safe to share by threads.
class LineCache {
 public:
  const LineProgram& program(const Program& program, const std::vector<std::int32_t>& kept);
  const LineTapes& tapes(const Program& program, const std::vector<std::int32_t>& kept, int width);
  /// @param parameters  those that move.
  const LineTangentTapes& tangents(const Program& program, const std::vector<std::int32_t>& kept,
                                   int width, const std::vector<std::int32_t>& parameters,
                                   int num_slots);

 private:
  const LineProgram& program_locked(const Program& program, const std::vector<std::int32_t>& kept);

  std::mutex mutex_;
  std::map<std::vector<std::int32_t>, std::unique_ptr<const LineProgram>> programs_;
  std::map<std::tuple<std::vector<std::int32_t>, int, InstructionSet>,
           std::unique_ptr<const LineTapes>>
      tapes_;
  std::map<
      std::tuple<std::vector<std::int32_t>, int, std::vector<std::int32_t>, int, InstructionSet>,
      std::unique_ptr<const LineTangentTapes>>
      tangents_;
};

}  // namespace krogh::model
