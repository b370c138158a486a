// Runs lines in a group of lanes: loading, stops, records, failures.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/line.hpp>

#include "model/line_tapes.hpp"
#include "simulate/line_block.hpp"
#include "simulate/line_tangent.hpp"

namespace krogh::simulate {

/// How the states of one model are held and judged.
struct LineTolerance {
  std::vector<double> atol;
  std::vector<char> may_be_negative;
};

/// What all threads of one call share. Read-only but for the two counters and the rows of result
/// and output that belong to the lines a thread has taken.
struct LineContext {
  const model::Program* program = nullptr;
  const model::LineTapes* tapes = nullptr;  ///< of the program
  const LineProblem* problem = nullptr;
  const LineOptions* options = nullptr;
  const LineOutput* output = nullptr;
  LineResult* result = nullptr;
  std::vector<LineFailure>* failures = nullptr;  ///< one per line
  LineTolerance tolerance;
  std::vector<double> knots;  ///< kinks of kinetics and table in time, in order
  integrate::StepControl control;
  const LineTangentPlan* tangents = nullptr;  ///< null: no directions

  const model::LineTapes* plasma_tapes = nullptr;  ///< null: no plasma
  std::vector<std::int32_t> plasma_kept;           ///< states of the plasma that are exchanged
  LineTolerance plasma_tolerance;

  std::atomic<std::int64_t> next_line{0};
  std::atomic<std::int64_t> finished{0};
  std::atomic<bool> stop{false};
};

/// Hands out consecutive pieces of a buffer.
class Pieces {
 public:
  explicit Pieces(AlignedBuffer& buffer) : next_(buffer.data()) {}
  double* operator()(std::size_t size) {
    double* const start = next_;
    next_ += size;
    return start;
  }

 private:
  double* next_;
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
    std::int64_t next_dose = 0;  ///< counted over all lines
    double stop_time = 0.0;
    LineStats stats;
  };

  /// Rows, tapes and memory of the cells of one model.
  void set_cells(LineCells& cells, AlignedBuffer& memory, const model::Program& program,
                 const model::LineTapes& tapes, const LineTolerance& tolerance, int file_rows);
  void place_rows();
  bool fill();
  void load(int lane, std::int64_t line);
  void load_transport(int lane, std::int64_t line);
  void load_branch(int lane, std::int64_t line, int branch);
  void load_states(int lane, std::int64_t line);
  void load_inputs(int lane, std::int64_t line);
  /// Everything that happens at the lane's time: pulses, doses, knots, records; then the next stop.
  void arrive(int lane);
  void move_inputs(int lane);
  void record(int lane);
  void after_step(int lane);
  void end(int lane, Status status);
  void give_up(int lane, Status status);

  // The plasma and the capillary, where there are any.
  void place_plasma();
  void place_vessel();
  void load_vessel(int lane, std::int64_t line);
  void load_plasma(int lane, std::int64_t line);
  /// Doses up to the lane's time; the last one of the line, or past it, in `next_dose`.
  void give_doses(int lane);
  std::int64_t last_dose(std::int64_t line) const;

  /// Where a row of a lane's cell stands.
  static double* place(const LineCells& cells, int row, int lane, std::int64_t cell);
  /// Names the first state of a lane that is not finite or too negative.
  void find_culprit(const LineCells& cells, int lane, LineFailure& failure) const;

  /// The same in the segments, without a cell.
  void find_in_vessel(int lane, LineFailure& failure) const;
  /// Names the state of a lane whose error of the last attempt was the largest.
  void find_largest_error(int lane, LineFailure& failure) const;

  LineContext& context_;
  const LineProblem& problem_;
  LineBlock block_;
  std::unique_ptr<LineTangents> tangents_;
  LinePlasma plasma_;
  LineVessel vessel_;
  AlignedBuffer files_, cells_, rows_, plasma_files_, plasma_rows_, vessel_rows_;
  std::vector<int> mobile_, wall_inputs_, starts_;
  std::vector<int> inlets_, plasma_kept_, exchange_mobile_, exchange_wall_, exchange_kept_;
  std::vector<Lane> lanes_;
};

}  // namespace krogh::simulate
