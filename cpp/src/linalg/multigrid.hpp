// Cell-centered multigrid in single precision for diffusion between voxels with local coupling.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/base/isa.hpp>

#include "base/team.hpp"
#include "linalg/combination.hpp"

namespace krogh::linalg {

/// Unknowns per point that the kernels are compiled for: 1 .. max_components.
inline constexpr int max_components = 6;

/// One grid of the system
///
///   sum_k local_jk x_k + sum over the six neighbors n of g_jn (x_j - x_jn) = b_j
///
/// at every point, for the components j = 0 .. components - 1; the coupling g to a neighbor may
/// differ from that of the neighbor to the point: a flow. Points are stored by color, (x + y + z)
/// mod 2, and row by row along x: an array of `n` numbers per point is of shape (2 colors, nz + 2,
/// ny + 2, n, pitch), and point (x, y, z) stands at floor(x/2) of its row. So a sweep of one color
/// reads few streams without gaps, and the neighbors in a row, of the other color, are consecutive
/// too. Rows are worked on in eights, and behind the last eight of each at least two numbers stay
/// zero. Around the points stands a layer of ghosts, zero or, in periodic directions, copies of the
/// points at the other end.
struct Level {
  std::array<int, 3> shape{};  ///< points along x, y, z
  int components = 1;
  std::array<bool, 3> periodic{};
  std::array<bool, 3> coarsened{};  ///< directions in which the next level has half the points
  /// Whether all neighbors of a point have the other color: not where a periodic direction is odd.
  bool is_two_colored = true;
  std::int64_t pitch = 0;  ///< numbers that one color of a row takes up

  bool has_flow = false;  ///< whether couplings differ in the two directions

  /// Coupling to the neighbor before it in each direction, `components` numbers per point.
  std::array<float*, 3> g{};
  /// Coupling of the neighbor before to the point; without a flow the same memory.
  std::array<float*, 3> back{};
  float* local = nullptr;    ///< components^2 numbers per point
  float* inverse = nullptr;  ///< of local + couplings, the same
  float* x = nullptr;        ///< solution, levels below the first, `components` numbers per point
  float* b = nullptr;        ///< right-hand side, the same

  std::int64_t num_rows() const { return std::int64_t{shape[1]} * shape[2]; }
  std::int64_t num_points() const { return num_rows() * shape[0]; }
  /// Rows with those of ghosts.
  std::int64_t all_rows() const { return std::int64_t{shape[1] + 2} * (shape[2] + 2); }
  /// Numbers in an array over points of one value per component.
  std::int64_t vector_size() const { return 2 * components * pitch * all_rows(); }
  /// Where number `j` of a point stands; also of ghosts, one beyond each end.
  std::int64_t place(int x_, int y, int z, std::int64_t j, std::int64_t per_point) const {
    const std::int64_t color = (x_ + y + z) & 1;
    const std::int64_t row = std::int64_t{z + 1} * (shape[1] + 2) + y + 1;
    return ((color * all_rows() + row) * per_point + j) * pitch + (x_ >> 1);
  }
};

/// Work on the rows first .. end - 1 of the plane z of a grid.
class RowWork {
 public:
  template <class Work>
  RowWork(const Work& work)  // NOLINT(google-explicit-constructor): a view of a temporary
      : self_(&work),
        call_([](const void* self, std::int64_t z, std::int64_t first, std::int64_t end) {
          (*static_cast<const Work*>(self))(z, first, end);
        }) {}
  void operator()(std::int64_t z, std::int64_t first, std::int64_t end) const {
    call_(self_, z, first, end);
  }

 private:
  const void* self_;
  void (*call_)(const void*, std::int64_t, std::int64_t, std::int64_t);
};

/// Whether a team goes through several passes at once, following each other plane by plane through
/// the cache; else one pass after the other. Results are the same.
bool goes_in_waves(const Level& level, const Team& team);

/// The V(1,1) cycle with red-black Gauss-Seidel as a preconditioner: aggregates of two points along
/// each direction that is coupled strongly, sums as restriction, injection as prolongation, a
/// coarse operator whose couplings are halved along coarsened directions (the distance of its
/// points doubles; with a flow they are fitted again), and a direct solve on the coarsest grid.
/// Members of a team call every function together; results do not depend on their number.
///
/// Since the second color is swept first on the way up and the first color last, on two-colored
/// grids the residual of the cycle's result is zero on the points of color 0, which saves half of
/// the work that follows.
class Multigrid {
 public:
  /// @param shape  points along x, y, z.
  Multigrid(std::array<int, 3> shape, int components, std::array<bool, 3> periodic,
            bool has_flow = false);

  /// The finest level, of which the caller fills `g` (and `back` with a flow) before
  /// `set_couplings` and `local` before `factor`; `local` holds what the flow takes out of a point
  /// beyond what it brings.
  Level& finest() { return levels_.front(); }
  const Level& finest() const { return levels_.front(); }
  int num_levels() const { return static_cast<int>(levels_.size()); }

