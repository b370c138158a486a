// Runs a volume: memory, steps by a team of threads, records, failures.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/simulate/volume.hpp>

#include "base/fresh_pages.hpp"
#include "base/team.hpp"
#include "linalg/krylov.hpp"
#include "model/line_tapes.hpp"
#include "simulate/volume_block.hpp"
#include "simulate/volume_inputs.hpp"
#include "simulate/volume_plasma.hpp"

namespace krogh::simulate {

inline std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Thrown while an engine is being built where its caller does not want to go on.
struct SetupStopped {};

/// One run. Built on one thread; `run` is called by every member of a team, each of which goes
/// through the same decisions on numbers of its own.
class VolumeEngine {
 public:
  VolumeEngine(const model::Program& program, const VolumeProblem& problem,
               const VolumeOptions& options, const VolumeOutput& output, const VolumeHooks& hooks,
               const std::function<bool()>& report, space::VoxelGrid grid);

  /// @param report  asked by member 0 between steps and cycles; false ends the run.
  void run(Team& team, int member, const std::function<bool()>& report);
  /// Share of the time that has passed, for progress; member 0 only.
  double progress() const { return progress_; }
  VolumeResult take_result() { return std::move(result_); }

 private:
  /// What a member keeps for itself: pointers, clock, sums that all members know alike.
  struct Member {
    Team& team;
    int number;
    const std::function<bool()>& report;
    VolumeBlock block;
    AlignedBuffer file;
    AlignedBuffer room;  ///< for lines in turn
    std::vector<double> outside, unit;
    VolumeInputs inputs;
    std::optional<VolumePlasma> plasma;
    std::vector<double> change, kept, taken;  ///< of the exchanges; of the plasma's kept states
    std::vector<double> answered;  ///< what exchanges let out of each response, (kept, exchanges)
    std::vector<double> fed;       ///< what feeds bring per time, (feeds)
    double stop_time = 0.0, step = 0.0;
    bool restart = true;
    std::size_t next_record = 0, next_knot = 0, next_jump = 0, next_change = 0;
    std::vector<linalg::KrylovRecipe> recipes;  ///< of the step, by system
    std::vector<linalg::Combination> solutions;
    std::vector<double> scale;   ///< largest value of each state so far
    std::vector<double> ledger;  ///< amounts entered, (entries), then what feeds brought, (feeds)
    std::vector<double> stage_ledger[4], entering, lowest, highest;
    VolumeStats stats;
    std::int64_t asked = 0;   ///< how often `goes_on` was called
    bool in_attempt = false;  ///< at a step that may be given up
    // Of the stabilized method: weights of the states of tissue and plasma, and rates of exchange
    // with the plasma: the largest of a voxel, the sum of rate V, that of what comes back.
    std::vector<double> weights, largest_rates, total_rates, returned_rates;
  };
  /// What the system of some mobile states needs.
  struct SystemMemory {
    std::vector<int> members;
    std::unique_ptr<linalg::Multigrid> multigrid;
    std::unique_ptr<linalg::Krylov> krylov;
    AlignedArray<float> right, supply;
  };
  enum class Attempt : std::uint8_t { accepted, refused, not_finite, not_solved, stopped };

  // Setting up. @throws SetupStopped
  void look() const {
    if (is_setting_up_ && !report_()) throw SetupStopped{};
  }
  void place_voxels();
  void place_transport();
  void place_row_loss();
  void place_slopes(std::int64_t direction);
  void place_tapes();
  void place_fields();
  void place_states();
  void number_pieces();
  std::vector<double> spread(std::span<const double> values, std::int64_t set, std::int64_t sets,
                             double outside) const;
  void start(Member& self);

  /// Adds up `count` numbers per piece over all pieces in order.
  template <class Work>
  void add_up(Member& self, AlignedBuffer& sums, std::int64_t count, double* totals,
              const Work& work);
  /// Runs `work` on the member's pieces. Within an attempt member 0 asks its caller after each.
  template <class Work>
  void each_piece(Member& self, const Work& work);

