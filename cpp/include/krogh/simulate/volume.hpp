// Volume solver: one model in the voxels of a box.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/base/export.hpp>
#include <krogh/base/run_control.hpp>
#include <krogh/model/program.hpp>
#include <krogh/simulate/line.hpp>
#include <krogh/space/voxels.hpp>

namespace krogh::simulate {

/// A state that moves, and what stands at the six sides of the box for it.
struct VolumeMobile {
  std::int32_t state = 0;
  std::array<space::Side, 6> sides{};
  /// Input that gives the concentration outside each side (per free volume); -1: zero.
  std::array<std::int32_t, 6> inputs{-1, -1, -1, -1, -1, -1};
};

/// What vessels within the voxels hand over to a mobile state: rate outside - rate_out C/eps.
struct VolumeExchange {
  std::int32_t mobile = 0;  ///< position among the mobile states
  std::int32_t input = -1;  ///< that gives the concentration in the vessels; -1: zero
  /// Immobile state, a number without unit, that multiplies the rate in its voxel; -1: none.
  std::int32_t factor_state = -1;
};

/// A membrane for a mobile state at the faces between two regions.
struct VolumeMembrane {
  std::int32_t mobile = 0;  ///< position among the mobile states
  space::RegionMembrane between;
};

/// An exchange whose vessels carry a state of the plasma.
struct VolumePlasmaExchange {
  std::int32_t exchange = 0;  ///< position among the exchanges, whose input must be -1
  std::int32_t state = 0;     ///< of the plasma
};

/// What a state of the plasma hears of the tissue: it grows by `factor` times the sum of volume
/// times state over the voxels, per time. The tissue loses nothing by it: what leaves as matter is
/// a mobile state with an exchange, which keeps amounts.
struct VolumePlasmaFeed {
  std::int32_t state = 0;         ///< of the plasma
  std::int32_t tissue_state = 0;  ///< mobile or not
  double factor = 0.0;            ///< per um^3 of the box and time, of either sign
};

/// A model that stands in the vessels: the concentration outside is `outside_factor` times its
/// state, which loses `uptake_factor` times the amount that enters the tissue per time. Both are
/// solved within the same stages.
struct VolumePlasmaProblem {
  const model::Program* program = nullptr;  ///< null: no plasma
  std::span<const double> parameters;       ///< shape (num_parameters,)
  std::span<const double> initial;          ///< shape (num_states,); empty: the model's
  std::vector<VolumePlasmaExchange> exchange;
  std::span<const double> outside_factor;  ///< shape (num_plasma_exchanges,)
  /// Per um^3 of the box; 0: the plasma does not feel the tissue, shape (num_plasma_exchanges,).
  std::span<const double> uptake_factor;
  std::span<const double> dose_times;  ///< in order
  std::span<const std::int32_t> dose_states;
  std::span<const double> dose_amounts;
  std::span<const DoseKind> dose_kinds;
  std::vector<VolumePlasmaFeed> feeds;
};

/// Changes some states of all voxels at once: number of the jump, and values of the states at that
/// time, shape (states, num_voxels), to be overwritten. Called on the calling thread.
using VolumeJump = std::function<void(std::int64_t, std::span<double>)>;

/// Transport from a time on: what is not empty takes the place of what the problem has, whose shape
/// it must have.
struct VolumeChange {
  double time = 0.0;
  space::FaceVelocity velocity;
  std::span<const double> exchange_rates;
  std::span<const double> exchange_out_rates;
};

/// dC_i/dt = div(D_i eps_i grad(C_i/eps_i) - r_i u C_i/eps_i) + sum of exchanges + kinetics for the
/// mobile states, kinetics alone for the others, in every voxel inside. Lengths [um], times in the
/// model's unit, concentrations per total tissue volume. Arrays over voxels have x fastest, then y,
/// then z. What is given "by place" has one number for each voxel, or one for each region. With
/// partition coefficients K everywhere eps K stands for eps: at rest C/(eps K) is the same on both
/// sides of a face, and C = eps K times the concentration outside.
struct VolumeProblem {
  std::array<std::span<const double>, 3> faces;  ///< along x, y, z [um]
  /// Region of each voxel; 255: outside, nothing passes; empty: one region.
  std::span<const std::uint8_t> regions;
  std::int32_t num_regions = 1;
  std::vector<VolumeMobile> mobile;
  std::int32_t axes = 1;                ///< diffusivities per voxel: 1, or 3 along x, y, z
  std::span<const double> diffusivity;  ///< [um^2/time], shape (num_mobile, axes, by place)
  std::span<const double> fraction;     ///< eps, shape (num_mobile, by place)
  std::vector<VolumeExchange> exchange;
  std::span<const double> exchange_rates;      ///< [1/time], shape (num_exchanges, by place)
  std::span<const double> parameters;          ///< shape (num_parameters,)
  std::vector<std::int32_t> field_parameters;  ///< parameters that differ from place to place
  std::span<const double> fields;              ///< shape (num_fields, by place)
  std::span<const double> initial;  ///< shape (num_states, num_voxels); empty: the model's

