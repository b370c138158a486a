// Runs lines in a group of lanes: loading, stops, records, failures.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/line.hpp>

#include "expr/native_code.hpp"
#include "model/line_program.hpp"
#include "model/native_tapes.hpp"
#include "simulate/line_block.hpp"
#include "simulate/line_tangent.hpp"

namespace krogh::simulate {

/// What all threads of one call share. Read-only but for the two counters and the rows of result
/// and output that belong to the lines a thread has taken.
struct LineContext {
  const model::Program* program = nullptr;
  const model::NativeTapes* native = nullptr;  ///< the program's tapes
  const model::LineProgram* line = nullptr;
  const LineProblem* problem = nullptr;
  const LineOptions* options = nullptr;
  const LineOutput* output = nullptr;
  LineResult* result = nullptr;
  std::vector<LineFailure>* failures = nullptr;  ///< one per line
  std::vector<double> atol;
  std::vector<char> may_be_negative;
  std::vector<double> knots;  ///< kinks of kinetics and table in time, in order
  int width = 0;
  integrate::StepControl control;
  const LineTangentPlan* tangents = nullptr;  ///< null: no directions

  expr::NativeTape prologue, first, stage;
  std::array<expr::NativeTape, 4> expand;
  std::array<std::vector<expr::Instruction>, 4> expand_code;
  int y_row = 0;
  std::array<int, 4> stage_rows{};
  int file_rows = 0;

  std::atomic<std::int64_t> next_line{0};
  std::atomic<std::int64_t> finished{0};
  std::atomic<bool> stop{false};
};

/// The set of `line` in an array with one set for all lines or one for each.
inline const double* set_of(std::span<const double> values, std::int64_t line, std::int64_t size) {
  const auto all = static_cast<std::int64_t>(values.size());
  return values.data() + (all == size ? 0 : line * size);
}

/// One thread's group of lines.
class LineEngine {
 public:
  explicit LineEngine(LineContext& context);
  /// Takes lines until none is left. `report` (may be empty) is asked between steps.
  void run(const std::function<bool()>& report);

 private:
  struct Lane {
    std::int64_t line = -1;  ///< -1: idle
    std::int64_t next_record = 0;
    std::int64_t next_pulse = 0;
    std::int64_t next_knot = 0;
    double stop_time = 0.0;
    space::Grid grid;
    LineStats stats;
  };

  void place_rows();
  bool fill();
  void load(int lane, std::int64_t line);
  void load_transport(int lane, std::int64_t line);
  void load_states(int lane, std::int64_t line);
  /// Everything that happens at the lane's time: pulses, knots, records; then the next stop.
  void arrive(int lane);
  void move_inputs(int lane);
  void record(int lane);
  void after_step(int lane);
  void end(int lane, Status status);
  void give_up(int lane, Status status);

  double* place(int row, int lane, std::int64_t cell) const;

  LineContext& context_;
  const LineProblem& problem_;
  LineBlock block_;
  std::unique_ptr<LineTangents> tangents_;
  AlignedBuffer files_, cells_, rows_;
  std::vector<int> mobile_, wall_inputs_;
  std::vector<Lane> lanes_;
};

}  // namespace krogh::simulate
