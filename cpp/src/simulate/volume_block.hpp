// The voxels as the stepper kernels see them: plain pointers, one array per quantity.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include <krogh/base/isa.hpp>
#include <krogh/integrate/tableau.hpp>

#include "expr/native_code.hpp"
#include "linalg/multigrid.hpp"

namespace krogh::simulate {

/// The linear system of mobile states that depend on each other. Those it depends on besides are
/// solved before; what they contribute is on the right-hand side by then.
struct VolumeSystem {
  int count = 0;
  const int* members = nullptr;  ///< (count), positions among the mobile states
  linalg::Level level;           ///< with `count` components; all systems have rows alike
  float* right = nullptr;        ///< right-hand side
};

/// What a mobile state of one system adds to the equation of one in a later system.
struct VolumeLink {
  int to = 0;  ///< positions among the mobile states
  int from = 0;
};

/// Shared arrays over voxels ("(n)": x fastest) and one member's own register file, which serves
/// one group of `width` voxels after the other. Every member has its own copy of this record.
struct VolumeBlock {
  /// Where state `i` of voxel `k` stands. Kinetics go through all states of a voxel: those that do
  /// not move stand together by groups of voxels, since forty rows far apart, a little of each at a
  /// time, come from memory at half the speed of one stream. Those that move, which transport reads
  /// one by one, keep a row each. Every piece begins a group.
  std::int64_t place(std::int64_t i, std::int64_t k) const {
    const std::int64_t piece = k / piece_voxels, within = k % piece_voxels;
    const std::int64_t group = piece * piece_groups + within / width;
    return state_offset[i] + group * state_step[i] + within % width;
  }
  /// Calls `visit(k, place)` for the voxels from `begin`, which begins a piece, to before `end`.
  template <class Visit>
  void each_place(std::int64_t i, std::int64_t begin, std::int64_t end, const Visit& visit) const {
    for (std::int64_t start = begin; start < end; start += piece_voxels) {
      const std::int64_t until = start + piece_voxels < end ? start + piece_voxels : end;
      std::int64_t from = place(i, start);
      for (std::int64_t k = start; k < until; k += width, from += state_step[i])
        for (std::int64_t l = 0; l < width && k + l < until; ++l) visit(k + l, from + l);
    }
  }
  int shape[3] = {};
  std::int64_t num_voxels = 0;
  std::int64_t stride = 0;  ///< numbers from one mobile state to the next
  int num_states = 0;
  int num_mobile = 0;
  int num_hidden = 0;            ///< the states that do not move
  const int* mobile = nullptr;   ///< (mobile)
  const int* hidden = nullptr;   ///< (hidden)
  const double* widths[3] = {};  ///< (voxels along each direction)

  // States and unknowns: see `place`.
  double* y = nullptr;
  double* stages[4] = {};  ///< after the last stage the end of the step stands in the last of them
  double* time_slopes = nullptr;  ///< null: kinetics do not depend on time explicitly
  std::int64_t piece_voxels = 0, piece_groups = 0;  ///< of a piece; the last may have fewer
  // Where a state stands in the first group, and how far it is to the next, (states).
  const std::int64_t* state_offset = nullptr;
  const std::int64_t* state_step = nullptr;

  // Mobile states, (mobile, n).
  const double* fraction = nullptr;          ///< 0 outside
  const double* inverse_fraction = nullptr;  ///< 0 outside
  std::int64_t fraction_stride = 0;          ///< of these two, from one mobile state to the next
  const double* volume = nullptr;            ///< 0 outside, (n)
  double even_volume = 0.0;                  ///< of all voxels where it is the same; else 0
  double* moving = nullptr;                  ///< C/eps of a stage
  double* carried = nullptr;                 ///< change by transport
  double* reduced = nullptr;                 ///< right-hand sides after elimination
  double* schur = nullptr;                   ///< (mobile, mobile, n)
  /// Local blocks of a step that is solved by directions in turn, (mobile, mobile, n); null: by
  /// multigrid.
  double* diagonal = nullptr;
  double* free = nullptr;        ///< solution, C/eps
  const double* loss = nullptr;  ///< amount lost through exchanges and sides per time and C/eps
  bool has_loss = false;
  /// The same and what the flow takes out of the voxel beyond what it brings.
  const double* row_loss = nullptr;
  /// Conductances, (mobile, n): of the precision of the multigrid's, the same seen from both sides.
  const float* faces[3] = {};
  const double* exact_faces[3] = {};  ///< the same numbers, for solving by directions in turn
  bool has_flow = false;
  // Beside a flow: what carries C/eps through the faces, and its correction, (mobile, n) each.
  const double* convection[3] = {};
  const float* correction[3] = {};
  /// Slope upstream of a face over that at it, per difference: flow along the axis, then against
  /// it, (voxels along each direction) each.
  const double* upstream[3] = {};
  bool periodic[3] = {};
  const double* zeros = nullptr;          ///< of a row
  const float* closed = nullptr;          ///< the same for conductances
  const std::int32_t* regions = nullptr;  ///< connected, -1 outside; null: one, and none outside