  // Beginning, keeping and going on.
  void place_start(Member& self);
  void restore(Member& self);
  VolumeState state_of(const Member& self) const;
  void keep(const Member& self);
  bool goes_on(Member& self);

  void arrive(Member& self);
  void jump(Member& self);
  void turn(Member& self);
  void record(Member& self);
  void choose_step(Member& self, double& used, bool& at_stop);
  Attempt attempt(Member& self);
  bool solve_stage(Member& self, int stage, Attempt& failure);
  bool solve_linear(Member& self, const std::vector<VolumeSystem>& systems,
                    std::vector<linalg::KrylovRecipe>* recipes, Attempt& failure);
  void place_even();
  void place_systems(std::array<bool, 3> periodic);
  std::vector<std::vector<int>> order_mobile();
  void find_constants(const Member& self, int stage);
  void take(Member& self) const;
  void solve_plasma(Member& self, const double* let_out);
  bool find_responses(Member& self, Attempt& failure);
  void place_plasma();
  void place_followed();
  void follow(Member& self, int stage);
  void sum_rates(Member& self);
  void set_change(Member& self) const;
  bool wants_adi() const { return options_.linear == VolumeLinear::adi; }
  void place_adi();
  bool takes_adi(double step) const;
  bool solve_adi(Member& self, double* x, Attempt& failure);
  bool try_adi(Member& self, Attempt& failure);
  Attempt judge(Member& self, double used);
  bool is_stabilized() const { return options_.method == VolumeMethod::rkc2; }
  void place_stabilized();
  template <class Work>
  void find_largest(Member& self, std::int64_t count, double* largest, const Work& work);
  void place_values(Member& self, double* values, double time);
  void measure_transport(Member& self);
  double begin_stabilized(Member& self);
  Attempt attempt_stabilized(Member& self);
  double entered_by(const Member& self, std::size_t entry) const;
  void place_outside(Member& self, int stage);
  void find_culprit(const Member& self, Status status);

