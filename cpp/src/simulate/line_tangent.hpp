// Forward sensitivities of one thread's group of lines.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/line.hpp>

#include "simulate/line_tangent_plan.hpp"

namespace krogh::simulate {

/// Tangents of a group: their memory, loading and records.
class LineTangents {
 public:
  LineTangents(const LineTangentPlan& plan, const LineProblem& problem, LineBlock& block);

  /// Operator, moved parameters and first states of a line; the files' own rows are loaded.
  void load(int lane, std::int64_t line);
  /// Brings the amplitudes forward by `age`, before the line's own are.
  void decay(int lane, double age);
  /// Adds what a pulse brings.
  void add_pulse(int lane, std::int64_t line, std::int64_t pulse);
  /// Table piece between points `low` and `high`, at time `t`.
  void set_table(int lane, std::int64_t line, std::int64_t low, std::int64_t high, double t);
  /// A dose of the plasma, counted over all lines.
  void give_dose(int lane, std::int64_t dose);
  /// Tangents over the step just done.
  void step();
  /// Writes one record; names in `failure` the first state that is not finite.
  void record(int lane, std::int64_t line, std::int64_t record,
              const std::vector<std::int32_t>& recorded, const LineOutput& output,
              LineFailure& failure) const;

 private:
  void place_rows();
  void load_operator(int lane, std::int64_t line);
  void load_branch(int lane, std::int64_t line, int direction, int branch);
  void load_inputs(int lane, std::int64_t line);
  void load_factors(int lane, std::int64_t line);
  /// Moved parameters and first states of one model.
  void load_model(const LineCells& cells, const TangentCells& tangents,
                  const TangentModelPlan& plan, std::span<const double> initial,
                  bool is_initial_given, int lane, std::int64_t line);
  static double* place(const LineCells& cells, const TangentCells& tangents, int direction,
                       int state, int lane, std::int64_t cell);

  const LineTangentPlan& plan_;
  const LineProblem& problem_;
  const LineDirections& directions_;
  LineBlock& block_;
  LineTangentBlock tangent_;
  TangentPlasma plasma_;
  AlignedBuffer memory_;
};

}  // namespace krogh::simulate
