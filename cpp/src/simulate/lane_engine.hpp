// Engine of the point solver: one block of lanes that works off a queue of subjects.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/point.hpp>

#include "integrate/lane_block.hpp"
#include "integrate/stepper.hpp"
#include "model/linear_drive.hpp"
#include "model/linear_form.hpp"
#include "model/native_tapes.hpp"

namespace krogh::simulate {

class PropagatorCache;
struct HandOver;
struct Motion;
struct StiffnessScreen;
struct SuspendedLane;

/// Lanes of the blocks that orbits run on: one is used.
inline constexpr int orbit_lanes = 8;

/// Derived times (TIME + lag + j II) this close after a record count as simultaneous with it.
inline double coincidence(double time) {
  return 4.0 * std::numeric_limits<double>::epsilon() * std::abs(time);
}

/// What all engines of one call share; read-only but for the queue position and the stop flag.
struct PointContext {
  const model::Program* program = nullptr;
  const model::TangentProgram* tangents = nullptr;  ///< null without sensitivities
  const model::LinearDrive* drive = nullptr;        ///< of models driven by their linear part
  std::vector<char>* left_to_stepper = nullptr;  ///< (num_subjects): linear part without real modes
  double tolerance_share = 1.0;  ///< of the norm over all states that the stepped ones may have
  std::vector<int> step_input_states;              ///< input states that the stepper moves
  const model::LinearForm* linear_form = nullptr;  ///< of linear models moved by propagators
  const model::NativeTapes* native = nullptr;      ///< tapes of both, ready for `lanes`
  const model::Schedule* schedule = nullptr;
  const PointOptions* options = nullptr;
  const PointOutput* output = nullptr;
  PointResult* result = nullptr;
  std::span<const double> parameters;
  std::span<const double> initial_states;  ///< (num_subjects, states), or empty: the model's own
  std::span<double> final_tangents;        ///< (num_subjects, states, directions), or empty
  bool ignores_dose_attributes = false;    ///< amounts are what reaches the compartment, at once
  /// Directions and tapes of the period map: initial states, then this call's own directions, then
  /// amount and duration of the two doses of an orbit. Present where a steady state may be needed.
  const std::vector<Direction>* orbit_directions = nullptr;
  const model::TangentProgram* orbit_tangents = nullptr;
  const model::NativeTapes* orbit_native = nullptr;  ///< ready for blocks of `orbit_lanes`
  bool has_one_parameter_set = false;
  std::int64_t num_given_parameters = 0;  ///< per subject; parameters behind them start at 1
  std::vector<std::int32_t> switches;     ///< parameter that turns a state off, -1: none; or empty
  std::int64_t num_subjects = 0;
  Method method = Method::rodas5p;
  integrate::Stepper stepper;
  int lanes = 32;
  std::vector<double> atol;
  std::vector<int> input_states;          ///< states that ever receive an infusion
  std::vector<std::int32_t> next_action;  ///< first record at or after i that is no observation
  integrate::StepControl control;
  HandOver* hand_over = nullptr;  ///< takes stiff subjects for another method; null: all stay
  bool has_queue = false;         ///< only the subjects of `queue`, then those of `resumed`
  std::vector<std::int64_t> queue;
  std::vector<SuspendedLane> resumed;
  void set_queue(std::vector<std::int64_t> subjects, std::vector<SuspendedLane> under_way);
  mutable std::atomic<std::int64_t> next_subject{0};
  mutable std::atomic<std::int64_t> finished{0};
  mutable std::atomic<bool> stop{false};
};

/// A dose with everything known at its record: amount reaching the compartment, rate, duration.
struct ActiveDose {
  std::int32_t state = 0;
  double amount = 0.0;  ///< F AMT
  double rate = 0.0;    ///< 0: bolus
  double duration = 0.0;
  std::vector<double> d_amount, d_time, d_rate, d_duration;  ///< per direction; or empty
};

/// Something that will happen to a lane: a dose arrives (perhaps the first of a train), or an
/// infusion ends.
struct Pending {
  double time = 0.0;
  std::int64_t order = 0;
  bool is_end = false;
  int dose = 0;       ///< index into the lane's doses
  double base = 0.0;  ///< arrival of the first dose of the train
  double interval = 0.0;
  std::int32_t next = 0;   ///< doses of the train given so far
  std::int32_t total = 0;  ///< doses of the train
};

/// One lane: which subject it holds and where that subject is in its records.
struct Lane {
  std::int64_t subject = -1;
  const model::Record* records = nullptr;
  std::int64_t cursor = 0;
  std::int64_t size = 0;
  std::int64_t first_record = 0;  ///< position of records[0] among all records
  std::int64_t observation = 0;   ///< row of the next observation in the output
  std::int64_t orders = 0;
  std::int32_t doses_seen = 0;
  double failure_time = 0.0;
  std::vector<Pending> pending;  ///< sorted by time, then order
  std::vector<ActiveDose> doses;
  std::vector<int> stored_next;  ///< next slot of stored doses per state
  std::int64_t crossings = 0;    ///< of switching surfaces at one point in time
  double crossing_time = 0.0;
  int crossing_surface = -1;  ///< surface on which the present step shall end
  SubjectStats stats;
  bool is_active = false;
};

/// A subject on its way from one engine to another, with all that its lane knows.
struct SuspendedLane {
  Lane lane;
  std::vector<double> registers, rows, states, tangents, metrics, gathered;
};

/// Subjects sorted by stiffness before they begin, and stiff ones that are under way.
struct HandOver {
  std::mutex mutex;
  std::vector<std::int64_t> calm;
  std::vector<std::int64_t> stiff;
  std::vector<SuspendedLane> running;
};

/// One block of lanes with its memory. Not shared between threads.
class LaneEngine {
 public:
  explicit LaneEngine(const PointContext& context);
  ~LaneEngine();

