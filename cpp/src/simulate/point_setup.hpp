// Preparation that a call of the point solver and its inner period maps share.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/lane_engine.hpp"

namespace krogh::simulate {

/// Fills what follows from program, schedule and options alone: tolerances, infusion states, the
/// next action of every record, room for the results. Method, stepper and tangents stay as set.
void prepare_run(PointContext& context, const model::Program& program,
                 std::span<const double> parameters, std::int64_t num_subjects,
                 const model::Schedule& schedule, const PointOptions& options,
                 const PointOutput& output, PointResult& result);

}  // namespace krogh::simulate
