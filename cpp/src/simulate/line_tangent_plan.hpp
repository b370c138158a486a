// What all threads of one call share about its directions: checks, tapes, tables of terms.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <krogh/simulate/line.hpp>

#include "model/line_tapes.hpp"
#include "simulate/line_tangent_block.hpp"

namespace krogh::simulate {

/// @throws InvalidInput where tangents do not fit the problem, or room is not as large as results.
void validate_directions(const model::Program& program, const LineProblem& problem,
                         const LineOptions& options, const LineOutput& output);

/// Tangents of one line along one direction in an array with one set for all lines or one for each.
inline const double* tangent_of(std::span<const double> values, std::int64_t line,
                                std::int64_t direction, std::int64_t count, std::int64_t size) {
  const bool is_shared = static_cast<std::int64_t>(values.size()) == count * size;
  return values.data() + (is_shared ? 0 : line * count * size) + direction * size;
}

/// Parameters of one model along all directions.
struct MovedParameters {
  std::int32_t count = 0;  ///< of directions
  std::int32_t num_parameters = 0;
  std::span<const double> parameters;  ///< shape (sets, count, num_parameters)
  std::span<const std::int32_t> field_parameters;
  std::span<const double> fields;  ///< shape (sets, count, fields, num_cells)
  std::int64_t num_cells = 1;

  /// Values of a parameter in the cells of a line, one for all unless it is given by a field.
  std::span<const double> of(std::int64_t line, std::int64_t direction,
                             std::int32_t parameter) const;
};

/// Tapes of one model's tangents, and which terms each direction has. Read-only once made.
struct TangentModelPlan {
  TangentModelPlan(const model::Program& program, const model::LineTapes& line,
                   const std::vector<std::int32_t>& kept, const MovedParameters& moved,
                   int num_slots);
  int num_rows() const { return tapes->program.num_registers; }
  /// Rows and tapes for the kernel; its memory is the caller's.
  TangentCells cells() const;

  MovedParameters moved;
  /// Rows of moved parameters: direction, parameter.
  std::vector<std::pair<int, std::int32_t>> moves;
  const model::LineTangentTapes* tapes = nullptr;
  std::vector<TangentTerm> sources, time_sources, time_slopes, initial;
  std::vector<int> source_offsets, time_source_offsets, initial_offsets;
};

struct LineTangentPlan {
  /// @param plasma_tapes  null: no plasma.
  LineTangentPlan(const model::Program& program, const std::vector<std::int32_t>& kept,
                  const model::LineTapes& tapes, const std::vector<std::int32_t>& plasma_kept,
                  const model::LineTapes* plasma_tapes, const LineProblem& problem);

  int num_directions = 0;
  int num_slots = 0;
  TangentModelPlan tissue;
  std::vector<TangentModelPlan> plasma;  ///< one, or none
  /// Places of the directions among those that move the operator, inputs, factors; -1: none.
  std::vector<int> operators, inputs, factors;
  int num_operators = 0;
  int num_moved_inputs = 0;
  int num_moved_factors = 0;
};

}  // namespace krogh::simulate