  /// Concentrations outside, as those of a line: sums of exponentials from pulses on, and a table.
  std::int32_t num_inputs = 0;
  std::int32_t num_terms = 0;
  std::span<const double> rates;             ///< [1/time], shape (num_inputs, num_terms)
  std::span<const double> pulse_times;       ///< increasing, shape (num_pulses,)
  std::span<const double> pulse_amplitudes;  ///< shape (num_pulses, num_inputs, num_terms)
  std::span<const double> table_times;       ///< shape (points,); empty: no table
  std::span<const double> table_values;      ///< shape (num_inputs, points)

  VolumePlasmaProblem plasma;

  double begin = 0.0;
  std::span<const double> record_times;  ///< increasing, not before begin; the last is the end

  /// Of C/eps [1/time], as `exchange_rates`; empty: the same as these.
  std::span<const double> exchange_out_rates;
  std::vector<VolumeMembrane> membranes;
  std::span<const double> partition;  ///< K, shape (num_mobile, by place); empty: 1
  /// u, the volume of fluid that passes per total area and time; empty: at rest. Where `velocity`
  /// and exchange carry what their fluid does, a uniform C/eps stays what it is.
  space::FaceVelocity velocity;
  std::span<const double> retardation;  ///< r, shape (num_mobile, by place); empty: 1
  bool is_corrected = true;  ///< false: convection stays as it is fitted, as that of a line

  /// Times at which `jump` changes the states `jump_states`, increasing, not before begin. A record
  /// at such a time comes after it.
  std::span<const double> jump_times;
  std::vector<std::int32_t> jump_states;
  VolumeJump jump;

