// Compiled model: the tapes, registers and structure that the solvers run on blocks of lanes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <krogh/base/export.hpp>
#include <krogh/expr/graph.hpp>
#include <krogh/expr/tape.hpp>

namespace krogh::model {

/// How doses into one compartment (state) behave. Each is an expression of parameters, or no_node.
struct DoseAttributes {
  expr::NodeId bioavailability = expr::no_node;  ///< F, default 1
  expr::NodeId lag = expr::no_node;              ///< lag time, default 0
  expr::NodeId duration = expr::no_node;         ///< D, for doses with RATE = -2
  expr::NodeId rate = expr::no_node;             ///< R, for doses with RATE = -1
  /// What one unit of dose is in the state (1/volume where the state is a concentration), default
  /// 1: multiplies amounts and rates alike, while F changes the duration of an infusion.
  expr::NodeId scale = expr::no_node;
  /// Parameters that receive arrival time and amount F*AMT of a dose, or -1. With `stored_slots`
  /// k > 1 the parameters [time, time + k) and [amount, amount + k) form a ring of recent doses.
  std::int32_t time_parameter = -1;
  std::int32_t amount_parameter = -1;
  std::int32_t stored_slots = 1;
  bool adds_amount = true;  ///< false: the dose is only stored, an input function delivers it
};

/// Something that happens when a trigger crosses zero.
struct Event {
  expr::NodeId trigger = expr::no_node;
  int direction = 0;  ///< +1 upward, -1 downward, 0 both
  std::vector<std::pair<std::int32_t, expr::NodeId>> assignments;  ///< (state, new value)
};

/// A model as the graph of its right-hand side.
struct ModelSpec {
  expr::Graph graph;
  std::vector<std::string> state_names;      ///< shape (num_states,)
  std::vector<std::string> parameter_names;  ///< shape (num_parameters,)
  std::vector<std::string> output_names;     ///< shape (num_outputs,)
  std::vector<expr::NodeId> derivatives;     ///< dy/dt, shape (num_states,)
  std::vector<expr::NodeId> initial;         ///< y(t0), functions of parameters, (num_states,)
  std::vector<char> steady_initial;  ///< 1: start where dy/dt = 0, `initial` is the guess; or empty
  std::vector<expr::NodeId> outputs;  ///< shape (num_outputs,)
  std::vector<DoseAttributes> doses;  ///< shape (num_states,) or empty
  std::vector<Event> events;
};

/// Registers of the fixed regions; a region of k values starts at its number. -1: not present.
struct RegisterLayout {
  std::int32_t parameters = 0;
  std::int32_t time = 0;
  std::int32_t states = 0;
  std::int32_t modes = 0;            ///< +1 or -1 per switching surface
  std::int32_t input_rates = 0;      ///< infusion rate into each state
  std::int32_t inverse_step = 0;     ///< 1/(h gamma)
  std::int32_t sums = 0;             ///< negative right-hand side of a stage, without F
  std::int32_t solution = 0;         ///< u_i of a stage; results of the initial-value tape
  std::int32_t slopes = 0;           ///< F at the start of the step
  std::int32_t time_slopes = -1;     ///< dF/dt, if the model depends on time explicitly
  std::int32_t jacobian = 0;         ///< entries of the Jacobian that are not constant in a step
  std::int32_t outputs = 0;          ///< model outputs
  std::int32_t surfaces = 0;         ///< values of the switching surfaces
  std::int32_t first_temporary = 0;  ///< from here on: intermediate results of a tape
  std::int32_t count = 0;            ///< registers in all
};

/// Position of a Jacobian entry.
struct Entry {
  std::int32_t row = 0;
  std::int32_t column = 0;
  expr::NodeId node = expr::no_node;
};

/// Compiled tapes of one model.
struct ModelTapes {
  std::vector<expr::Instruction> prologue;      ///< parameters -> what depends on them alone
  std::vector<expr::Instruction> initial;       ///< -> solution
  std::vector<expr::Instruction> rhs;           ///< time, states -> slopes
  std::vector<expr::Instruction> rhs_jacobian;  ///< time, states -> slopes, time_slopes, jacobian
  std::vector<expr::Instruction> factor;    ///< jacobian, inverse_step, sums -> factors, solution
  std::vector<expr::Instruction> stage;     ///< time, states, sums, factors -> solution
  std::vector<expr::Instruction> solve;     ///< sums, factors -> solution
  std::vector<expr::Instruction> outputs;   ///< time, states -> outputs
  std::vector<expr::Instruction> surfaces;  ///< time, states -> surfaces
};

class NativeCache;
class LineCache;

/// A model compiled for the solvers. Immutable after construction and safe to share by threads.
class KROGH_EXPORT Program {
 public:
  /// @throws InvalidInput where sizes disagree, an index is out of range, or an initial value or
  /// dose attribute depends on states or time.
  explicit Program(ModelSpec spec);
  ~Program();
  Program(Program&&) noexcept;
  Program& operator=(Program&&) = delete;  // tapes and tables are referred to by address
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int num_states() const { return static_cast<int>(spec_.derivatives.size()); }
  int num_parameters() const { return static_cast<int>(spec_.parameter_names.size()); }
  int num_outputs() const { return static_cast<int>(spec_.outputs.size()); }
  int num_surfaces() const { return static_cast<int>(surfaces_.size()); }
  const ModelSpec& spec() const { return spec_; }
  /// The model as it was given, with one more parameter for each of `states`, in their order after
  /// the model's own: 1 where the state is on, 0 where its derivative and what events assign to it
  /// are zero. For schedules that turn compartments off and on.
  ModelSpec with_switches(const std::vector<int>& states) const;
  const RegisterLayout& layout() const { return layout_; }
  const ModelTapes& tapes() const { return tapes_; }
  const std::vector<expr::TableView>& tables() const { return table_views_; }