  // What enters: exchanges, then sides, "(entries)".
  int num_exchanges = 0;
  const int* exchange_mobile = nullptr;  ///< (exchanges)
  const double* exchange = nullptr;      ///< rate V of the linear system, (exchanges, n)
  const double* exchange_out = nullptr;  ///< of C/eps
  bool has_two_rates = false;            ///< whether these differ
  const double* exchange_now = nullptr;  ///< the same at the stage's values
  const double* exchange_out_now = nullptr;
  /// From boundary voxels of each side, (mobile, 6), in order of voxels; null: closed.
  const double* const* sides = nullptr;
  const double* const* sides_out = nullptr;  ///< of C/eps
  double* outside = nullptr;  ///< concentration of the stage with its slope's part, (entries)
  /// Unknown of the stage that stands outside, from the plasma, (exchanges).
  double* change = nullptr;
  bool has_change = false;
  // States that rates or the plasma follow, at the stage's values.
  int num_followed = 0;
  const int* followed = nullptr;  ///< (followed)
  double* follow = nullptr;       ///< (followed, n)
  bool has_factors = false;
  const int* factor_of = nullptr;  ///< position among the followed states; -1: none, (exchanges)
  /// Rate V at a factor of one, of what enters and of C/eps, (exchanges, n).
  const double* rest_exchange[2] = {};
  const double* rest_loss = nullptr;  ///< loss without the rates that follow, (mobile, n)
  double* own_exchange[2] = {};       ///< what `exchange` and the like and `loss` point to
  double* own_exchange_now[2] = {};
  double* own_loss = nullptr;
  int num_feeds = 0;
  const int* feed_of = nullptr;          ///< position among the followed states, (feeds)
  const double* feed_factors = nullptr;  ///< (feeds)
  // Answers of C/eps to the kept states of the plasma, (kept, mobile, n), and their unknowns.
  int num_responses = 0;
  double* responses = nullptr;
  double* kept = nullptr;

  // The linear system: unknowns are C/eps over `unit`.
  const VolumeSystem* systems = nullptr;  ///< in the order they are solved
  int num_systems = 0;
  const linalg::Combination* solutions = nullptr;  ///< of C/eps over `unit`, (systems)
  const int* system_of = nullptr;                  ///< (mobile)
  const int* component_of = nullptr;               ///< (mobile), position within its system
  int num_links = 0;
  const VolumeLink* links = nullptr;  ///< (links)
  double* unit = nullptr;             ///< (mobile)

  // Parameters that differ from voxel to voxel.
  int num_fields = 0;
  const int* field_rows = nullptr;  ///< (fields)
  const double* fields = nullptr;   ///< by voxel (fields, n), or by region (fields, 256)
  bool fields_by_region = false;
  const std::uint8_t* region_of = nullptr;  ///< (n)
  const expr::NativeTape* program_prologue = nullptr;
  const expr::NativeTape* line_prologue = nullptr;

  // The register file.
  double* file = nullptr;
  int width = 0;
  int time_row = 0;
  int state_row = 0;
  int inverse_step_row = 0;
  int sum_row = 0;
  int slope_row = 0;
  int time_slope_row = -1;
  int schur_row = 0;
  int reduced_row = 0;
  int hidden_row = 0;
  int stage_rows[4] = {};
  const expr::NativeTape* rhs = nullptr;
  const expr::NativeTape* rhs_jacobian = nullptr;
  const expr::NativeTape* first = nullptr;
  const expr::NativeTape* again = nullptr;
  const expr::NativeTape* stage = nullptr;
  const expr::NativeTape* expand[4] = {};

