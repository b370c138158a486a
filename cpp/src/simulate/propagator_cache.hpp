// Exact propagators of a linear model for the lanes of a block, kept while they
// can be reused. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/model/program.hpp>

#include "linalg/matrix_exponential.hpp"
#include "simulate/propagator_kernel.hpp"

namespace krogh::simulate {

/// Flows of y' = A y + b + rates over the lengths of time used last. The system
/// is augmented with one constant column per infusion and one for b, so that a
/// flow is exp of one matrix: y(h) = E y + G (rates, 1) with E = exp(A h), G =
/// int_0^h exp(A s) ds applied to the columns.
///
/// What a lane computes follows from its own matrix, lengths and history alone.
/// Lengths that differ by rounding (0.3 - 0.2, 0.2 - 0.1) share one flow: a
/// length is rounded to 40 bits and the rest, below 2^-40 of it, is a first
/// step y + rest (A y + ...), whose neglected square is below 2^-55.
class PropagatorCache {
 public:
  /// @param input_states  states that ever receive an infusion.
  PropagatorCache(const model::Program& program, int lanes, std::span<const int> input_states);

  /// The matrix of a lane may have changed (parameters, a new subject,
  /// compartments switched).
  void invalidate(int lane) { is_stale_[static_cast<std::size_t>(lane)] = 1; }
  /// A state that is off has no derivative of its own and takes nothing in.
  void switch_state(int lane, int state, bool is_on);
  bool is_on(int lane, int state) const {
    return is_off_.empty() || is_off_[index(state, lane)] == 0;
  }

  /// y_new = flow of y over lengths[l] >= 0 for every lane; a length of 0
  /// leaves the lane as it is.
  /// @param registers  the block's registers, prologue done. @param y, y_new
  /// (states, lanes).
  void advance(const double* registers, const double* lengths, const double* y, double* y_new);

  /// Flow of one lane over `length` with the given constant rates (states) in
  /// place of its own.
  std::vector<double> flow(const double* registers, int lane, double length,
                           const std::vector<double>& y, const std::vector<double>& rates);

  /// State at rest under constant rates for the states in `is_solved`, the
  /// others held.
  /// @return false if there is none (no elimination), or if it is not stable.
  bool rest(const double* registers, int lane, const std::vector<double>& rates,
            const std::vector<char>& is_solved, std::vector<double>& y);

  /// Periodic state just before a dose of `amount` (rate 0) or an infusion of
  /// `rate` for `duration` (which may exceed the interval: infusions overlap)
  /// into `state`, for the states in `is_solved`, the others held. @return
  /// false if there is none, or if it is not stable.
  bool periodic(const double* registers, int lane, int state, double amount, double rate,
                double duration, double interval, const std::vector<char>& is_solved,
                std::vector<double>& y);

  int num_states() const { return n_; }

 private:
  /// Flows of all lanes, and the rounded length of each; NaN where there is
  /// none.
  struct Slot {
    AlignedBuffer flow;  ///< (kept entries, lanes)
    std::vector<double> lengths;
    std::vector<std::int64_t> last_use;
  };

  std::size_t index(int row, int lane) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(lanes_) +
           static_cast<std::size_t>(lane);
  }
  void gather(const double* registers);
  void gather(const double* registers, int lane);
  double rounded(int lane, double length) const;
  int find(int lane, double length) const;
  void build(const std::vector<int>& missing);
  struct Exponential {
    std::vector<double> high, low;  ///< (closure)
  };
  Exponential exponential(int lane, double length);
  bool solve(const std::vector<char>& is_solved, const std::vector<double>& matrix_high,
             const std::vector<double>& matrix_low, const std::vector<double>& right,
             std::vector<double>& y) const;

  const model::Program& program_;
  int lanes_;
  int n_;
  std::vector<int> input_states_;
  int num_columns_;                    ///< infusions and, if there is one, b
  bool has_constant_ = false;          ///< whether b can differ from zero
  std::vector<std::int32_t> sources_;  ///< register of each entry of X; -1: the number 1
  linalg::ExponentialPlan plan_;
  std::vector<FlowEntry> kept_;    ///< entries of exp(X) in rows of states
  std::vector<FlowEntry> drift_;   ///< entries of X
  AlignedBuffer matrix_;           ///< X of all lanes, (entries, lanes)
  AlignedBuffer columns_;          ///< rates and 1, (columns, lanes)
  AlignedBuffer shift_, rounded_;  ///< (lanes)
  AlignedBuffer work_flow_, work_y_;
  AlignedBuffer group_;        ///< matrices, lengths and results of one call of the kernel
  std::vector<double> norms_;  ///< largest column sum of |A|
  std::vector<char> is_stale_;
  std::vector<char> is_off_;  ///< (states, lanes), or empty
  std::vector<Slot> slots_;
  int last_slot_ = 0;
  std::int64_t uses_ = 0;
};

}  // namespace krogh::simulate