  /// Whether dy/dt = A y + b with A and b functions of parameters alone, without events.
  bool is_linear() const { return is_linear_; }
  /// Registers of A, row by row, (num_states^2,) and of b (num_states,) of a linear model.
  const std::vector<std::int32_t>& linear_registers() const { return linear_registers_; }
  /// Expressions of A, row by row, and of b of a linear model, shape (num_states^2 + num_states,).
  const std::vector<expr::NodeId>& linear_nodes() const { return linear_nodes_; }
  /// Nonzero entries of the Jacobian dF_i/dy_j.
  const std::vector<Entry>& jacobian() const { return jacobian_; }
  /// Register that holds each Jacobian entry after the rhs_jacobian tape.
  const std::vector<std::int32_t>& jacobian_registers() const { return jacobian_registers_; }
  /// Whether F depends on time other than through switching.
  bool depends_on_time() const { return layout_.time_slopes >= 0; }
  /// Times at which F has kinks, for linear tables of time; steps end there.
  const std::vector<double>& time_knots() const { return time_knots_; }
  /// Constants and the registers they are to be placed in.
  const std::vector<std::pair<std::int32_t, double>>& constants() const { return constants_; }
  /// Registers of dose attributes of each state: F, lag, D, R, scale; -1 where there is none.
  const std::vector<std::array<std::int32_t, 5>>& dose_registers() const { return dose_registers_; }
  /// Expressions whose zeros are the switching surfaces.
  const std::vector<expr::NodeId>& surface_nodes() const { return surfaces_; }
  /// Surface that belongs to each event, in the order of the specification.
  const std::vector<int>& event_surfaces() const { return event_surfaces_; }
  /// Registers (within the surfaces tape's results) of the events' new values.
  const std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>>& event_values() const {
    return event_values_;
  }
  /// Lanes per block that keep the working set near the first-level cache.
  int preferred_lanes(int num_stages) const;
  /// View of one of the tapes.
  expr::TapeView view(const std::vector<expr::Instruction>& tape) const;
  /// Nodes and the registers that hold them once the prologue has run and inputs are set.
  const expr::RegisterMap& base_registers() const { return base_; }
  /// Tapes made ready to run so far; for the solvers.
  NativeCache& native_cache() const { return *native_cache_; }
  /// The same of the tapes of lines.
  LineCache& line_cache() const { return *line_cache_; }

 private:
  void validate() const;
  void pin_surfaces();
  void replace_divisions();
  void build_jacobian();
  void build_linear_form();
  void compile();

  ModelSpec given_;  ///< before switches were pinned
  ModelSpec spec_;
  std::vector<expr::NodeId> surfaces_;
  std::vector<int> event_surfaces_;
  std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> event_values_;
  std::vector<Entry> jacobian_;
  std::vector<expr::NodeId> time_derivatives_;
  std::vector<expr::NodeId> linear_nodes_;
  std::vector<std::int32_t> linear_registers_;
  std::vector<std::int32_t> jacobian_registers_;
  bool is_linear_ = false;
  std::vector<double> time_knots_;
  RegisterLayout layout_;
  expr::RegisterMap base_;
  std::vector<std::pair<std::int32_t, double>> constants_;
  std::vector<std::array<std::int32_t, 5>> dose_registers_;
  std::vector<expr::TableView> table_views_;
  ModelTapes tapes_;
  std::unique_ptr<NativeCache> native_cache_;
  std::unique_ptr<LineCache> line_cache_;
};

}  // namespace krogh::model