  /// Works until the queue is empty or the context's stop flag is set. `keep_going` is called
  /// between steps, about every few milliseconds; empty for threads other than the caller's.
  void run(const std::function<bool()>& keep_going);

  /// Sorts all subjects by a first judgement of their stiffness; nothing is integrated.
  void sort_by_stiffness(const StiffnessScreen& screen, const std::function<bool()>& keep_going);

 private:
  // lane_engine.cpp: filling lanes, stepping, finishing
  bool load(int lane);
  bool refill();
  int num_busy() const;
  void work_through_due();
  void begin(const std::vector<int>& lanes);
  void start_lanes(std::vector<int>& lanes);
  void attempt_step();
  void prepare_dense();
  void finish(int lane, Status status);
  void fail(int lane, Status status, int state, const std::string& cause);
  void name_failure(int lane);
  void make_idle(int lane);
  void update_stop(int lane);
  std::span<const Window> windows_of(int lane) const;
  void expect_observation(int lane);

  // lane_switch.cpp: subjects that change to another method
  std::vector<char> find_stiff(const std::vector<int>& lanes, const StiffnessScreen& screen);
  void hand_over_stiff();
  void suspend(int lane);
  void resume(int lane, const SuspendedLane& suspended);

  // lane_events.cpp: records, doses, observations
  void work_through_step();
  void give_up_lanes();
  void observe_inside_step();
  bool process_due(int lane);  ///< true: the lane waits for an emission at its present state
  void emit(const std::vector<int>& lanes);
  bool give_plain_bolus(int lane, const model::Record& record);
  bool is_on(int lane, int state);
  void switch_state(int lane, int state, bool on);
  std::vector<char> states_that_act(int lane);
  void give_record_dose(int lane, const model::Record& record);
  void arrive(int lane, int dose, double time);
  void end_infusion(int lane, int dose);
  void add_pending(int lane, Pending pending);
  void fire_pending(int lane);
  void refresh_rates(int lane);
  void reset_states(int lane);
  void set_parameter(int lane, int parameter, double value);
  void store_dose(int lane, const ActiveDose& dose);
  void forget_doses(int l);
  void run_prologue();
  ActiveDose resolve_dose(int lane, const model::Record& record, double& lag,
                          std::vector<double>& d_lag);
  void shift_tangents(int lane, const std::vector<double>& before, const std::vector<double>& after,
                      const std::vector<double>& d_time);
  std::vector<double> slopes_at(int lane);
  void mark_discontinuity(int lane);

  // lane_drive.cpp: a linear part that drives the rest
  struct Modes;
  bool begin_drive(int lane);
  bool find_modes(int lane);
  void start_drive(int lane);
  void settle_drive(int lane);

  // lane_exact.cpp: linear models
  void start_propagators();
  void advance_exactly();
  void advance_in_step(int first);
  void advance_apart();
  Motion motion();
  void swap_motion();

  // lane_exact_metrics.cpp
  void move_in_panels(const double* lengths);
  void take_outputs(const double* y, double* values, double* slopes);
  struct Panel {
    double start = 0.0;
    double length = 0.0;
    double value[2] = {0.0, 0.0};  ///< of an output at both ends
    double slope[2] = {0.0, 0.0};
  };
  /// What an output does inside a panel.
  struct PanelFinding {
    std::vector<std::pair<double, double>> extremes;  ///< (time, value)
    double time_above = 0.0;
    double reached = 0.0;  ///< first time at or above the threshold, NaN if never
  };
  void account_panel(int lane, int output, const Panel& panel, double integral,
                     const double* y_start);
  void inspect_panel(int lane, int output, const Panel& panel, const std::vector<double>& y,
                     PanelFinding& finding);

