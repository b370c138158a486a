// Forward sensitivities along lines: what all threads share, and one thread's part.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/line.hpp>
#include <krogh/space/grid.hpp>

#include "expr/native_code.hpp"
#include "model/line_tangent_program.hpp"
#include "simulate/line_tangent_block.hpp"

namespace krogh::simulate {

/// @throws InvalidInput where tangents do not fit the problem, or room is not as large as results.
void validate_directions(const model::Program& program, const LineProblem& problem,
                         const LineOptions& options, const LineOutput& output);

/// Tapes and tables of one call, read-only once made.
class LineTangentPlan {
 public:
  /// @param y_row, stage_rows  as in model::LineTangentProgram.
  /// @param first_register     registers of a file before this one are the line's.
  LineTangentPlan(const model::Program& program, const model::LineProgram& line,
                  const LineProblem& problem, int width, std::int32_t y_row,
                  std::int32_t stage_rows, std::int32_t first_register);

  int num_directions = 0;
  int num_parameters = 0;
  int num_slots = 0;
  /// Rows of moved parameters: direction, position in `parameters`.
  std::vector<std::pair<int, int>> moves;
  std::vector<std::int32_t> parameters;  ///< that move in any direction
  model::LineTangentProgram program;
  expr::NativeTape prologue, start_entries;
  std::array<expr::NativeTape, 4> curvatures, entries;
  std::vector<expr::NativeTape> linear, begin, end;
  std::array<std::vector<expr::NativeTape>, 3> advance;
  std::vector<TangentTerm> sources, time_sources, time_slopes, initial;
  std::vector<int> source_offsets, time_source_offsets, initial_offsets;
  std::vector<int> operators, inputs;  ///< place of each direction, -1: none
  int num_operators = 0;
  int num_moved_inputs = 0;
};

/// Tangents of one group of lines.
class LineTangents {
 public:
  LineTangents(const LineTangentPlan& plan, const LineProblem& problem, LineBlock& block);

  /// Operator, moved parameters and first states of a line; the files' own rows are loaded.
  void load(int lane, std::int64_t line, const space::Grid& grid);
  /// Brings the amplitudes forward by `age`, before the line's own are.
  void decay(int lane, double age);
  /// Adds what a pulse brings.
  void add_pulse(int lane, std::int64_t line, std::int64_t pulse);
  /// Table piece between points `low` and `high`, at time `t`.
  void set_table(int lane, std::int64_t line, std::int64_t low, std::int64_t high, double t);
  /// Tangents over the step just done.
  void step();
  /// Writes one record. Returns state and cell that are not finite; -1: all are.
  std::pair<std::int32_t, std::int32_t> record(int lane, std::int64_t line, std::int64_t record,
                                               const std::vector<std::int32_t>& recorded,
                                               const std::vector<double>& volumes,
                                               const LineOutput& output) const;

 private:
  void place_rows();
  void load_operator(int lane, std::int64_t line, const space::Grid& grid);
  void load_moves(int lane, std::int64_t line);
  void load_states(int lane, std::int64_t line);
  double* place(int direction, int state, int lane, std::int64_t cell) const;
  std::int64_t num_places() const;

  const LineTangentPlan& plan_;
  const LineProblem& problem_;
  const LineDirections& directions_;
  LineBlock& block_;
  LineTangentBlock tangent_;
  AlignedBuffer memory_;
};

}  // namespace krogh::simulate
