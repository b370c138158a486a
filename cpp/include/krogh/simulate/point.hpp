// Point solver: many subjects of one model without space, one subject per SIMD lane.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/base/export.hpp>
#include <krogh/base/run_control.hpp>
#include <krogh/model/program.hpp>
#include <krogh/model/schedule.hpp>

namespace krogh::simulate {

/// Integration methods. `automatic` takes exact propagators for linear models, an explicit method
/// where a probe says that the problem is not stiff, else Rodas4 or Rodas5P by tolerance.
enum class Method : std::uint8_t {
  automatic,
  rodas4,
  rodas5p,
  ros34pw2,
  explicit5,
  rkc2,
  propagator,
  mixed,  ///< the closed linear part of a model exactly, the rest by Rodas4 or Rodas5P
};

/// One direction of differentiation.
struct Direction {
  enum class Kind : std::uint8_t {
    parameter,
    initial,
    amount,
    time,
    duration,
    bioavailability,
    lag
  };
  Kind kind = Kind::parameter;
  std::int32_t index = 0;  ///< parameter, state, or position of the dose among the subject's doses
};

/// A window of time over which metrics of the outputs are taken.
struct Window {
  double begin = 0.0;
  double end = 0.0;
};

struct PointOptions {
  Method method = Method::automatic;
  double rtol = 1e-6;
  std::vector<double> atol;  ///< per state, in its unit, shape (num_states,); empty: rtol 1e-3
  double max_step = 0.0;     ///< 0: no limit
  double first_step = 0.0;   ///< 0: from the size of the derivatives
  double fixed_step = 0.0;   ///< > 0: no error control (order tests)
  std::int64_t max_steps = 1'000'000;  ///< per subject
  int lanes = 0;                       ///< 0: by the size of the model; else 8, 16 or 32
  std::vector<double>
      initial_states;  ///< (num_subjects, num_states) in place of the model's; or empty
  std::vector<Direction> sensitivities;
  std::vector<Window> windows;  ///< metrics are taken over these
  /// > 0: every subject has windows of its own, `windows` has shape (num_subjects, this); a window
  /// of NaN is none.
  std::int64_t windows_per_subject = 0;
  std::vector<double> thresholds;  ///< per output, for the time above; empty: zero
  bool stop_on_failure = false;    ///< give up the batch at the first failed subject
};

/// Counters of one subject.
struct SubjectStats {
  std::int64_t accepted = 0;
  std::int64_t rejected = 0;
  std::int64_t rhs_evaluations = 0;
  std::int64_t jacobians = 0;
  std::int64_t switches =
      0;  ///< 1: an automatic choice went from the explicit to an implicit method
};

/// What went wrong with one subject.
struct Failure {
  std::int64_t subject = 0;
  Status status = Status::success;
  double time = 0.0;
  std::int32_t state = -1;  ///< species involved, -1 if none
  std::string cause;        ///< "division by zero", "logarithm of a negative number", ...
};

/// Metrics of one output over one window: maximum, its time, minimum, its time, integral, time
/// above the threshold, last value, first time at or above the threshold (NaN if never).
inline constexpr int num_metrics = 8;

struct PointResult {
  Method method = Method::automatic;  ///< the method of all subjects, `automatic` where they differ
  std::vector<Method> methods;        ///< the method that finished each subject, (num_subjects,)
  int lanes = 0;
  int num_threads = 0;
  std::vector<Status> status;       ///< shape (num_subjects,)
  std::vector<SubjectStats> stats;  ///< shape (num_subjects,)
  std::vector<double>
      steady_residual;            ///< largest relative residual of a steady state, (num_subjects,)
  std::vector<Failure> failures;  ///< in order of subjects
};

/// Where results go; the caller owns the memory.
struct PointOutput {
  /// Outputs at observations: shape (num_subjects, num_observations, num_outputs) for a shared
  /// schedule, else (total_observations, num_outputs). NaN after a failure.
  std::span<double> values;
  /// d(outputs)/d(direction): shape as values with a last axis (num_directions,); or empty.
  std::span<double> sensitivities;
  /// shape (num_subjects, num_windows, num_outputs, num_metrics); or empty.
  std::span<double> metrics;
  /// Parameters' time unit is the records' time unit. Final states (num_subjects, num_states); or
  /// empty.
  std::span<double> final_states;
};

/// Solves the model for every subject.
/// @param parameters  shape (num_subjects, num_parameters), or (1, num_parameters) for all.
/// @param schedule    records of every subject.
/// @throws InvalidInput before any work where shapes or values do not fit. Numerical failures are
/// reported in the result, one Failure per subject, and never thrown.
/// @note Results of a subject do not depend on the thread count, the order or the number of
/// subjects, nor on the lane count: bits are equal on one machine and build.
KROGH_EXPORT PointResult simulate_point(const model::Program& program,
                                        std::span<const double> parameters,
                                        std::int64_t num_subjects, const model::Schedule& schedule,
                                        const PointOptions& options, const PointOutput& output,
                                        const RunControl& control = {});

}  // namespace krogh::simulate