  double time = 0.0;
  double step = 0.0;
  double gamma = 0.0;  ///< of the tableau
  double rtol = 0.0;
  const double* atol = nullptr;  ///< (states)
};

/// Voxels of consecutive rows, and the group they begin with.
struct VolumePiece {
  std::int64_t first_row = 0;
  std::int64_t end_row = 0;
  std::int64_t first_group = 0;
  const std::int32_t* regions = nullptr;  ///< connected ones that have voxels here, in order
  std::int64_t num_regions = 1;
};

}  // namespace krogh::simulate

#define KROGH_DECLARE_VOLUME_KERNELS(isa)                                                         \
  namespace krogh::isa {                                                                          \
  /** C/eps of the mobile states at stage `s`. */                                                 \
  void volume_moving(const integrate::RosenbrockTableau& tableau, const simulate::VolumeBlock& b, \
                     const simulate::VolumePiece& p, int s);                                      \
  /** Followed states at stage `s`, rates that follow them (at stage 0 also those of the linear   \
      system), and what feeds bring, added to (feeds) sums. */                                    \
  void volume_follow(const integrate::RosenbrockTableau& tableau, simulate::VolumeBlock& b,       \
                     const simulate::VolumePiece& p, int s, double* fed);                         \
  /** Sums of rate V of the linear system for each of the piece's connected regions, added to     \
      (regions, 2, exchanges). */                                                                 \
  void volume_rate_sums(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,           \
                        double* sums);                                                            \
  /** Their transport, and amounts that enter, added to (entries) sums. */                        \
  void volume_transport(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,           \
                        double* entered);                                                         \
  /** Sizes of states and slopes in the weighted norm, added to `sums`, (2). */                   \
  void volume_sizes(simulate::VolumeBlock& b, const simulate::VolumePiece& p, double* sums);      \
  /** Slopes, Jacobian and elimination at the start of a step, and the linear system. */          \
  void volume_begin(const integrate::RosenbrockTableau& tableau, simulate::VolumeBlock& b,        \
                    const simulate::VolumePiece& p);                                              \
  /** Completes the unknowns of stage s - 1 and makes the right-hand sides of stage s. */         \
  void volume_stage(const integrate::RosenbrockTableau& tableau, simulate::VolumeBlock& b,        \
                    const simulate::VolumePiece& p, int s);                                       \
  /** The solution in double precision, (mobile, n); adds what exchanges let out of it,           \
      (exchanges). */                                                                             \
  void volume_extract(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,             \
                      double* target, double* sums);                                              \
  /** Adds the answers to the plasma's unknowns to the solution, then the residuals (mobile) and, \
      if asked for, the sums of the local operator (mobile, mobile), for each of the piece's      \
      connected regions. */                                                                       \
  void volume_residual(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,            \
                       bool with_operator, double* sums);                                         \
  /** Takes what earlier systems have found into the right-hand sides of system `number`. */      \
  void volume_couple(const simulate::VolumeBlock& b, const simulate::VolumePiece& p, int number); \
  /** Right-hand side of what exchanges bring for concentrations outside of (exchanges). */       \
  void volume_supply(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,              \
                     const double* outside);                                                      \
  /** The same in natural order, to (mobile, n), for solving by directions in turn. */            \
  void volume_supply_natural(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,      \
                             const double* outside, double* target);                              \
  /** Sums of squares of a stage's right-hand side and of what its solution by directions leaves  \
      of it, (2). */                                                                              \
  void volume_defect(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,              \
                     double* sums);                                                               \
  /** The linear system of the first stage for the multigrid. */                                  \
  void volume_assemble(const simulate::VolumeBlock& b, const simulate::VolumePiece& p);           \
  /** Adds the constants of the regions (mobile each), stores the unknowns of stage `s`, and adds \
      what they let out, (entries). */                                                            \
  void volume_correct(simulate::VolumeBlock& b, const simulate::VolumePiece& p,                   \
                      const double* constants, int s, double* entered);                           \
  /** Completes the last stage and the end of the step; `squares` gets the sum of squared         \
      weighted errors, `largest` their maximum, `lowest` and `highest` (states) the range. */     \
  void volume_finish(const integrate::RosenbrockTableau& tableau, simulate::VolumeBlock& b,       \
                     const simulate::VolumePiece& p, double* squares, double* largest,            \
                     double* lowest, double* highest);                                            \
  /** Amounts of the states, (states), from their concentrations. */                              \
  void volume_contents(const simulate::VolumeBlock& b, const simulate::VolumePiece& p,            \
                       const double* states, double* sums);                                       \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_VOLUME_KERNELS)
#undef KROGH_DECLARE_VOLUME_KERNELS
