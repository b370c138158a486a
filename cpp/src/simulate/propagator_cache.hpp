// Exact propagators of a linear model for the lanes of a block, kept while they can be reused.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/model/program.hpp>

#include "linalg/matrix_exponential.hpp"
#include "model/linear_form.hpp"
#include "simulate/propagator_kernel.hpp"

namespace krogh::simulate {

struct ActiveDose;

/// States, tangents and rates of a block of lanes, before and after a flow.
struct Motion {
  const double* y = nullptr;              ///< (states, lanes)
  double* y_new = nullptr;                ///< out
  const double* tangents = nullptr;       ///< (directions, states, lanes)
  double* tangents_new = nullptr;         ///< out
  const double* tangent_rates = nullptr;  ///< d(infusion rates), (directions, states, lanes)
  double* integrals = nullptr;            ///< out: of the outputs over the flow, (outputs, lanes)
};

/// Flows of y' = A y + b + rates over the lengths of time used last. The system is augmented with
/// one constant column per infusion and one for b, and with one row per output whose integral is
/// wanted, so that a flow is exp of one matrix; its derivatives to parameters move the tangents.
///
/// What a lane computes follows from its own matrix, lengths and history alone. Lengths that differ
/// by rounding (0.3 - 0.2, 0.2 - 0.1) share one flow: a length is rounded to 40 bits and the rest,
/// below 2^-40 of it, is a first step y + rest (A y + ...), whose neglected square is below 2^-55.
class PropagatorCache {
 public:
  /// @param input_states  states that ever receive an infusion.
  /// @param form  coefficients of outputs (if integrals are wanted) and derivatives of the matrix.
  PropagatorCache(const model::Program& program, int lanes, std::span<const int> input_states,
                  const model::LinearForm& form);

  /// The matrix of a lane may have changed (parameters, a new subject).
  void invalidate(int lane) {
    is_stale_[static_cast<std::size_t>(lane)] = 1;
    any_is_stale_ = true;
  }

  /// Flow over lengths[l] >= 0 for every lane; a length of 0 leaves the lane as it is.
  /// @param registers  the block's registers, prologue done.
  void advance(const double* registers, const double* lengths, const Motion& motion);

  /// The same for one length > 0 in all lanes.
  void advance_all(const double* registers, double length, const Motion& motion);

  /// dy/dt of all lanes at y, infusions included, into rows of states.
  void slopes(const double* registers, const double* y, double* target);

  /// Largest sum of absolute rates in a column of A: no mode is faster.
  double fastest(const double* registers, int lane) {
    if (is_stale_[static_cast<std::size_t>(lane)] != 0) gather(registers, lane);
    return norms_[static_cast<std::size_t>(lane)];
  }
  /// A of one lane, (states, states), with b + rates in a last column.
  void system(const double* registers, int lane, std::vector<double>& target);

  /// States and tangents of one lane.
  struct State {
    std::vector<double> y;         ///< (states)
    std::vector<double> tangents;  ///< (directions, states)
  };
  /// Constant rates into the states of one lane and their derivatives, as in State.
  using Rates = State;

  /// Flow of one lane over `length` with the given rates in place of its own.
  State flow(const double* registers, int lane, double length, const State& start,
             const Rates& rates);

  /// State at rest under constant rates for the states in `is_solved`, the others held.
  /// @return false if there is none (no elimination), or if it is not stable.
  bool rest(const double* registers, int lane, const Rates& rates,
            const std::vector<char>& is_solved, State& state);

  /// Periodic state just before a dose, for the states in `is_solved`, the others held; infusions
  /// longer than the interval overlap. @return false if there is none, or if it is not stable.
  bool periodic(const double* registers, int lane, const ActiveDose& dose, double interval,
                const std::vector<char>& is_solved, State& state);

  /// From just before a dose of a periodic train to `length` in [0, interval] after it.
  State orbit(const double* registers, int lane, const ActiveDose& dose, double interval,
              double length, State state);

 private:
  /// Flows of all lanes, and the rounded length of each; NaN where there is none.
  struct Slot {
    AlignedBuffer flow;  ///< (closure, lanes)
    std::vector<double> lengths;
    std::vector<std::int64_t> last_use;
  };
  struct Exponential {
    std::vector<double> high, low;  ///< (closure)
  };

  std::size_t index(int row, int lane) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(lanes_) +
           static_cast<std::size_t>(lane);
  }
  void list_products();
  void gather(const double* registers, int lane);
  double rounded(int lane, double length) const;
  int find(int lane, double length) const;
  void build(const std::vector<int>& missing);
  void point_to(const double* registers, const Motion& motion);
  void apply(const double* flow);
  Exponential exponential(int lane, double length);
  Rates no_rates() const;

  const model::Program& program_;
  int lanes_;
  int n_;
  int num_directions_;
  int num_integrals_ = 0;
  std::vector<int> input_states_;
  bool has_constant_ = false;  ///< whether there is a constant column
  int constant_column_ = 0;
  std::vector<std::int32_t> sources_;  ///< register of each entry of X; -1: the number 1
  linalg::ExponentialPlan plan_;
  std::vector<FlowEntry> products_;        ///< of a flow with what it moves
  std::vector<FlowEntry> drift_;           ///< of X with the same
  std::vector<FlowEntry> slope_products_;  ///< of A alone
  AlignedBuffer matrix_;                   ///< X and derivatives of all lanes, (entries, lanes)
  AlignedBuffer one_, zero_, shift_, rounded_;  ///< (lanes)
  AlignedBuffer work_flow_, work_;
  AlignedBuffer group_;  ///< matrices, lengths and results of one call of the kernel
  std::vector<const double*> source_rows_, shifted_rows_, start_rows_;
  std::vector<double*> target_rows_, work_rows_;
  std::vector<double> norms_;
  std::vector<char> is_stale_;
  bool any_is_stale_ = true;
  std::vector<Slot> slots_;
  std::int64_t uses_ = 0;
};

}  // namespace krogh::simulate
