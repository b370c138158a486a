// Records and runs of the point solver in as few words as a test needs.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <krogh/model/program.hpp>
#include <krogh/model/schedule.hpp>
#include <krogh/simulate/point.hpp>

namespace krogh_tests {

using krogh::model::Record;
using krogh::model::RecordKind;
using krogh::simulate::Direction;
using krogh::simulate::Method;
using krogh::simulate::PointOptions;
using krogh::simulate::PointOutput;
using krogh::simulate::PointResult;

inline Record observe(double time) { return {.time = time, .kind = RecordKind::observe}; }
inline Record bolus(double time, int state, double amount) {
  return {.time = time, .kind = RecordKind::dose, .target = state, .amount = amount};
}
inline Record infusion(double time, int state, double amount, double rate) {
  Record r = bolus(time, state, amount);
  r.rate = rate;
  return r;
}
/// The same dose at steady state (1: replaces, 2: adds) of dosing every `interval`.
inline Record steady(Record r, double interval, std::int8_t kind = 1) {
  r.steady = kind;
  r.interval = interval;
  return r;
}
inline Record again(Record r, double interval, int additional) {
  r.interval = interval;
  r.additional = additional;
  return r;
}
inline Record at(double time, RecordKind kind, int target = 0) {
  return {.time = time, .kind = kind, .target = target};
}

/// Values (observations, outputs), sensitivities with a last axis of directions, and metrics.
struct Run {
  PointResult result;
  std::vector<double> values, sensitivities, metrics;
  int outputs = 1;
  double value(std::size_t observation, int output = 0) const {
    return values[observation * static_cast<std::size_t>(outputs) +
                  static_cast<std::size_t>(output)];
  }
};

/// Runs `subjects` parameter sets on one list of records.
inline Run run(const krogh::model::Program& program, const std::vector<double>& parameters,
               std::vector<Record> records, const PointOptions& options = {},
               const krogh::RunControl& control = {.num_threads = 1, .keep_going = {}}) {
  const auto subjects = static_cast<std::int64_t>(parameters.size()) / program.num_parameters();
  const auto size = static_cast<std::int64_t>(records.size());
  const krogh::model::Schedule schedule(std::move(records), {0, size}, true);
  Run r;
  r.outputs = program.num_outputs();
  const auto values =
      static_cast<std::size_t>(subjects * schedule.total_observations() * program.num_outputs());
  r.values.resize(values);
  r.sensitivities.resize(values * options.sensitivities.size());
  r.metrics.resize(static_cast<std::size_t>(subjects * program.num_outputs()) *
                   options.windows.size() * krogh::simulate::num_metrics);
  PointOutput output;
  output.values = r.values;
  output.sensitivities = r.sensitivities;
  output.metrics = r.metrics;
  r.result = krogh::simulate::simulate_point(program, parameters, subjects, schedule, options,
                                             output, control);
  return r;
}

inline double relative(double found, double expected) {
  const double size = expected < 0.0 ? -expected : expected;
  const double difference = found - expected;
  return (difference < 0.0 ? -difference : difference) / (size > 0.0 ? size : 1.0);
}

}  // namespace krogh_tests