  const model::Program& program_;
  const VolumeProblem& problem_;
  const VolumeOptions& options_;
  const VolumeOutput& output_;
  const VolumeHooks& hooks_;
  const std::function<bool()>& report_;  ///< for setting up
  space::VoxelGrid grid_;
  VolumeChange now_;  ///< the transport that holds
  bool is_setting_up_ = true;
  const model::LineTapes* tapes_ = nullptr;
  VolumeBlock block_;
  std::vector<VolumePiece> pieces_;
  std::vector<std::vector<std::int32_t>> piece_regions_;
  std::int64_t num_groups_ = 0;
  std::int64_t num_inside_ = 0;
  int num_entries_ = 0;
  std::vector<char> inside_;
  std::vector<std::int32_t> connected_;
  std::int32_t num_connected_ = 1;
  std::vector<int> mobile_, hidden_, field_rows_, exchange_mobile_;
  std::vector<float> closed_;
  std::vector<double> zeros_, field_table_;
  /// What enters and what leaves through the sides, of each mobile state.
  std::vector<std::array<std::array<std::vector<double>, 6>, 2>> sides_;
  std::vector<const double*> side_pointers_, side_out_pointers_;
  std::array<std::vector<double>, 3> upstream_;
  std::vector<std::int32_t> outside_inputs_;  ///< of the entries; -1: zero
  std::vector<std::int64_t> state_offset_, state_step_;
  std::vector<double> atol_, knots_;
  std::vector<char> may_be_negative_;
  FreshPages states_, slopes_, mobile_values_;
  AlignedBuffer volumes_, fractions_, constants_of_voxels_, exact_faces_, convection_, row_loss_,
      field_values_;
  AlignedArray<float> faces_, corrections_;
  AlignedBuffer size_sums_, entering_sums_, leaving_sums_, solution_sums_, finish_sums_,
      content_sums_;
  std::vector<std::int64_t> solution_offsets_;
  // Whether volumes and fractions are the same in all voxels: then they are kept for one piece.
  bool has_even_volumes_ = false, has_even_fractions_ = false;
  std::vector<SystemMemory> systems_;                        ///< in the order they are solved
  std::vector<VolumeSystem> system_views_, supplied_views_;  ///< the latter with other right sides
  std::vector<int> system_of_, component_of_;                ///< of the mobile states
  std::vector<VolumeLink> links_;
  AlignedBuffer responses_, extract_sums_;
  /// Rates V by connected region, of what enters and of what leaves, (2, regions, exchanges).
  std::vector<double> exchange_sums_;
  std::vector<double> rate_sums_;  ///< the same by piece, (pieces, 2, regions, exchanges)
  std::vector<int> followed_, factor_of_, feed_of_;
  std::vector<double> feed_factors_;
  AlignedBuffer follow_, feed_sums_;
  std::vector<double> plasma_shift_;  ///< of the kept states, with the constants of a stage
  int num_kept_ = 0;
  bool is_two_way_ = false;
  std::vector<double> operators_, constants_;  ///< of the connected regions
  double largest_error_ = 0.0;
  std::atomic<double> progress_{0.0};
  AlignedBuffer diagonal_;
  bool can_turn_ = false;   ///< directions in turn can be used ...
  double adi_ratio_ = 0.0;  ///< ... and gamma D/h_d^2, the largest
  /// The attempt is given up: what is left of a pass is not done, and the next `goes_on` says so.
  std::atomic<bool> is_abandoned_{false};
  std::atomic<std::int64_t> stop_at_{0};  ///< number of the call of `goes_on` that ends the run
  std::chrono::steady_clock::time_point last_kept_ = std::chrono::steady_clock::now();
  // Of the stabilized method: the kinetics' Jacobian, and what is measured of it.
  std::vector<int> jacobian_rows_, jacobian_columns_, jacobian_registers_, mobile_of_;
  std::int64_t num_bounds_ = 0;
  double total_volume_ = 0.0;
  AlignedBuffer bound_sums_;
  double span_ = 0.0;
  double peak_ = 10.0;
  VolumeResult result_;
};

/// Numbers from one piece's sums to the next: whole cache lines, one more than needed.
inline std::int64_t sum_stride(std::int64_t count) { return (count + 7) / 8 * 8 + 8; }

template <class Work>
void VolumeEngine::each_piece(Member& self, const Work& work) {
  const Share share =
      share_of(static_cast<std::int64_t>(pieces_.size()), self.number, self.team.size());
  for (std::int64_t p = share.begin; p < share.end; ++p) {
    if (is_abandoned_.load(std::memory_order_relaxed)) return;
    // Kernels find the first voxel of the piece where what is kept for one piece begins.
    const std::int64_t first = pieces_[idx(p)].first_row * self.block.shape[0];
    if (has_even_volumes_) self.block.volume = volumes_.data() - first;
    if (has_even_fractions_) {
      self.block.fraction = fractions_.data() - first;
      self.block.inverse_fraction =
          self.block.fraction + self.block.num_mobile * self.block.fraction_stride;
    }
    work(pieces_[idx(p)], p);
    if (self.number == 0 && self.in_attempt && !self.report()) is_abandoned_ = true;
  }
}

template <class Work>
void VolumeEngine::add_up(Member& self, AlignedBuffer& sums, std::int64_t count, double* totals,
                          const Work& work) {
  const std::int64_t stride = sum_stride(count);
  each_piece(self, [&](const VolumePiece& piece, std::int64_t p) {
    double* own = sums.data() + p * stride;
    std::fill_n(own, count, 0.0);
    work(piece, own);
  });
  self.team.wait();
  std::fill_n(totals, count, 0.0);
  for (std::size_t p = 0; p < pieces_.size(); ++p)
    for (std::int64_t k = 0; k < count; ++k)
      totals[k] += sums.data()[static_cast<std::int64_t>(p) * stride + k];
}

}  // namespace krogh::simulate