  // lane_surfaces.cpp: switching surfaces and events
  void reset_modes(int lane, int except);
  void locate_crossings();
  void cross(int lane);
  bool settle_after_jump(int lane, std::vector<int> events, int surface, std::vector<double> before,
                         const std::vector<double>& d_time);
  void assign(int lane, const std::vector<int>& events, const std::vector<double>& before,
              const std::vector<double>& d_time, std::vector<double>& tangents);
  std::vector<double> crossing_time_derivative(int lane, int surface,
                                               const std::vector<double>& slopes);
  void evaluate_surfaces(int lane);
  void evaluate_crossing_derivatives(int lane, const std::vector<double>& direction,
                                     double time_direction);

  // lane_steady.cpp: steady states
  bool steady_dose(int lane, const model::Record& record, const ActiveDose& dose, double lag);
  bool steady_initial(int lane);
  bool solve_at_rest(int lane, int input_state, double rate, std::vector<double>& y,
                     const std::vector<char>& is_solved, std::vector<double>& tangents,
                     const ActiveDose& dose);
  bool solve_periodic(int lane, const ActiveDose& dose, double interval, std::vector<double>& y,
                      std::vector<double>& tangents);
  bool rest_exactly(int lane, int input_state, const ActiveDose& dose,
                    const std::vector<char>& is_solved, std::vector<double>& y,
                    std::vector<double>& tangents);
  bool periodic_exactly(int lane, const ActiveDose& dose, double interval, double phase,
                        std::vector<double>& y, std::vector<double>& tangents);
  struct Orbit {
    std::vector<double> y;         ///< (states)
    std::vector<double> tangents;  ///< (states, directions of the orbit)
    bool is_valid = false;
  };
  Orbit run_orbit(int lane, const std::vector<double>& y, const ActiveDose& dose, double interval,
                  double length);
  double orbit_change(const Orbit& orbit, const ActiveDose& dose, double interval, int direction,
                      int state, int columns) const;
  void advance_phase(const Orbit& orbit, const ActiveDose& dose, double interval,
                     std::vector<double>& y, std::vector<double>& tangents);
  void move_phase(int lane, const std::vector<double>& y, const ActiveDose& dose,
                  const std::vector<double>& d_lag, double interval, double phase,
                  std::vector<double>& tangents);

  // lane_metrics.cpp
  void start_metrics(int lane);
  void take_metrics();
  double* gathered(int metric);
  void restart_gathering(int lane);
  void find_extremes(int lane, int output);
  void measure_time_above(int lane, int output);
  void give_to_windows(int lane);

  double& at(double* rows, int row, int lane) {
    return rows[static_cast<std::ptrdiff_t>(row) * lanes_ + lane];
  }
  double& reg(int number, int lane) { return at(registers_.data(), number, lane); }
  Lane& lane(int l) { return lanes_state_[static_cast<std::size_t>(l)]; }

  const PointContext& context_;
  const model::Program& program_;
  const model::RegisterLayout& layout_;
  int lanes_;
  int n_;
  int num_directions_;
  AlignedBuffer registers_;
  std::vector<int> entry_rows_, entry_columns_;  ///< of the Jacobian
  int num_registers_ = 0;                        ///< before the stage values
  AlignedBuffer rows_;                           ///< per-lane scalars
  AlignedBuffer vectors_;                        ///< states, stage values, dense output
  AlignedBuffer tangent_memory_;
  integrate::LaneBlock block_;
  integrate::LaneRows rows_of_;
  integrate::TangentBlock tangents_;
  double* tangent_dense_ = nullptr;
  double* tangent_point_ = nullptr;  ///< tangents where outputs are taken
  double* tangent_rates_ = nullptr;
  double* theta_ = nullptr;
  std::vector<Lane> lanes_state_;
  std::vector<std::vector<double>> metrics_;
  AlignedBuffer gathered_;  ///< samples of a step and metrics since the last stop
  std::vector<int> ready_;
  bool dense_is_ready_ = false;
  bool prologue_is_stale_ = false;
  bool is_drained_ = false;                            ///< the queue has no more subjects
  const std::function<bool()>* keep_going_ = nullptr;  ///< the caller's hook, on its own thread
  bool is_exact_ = false;                              ///< linear model, moved by propagators
  std::unique_ptr<PropagatorCache> propagators_;
  std::vector<std::shared_ptr<Modes>> modes_;
  AlignedBuffer exact_rows_;  ///< integrals, values and slopes of outputs at both ends of a panel
  PanelFinding finding_;
  std::vector<double> panel_state_, panel_system_, panel_derivative_, panel_next_;
  std::vector<double> calm_;  ///< per lane: time since something last happened to it
};

}  // namespace krogh::simulate