  /// In order of time; those before the begin hold from the begin on.
  std::vector<VolumeChange> changes;
};

/// How steps are made.
enum class VolumeMethod : std::uint8_t { ros34pw2, rkc2 };

/// How the linear systems of ROS34PW2 are solved: by multigrid; by directions in turn where the
/// step is short enough for it and nothing else stands in the way, else by multigrid; or as is
/// faster, which is by multigrid.
enum class VolumeLinear : std::uint8_t { automatic, multigrid, adi };

struct VolumeOptions {
  double rtol = 1e-3;
  std::vector<double> atol;  ///< per state, in its unit, shape (num_states,); empty: rtol 0.1
  /// Residual at which a linear system counts as solved; the later stages of a step are solved by
  /// the linear operator that the first one found.
  double linear_rtol = 1e-2;
  double max_step = 0.0;    ///< 0: no limit
  double first_step = 0.0;  ///< 0: from the size of the derivatives
  double fixed_step = 0.0;  ///< > 0: no error control (order tests)
  std::int64_t max_steps = 1'000'000;
  std::vector<std::int32_t> signed_states;  ///< states that may be negative; the others are held
  std::vector<std::int32_t> recorded;       ///< states whose voxels are recorded
  std::vector<double> plasma_atol;          ///< as atol, for the states of the plasma
  std::vector<std::int32_t> plasma_signed;  ///< as signed_states, for those of the plasma
  VolumeMethod method = VolumeMethod::ros34pw2;
  VolumeLinear linear = VolumeLinear::automatic;
};

/// Counters of a run.
struct VolumeStats {
  std::int64_t accepted = 0;
  std::int64_t rejected = 0;
  std::int64_t linear_solves =
      0;  ///< per stage one for each set of states that depend on each other
  std::int64_t linear_iterations = 0;  ///< multigrid cycles of all solves
  std::int32_t most_iterations = 0;    ///< of one solve
  std::int64_t adi_steps = 0;          ///< solved by directions in turn
  std::int64_t adi_refused = 0;        ///< left to the multigrid as too much was left
  std::int64_t evaluations = 0;        ///< right-hand sides of RKC2 in all voxels
  std::int64_t most_stages = 0;        ///< of one step of RKC2
};

/// Where results go; the caller owns the memory. What is not reached, and voxels outside, are NaN.
struct VolumeOutput {
  /// Shape (records, num_recorded, num_voxels), or (1, num_recorded, num_voxels) if `one_record`.
  std::span<double> values;
  std::span<double> contents;  ///< amounts sum V C of every state, shape (records, num_states)
  /// Amounts that have entered by each exchange since the begin, shape (records, num_exchanges).
  std::span<double> exchanged;
  /// The same through each side of the box, shape (records, num_mobile, 6).
  std::span<double> entered;
  std::span<double> plasma;  ///< shape (records, plasma states); empty without one
  std::span<double> fed;     ///< what each feed has brought so far, shape (records, feeds)
  bool one_record = false;   ///< `values` holds the last record only; see VolumeHooks
};

/// Everything that decides the rest of a run, after an accepted step. Given back to the same
/// problem with the same options it goes on to the same bits, with any number of threads.
struct VolumeState {
  double time = 0.0;
  double step = 0.0;             ///< proposal for the next step
  double stop_time = 0.0;        ///< where a step must end next
  bool restart = false;          ///< whether the next step starts from the size of the slopes
  std::int64_t next_record = 0;  ///< records before it are in the output
  std::int64_t next_knot = 0;    ///< of the tissue's kinks in time
  std::int64_t next_jump = 0;
  VolumeStats stats;
  std::vector<double> voxels;  ///< shape (num_states, num_voxels)
  std::vector<double> scale;   ///< largest value of each state so far
  /// Amounts entered: exchanges, then sides of mobile states, then what feeds brought.
  std::vector<double> ledger;
  std::int64_t next_pulse = 0;  ///< of the inputs
  std::vector<double> inputs;   ///< their time, then amplitudes, values and slopes
  std::int64_t next_dose = 0;   ///< of the plasma
  std::vector<double> plasma;   ///< its time, then states, input rates, largest values
  std::vector<double> method;   ///< what the integrator keeps from step to step
};

/// What a caller wants to hear of while a run goes on. Called on the calling thread; exceptions
/// reach the caller after all threads have come to rest. None of them changes a step.
struct VolumeHooks {
  /// A record is in the output.
  std::function<void(std::int64_t record)> recorded;
  /// The state after an accepted step: at the earliest `keep_seconds` after the last call has come
  /// back (or the begin of the run), and after every `keep_steps` steps; 0: not for that reason.
  std::function<void(VolumeState&& state)> keep;
  double keep_seconds = 0.0;
  std::int64_t keep_steps = 0;
  bool keep_end = false;                ///< put the state at a successful end into the result, too
  const VolumeState* resume = nullptr;  ///< goes on from there
};

/// How a run ended. Where it failed: when, and the state and voxel that were not finite, too
/// negative or had the largest error; -1 where there are none.
struct VolumeResult {
  Status status = Status::success;
  VolumeStats stats;
  double time = 0.0;
  std::int32_t state = -1;
  std::int64_t voxel = -1;
  bool is_plasma = false;  ///< the state is one of the plasma (voxel is -1)
  int num_threads = 0;
  std::int32_t num_connected = 0;  ///< sets of voxels between which nothing passes
  /// After the last accepted step of a run that did not come to its end. None where it ended
  /// before the first step was prepared.
  std::optional<VolumeState> reached;
};

/// Solves the model in every voxel with ROS34PW2 (Rang & Angermann 2005), transport and kinetics
/// together (of convection the exponentially fitted part; its limited correction to second order,
/// Koren 1993, in Numerical Methods for Advection-Diffusion Problems, ed. Vreugdenhil & Koren, p.
/// 117, is explicit): what does not move is eliminated exactly voxel by voxel, what moves is solved
/// by generalized conjugate residuals with a multigrid cycle in single precision as preconditioner,
/// sets of states that depend on each other one way (a payload) one after the other.
/// A constant in every connected set of voxels then makes the sum of its residuals zero, so that
/// amounts are kept to rounding at any `linear_rtol`; what enters by exchanges and sides is an
/// unknown of the same stages, and so is the plasma, whose answer through the tissue is found once
/// a step. A step is accepted if the larger of the root mean square of the weighted errors and the
/// largest of them over K = 0.1/rtol (at most 100) is below one, and no held state lies below -rtol
/// times its largest value so far. Steps end exactly at pulses, kinks in time, jumps and records.
/// Rates that follow a state, and feeds, are taken at each stage's values; in the linear systems a
/// rate is that of the start of the step, and feeds are left out.
///
/// As an independent check, RKC2 (Sommeijer, Shampine & Verwer 1997) solves the same equations
/// explicitly, without any linear system, in as many stages as an upper bound of the Jacobian's
/// spectral radius asks for, with the same norm, ledger and rules of acceptance.
/// @throws InvalidInput before any work where shapes or values do not fit, or the model has events
/// or conditions, or the state to go on from belongs to another problem. Numerical failures are
/// reported in the result and never thrown.
/// @note Bits do not depend on the number of threads (on one machine and build).
KROGH_EXPORT VolumeResult simulate_volume(const model::Program& program,
                                          const VolumeProblem& problem,
                                          const VolumeOptions& options, const VolumeOutput& output,
                                          const RunControl& control = {},
                                          const VolumeHooks& hooks = {});

}  // namespace krogh::simulate