  /// Derives the coarser grids from the couplings of the finest. On one thread.
  void set_couplings();
  /// A part of the finest `local` that couples a point to something fixed beyond a side of the box:
  /// on coarser grids the way there becomes longer.
  struct SidePart {
    std::array<int, 3> at{};
    std::size_t direction = 0;
    double value = 0.0;  ///< of component 0
    double share = 1.0;  ///< of the resistance that lies between the point and the side
  };
  /// After `set_couplings` and before `factor`, on one thread; for systems of one component.
  void set_sides(std::vector<SidePart> parts);
  /// Takes over the local blocks of the finest level.
  /// @return false, to every member, if a pivot of the coarsest system vanishes.
  bool factor(Team& team, int member);
  /// x = approximate solution of the system with right-hand side b, vectors of the finest level.
  /// @param scale  factor of b on the points of color 0.
  /// @param after  work on the result row by row, which may look at neighbors; in waves it must be
  /// safe to call for a part of a plane at a time. Null: none.
  void cycle(Team& team, int member, const float* b, float* x, float scale = 1.0F,
             const RowWork* after = nullptr);
  /// Brings the ghosts of a vector of the finest level up to date, after a barrier and before one.
  void fill_ghosts(Team& team, int member, float* x);

 private:
  void add_level(std::array<int, 3> shape, std::array<bool, 3> periodic);
  void choose_directions(Level& level) const;
  void fill_ghosts_of(const Level& level, const Team& team, int member, float* x);
  void cycle_from(std::size_t level, Team& team, int member, const float* b, float* x, float scale,
                  const RowWork* after);
  void descend(std::size_t level, Team& team, int member, const float* b, float* x, float scale);
  void ascend(std::size_t level, Team& team, int member, const float* b, float* x, float scale,
              const RowWork* after);
  bool factor_coarsest();
  void solve_coarsest(const float* b, float* x, float scale);

  /// What a coarse grid's `local` holds too much of a side, by row.
  struct Excess {
    std::int64_t row = 0;
    std::int64_t place = 0;
    float value = 0.0F;
  };

  int components_;
  bool has_flow_;
  std::vector<Level> levels_;
  std::vector<std::vector<Excess>> excess_;  ///< of each level; empty: there are no sides
  std::vector<std::vector<AlignedArray<float>>> memory_;
  std::vector<double> inverse_;  ///< of the coarsest system, dense
  std::vector<double> right_;
  bool is_regular_ = true;
};

/// Sums over the points go by fixed pieces of a level, rows after rows, so that their grouping does
/// not depend on threads. In grids of several planes a piece is a part of one plane, the same for
/// all planes, or consists of whole planes.
std::int64_t rows_per_piece(const Level& level);

}  // namespace krogh::linalg

#define KROGH_DECLARE_MULTIGRID(isa)                                                               \
  namespace krogh::isa {                                                                           \
  /** x of color 0 = inverse (scale b): the first sweep from zero. Rows are numbered y + ny z. */  \
  void multigrid_begin(const linalg::Level& level, float scale, const float* b, float* x,          \
                       long first_row, long end_row);                                              \
  /** Gauss-Seidel on one color; the right-hand side is scale b. */                                \
  void multigrid_sweep(const linalg::Level& level, int color, float scale, const float* b,         \
                       float* x, long first_row, long end_row);                                    \
  /** Right-hand side of the coarse grid: sums of b - A x over the points of color 0 after a sweep \
      of color 0 from zero and one of color 1, whose points have no residual. Rows are those of    \
      the coarse grid. */                                                                          \
  void multigrid_restrict(const linalg::Level& fine, const linalg::Level& coarse, const float* b,  \
                          const float* x, long first_row, long end_row);                           \
  /** Adds the coarse solution at points of one color. Rows are those of the fine grid. */         \
  void multigrid_prolong(const linalg::Level& fine, const linalg::Level& coarse, int color,        \
                         float* x, long first_row, long end_row);                                  \
  /** Local blocks of the coarse grid: sums over its points. Rows are those of the coarse grid. */ \
  void multigrid_gather(const linalg::Level& fine, const linalg::Level& coarse, long first_row,    \
                        long end_row);                                                             \
  /** Inverse blocks of a level. */                                                                \
  void multigrid_invert(const linalg::Level& level, long first_row, long end_row);                 \
  /** q = A z on one color, and the sums of q q, q r and q p_k (k = 0 .. count - 1) over the rows. \
      `colors`: those of which q and p hold numbers, 2 or 1, which is then color 1. */             \
  void multigrid_product(const linalg::Level& level, int color, int colors, const float* z,        \
                         const float* r, const float* const* p, int count, float* q, double* sums, \
                         long first_row, long end_row);                                            \
  /** r -= sum_k factor_k q_k on one color (count may be 0), then the sum of r r. */               \
  void krylov_residual(const linalg::Level& level, int color, int colors, const double* factors,   \
                       const float* const* q, int count, float* r, double* sum, long first_row,    \
                       long end_row);                                                              \
  /** r -= sum_(k < count) factor_k q_k + factor_count A z on one color; the last product also to  \
      `product` unless that is null. */                                                            \
  void krylov_advance(const linalg::Level& level, int color, int colors, const float* z,           \
                      const double* factors, const float* const* q, int count, float* product,     \
                      float* r, long first_row, long end_row);                                     \
  /** x = the combination, of which it may be the first part, on both colors. */                   \
  void multigrid_add_up(const linalg::Level& level, const linalg::Combination& combination,        \
                        float* x, long first_row, long end_row);                                   \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_MULTIGRID)
#undef KROGH_DECLARE_MULTIGRID
