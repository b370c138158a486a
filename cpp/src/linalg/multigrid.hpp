// Cell-centered multigrid in single precision for diffusion between voxels with local coupling.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/base/isa.hpp>

#include "base/team.hpp"

namespace krogh::linalg {

/// Unknowns per point that the kernels are compiled for: 1 .. max_components.
inline constexpr int max_components = 6;

/// One grid of the system
///
///   sum_k local_jk x_k + sum over the six neighbors n of g_jn (x_j - x_jn) = b_j
///
/// (the coupling g to a neighbor may differ from that of the neighbor to the point: a flow)
/// at every point, for the components j = 0 .. components - 1. Points are stored by color, (x + y +
/// z) mod 2: an array over points is of shape (2 colors, components, size), and point (x, y, z) of
/// its color stands at (z + 1) plane + (y + 1) row + floor(x/2). Neighbors in a row of the other
/// color are then consecutive too. Around the points stands a layer of ghosts, zero or, in periodic
/// directions, copies of the points at the other end.
struct Level {
  std::array<int, 3> shape{};  ///< points along x, y, z
  int components = 1;
  std::array<bool, 3> periodic{};
  std::array<bool, 3> coarsened{};  ///< directions in which the next level has half the points
  std::int64_t row = 0;             ///< numbers from one row to the next
  std::int64_t plane = 0;
  std::int64_t size = 0;

  bool has_flow = false;  ///< whether couplings differ in the two directions

  /// Coupling to the neighbor before it in each direction, shape (2, components, size).
  std::array<float*, 3> g{};
  /// Coupling of the neighbor before to the point; without a flow the same memory.
  std::array<float*, 3> back{};
  float* local = nullptr;    ///< shape (2, components^2, size)
  float* inverse = nullptr;  ///< of local + couplings, a block per point, shape as local
  float* x = nullptr;        ///< solution, levels below the first, shape (2, components, size)
  float* b = nullptr;        ///< right-hand side, the same

  std::int64_t num_rows() const { return std::int64_t{shape[1]} * shape[2]; }
  std::int64_t num_points() const { return num_rows() * shape[0]; }
  /// Numbers in an array over points of one value per component.
  std::int64_t vector_size() const { return 2 * components * size; }
  /// Where component `j` of a point stands; also of ghosts, one beyond each end.
  std::int64_t place(int x_, int y, int z, std::int64_t j, std::int64_t per_point) const {
    const std::int64_t color = (x_ + y + z) & 1;
    return (color * per_point + j) * size + (z + 1) * plane + (y + 1) * row + (x_ >> 1);
  }
};

/// The V(1,1) cycle with red-black Gauss-Seidel as a preconditioner: aggregates of two points along
/// each direction that is coupled strongly, sums as restriction, injection as prolongation, a
/// coarse operator whose couplings are halved along coarsened directions (the distance of its
/// points doubles; with a flow they are fitted again), and a direct solve on the coarsest grid. Members of a team call every function
/// together; results do not depend on their number.
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
  /// Takes over the local blocks of the finest level.
  /// @return false, to every member, if a pivot of the coarsest system vanishes.
  bool factor(Team& team, int member);
  /// x = approximate solution of the system with right-hand side b, vectors of the finest level.
  void cycle(Team& team, int member, const float* b, float* x);
  /// Brings the ghosts of a vector of the finest level up to date, after a barrier and before one.
  void fill_ghosts(Team& team, int member, float* x);

 private:
  void add_level(std::array<int, 3> shape, std::array<bool, 3> periodic);
  void choose_directions(Level& level) const;
  void fill_ghosts_of(const Level& level, const Team& team, int member, float* x);
  void cycle_from(std::size_t level, Team& team, int member, const float* b, float* x);
  bool factor_coarsest();
  void solve_coarsest(const float* b, float* x);

  int components_;
  bool has_flow_;
  std::vector<Level> levels_;
  std::vector<std::vector<AlignedArray<float>>> memory_;
  std::vector<double> inverse_;  ///< of the coarsest system, dense
  std::vector<double> right_;
  bool is_regular_ = true;
};

/// Sums over the points of fixed pieces of a level, rows after rows, so that their grouping does
/// not depend on threads.
inline std::int64_t rows_per_piece(const Level& level) {
  constexpr int points_per_piece = 4096;
  return level.shape[0] >= points_per_piece ? 1 : points_per_piece / level.shape[0];
}

}  // namespace krogh::linalg

#define KROGH_DECLARE_MULTIGRID(isa)                                                               \
  namespace krogh::isa {                                                                           \
  /** x of one color = inverse b: the first sweep from zero. Rows are numbered y + ny z. */        \
  void multigrid_begin(const linalg::Level& level, int color, const float* b, float* x,            \
                       long first_row, long end_row);                                              \
  /** Gauss-Seidel on one color. */                                                                \
  void multigrid_sweep(const linalg::Level& level, int color, const float* b, float* x,            \
                       long first_row, long end_row);                                              \
  /** Right-hand side of the coarse grid: sums of b - A x over the points of color 0, where those  \
      of color 1 have no residual. Rows are those of the coarse grid. */                           \
  void multigrid_restrict(const linalg::Level& fine, const linalg::Level& coarse, const float* b,  \
                          const float* x, long first_row, long end_row);                           \
  /** Adds the coarse solution. Rows are those of the fine grid. */                                \
  void multigrid_prolong(const linalg::Level& fine, const linalg::Level& coarse, float* x,         \
                         long first_row, long end_row);                                            \
  /** Local blocks of the coarse grid: sums over its points. Rows are those of the coarse grid. */ \
  void multigrid_gather(const linalg::Level& fine, const linalg::Level& coarse, long first_row,    \
                        long end_row);                                                             \
  /** Inverse blocks of a level. */                                                                \
  void multigrid_invert(const linalg::Level& level, long first_row, long end_row);                 \
  /** q = A z, and the sums of q q, q r and q p_k (k = 0 .. count - 1) over the rows. */           \
  void multigrid_product(const linalg::Level& level, const float* z, const float* r,               \
                         const float* const* p, int count, float* q, double* sums, long first_row, \
                         long end_row);                                                            \
  /** q -= sum_k factor_k p_k and z -= sum_k factor_k s_k, then the sums of q q and q r. */        \
  void krylov_orthogonalize(const linalg::Level& level, const double* factors,                     \
                            const float* const* p, const float* const* s, int count, float* q,     \
                            float* z, const float* r, double* sums, long first_row, long end_row); \
  /** x += factor z (or = where `is_first`), r = b - factor q, then the sum of r r. */             \
  void krylov_update(const linalg::Level& level, double factor, const float* z, const float* q,    \
                     const float* b, bool is_first, float* x, float* r, double* sum,               \
                     long first_row, long end_row);                                                \
  }
KROGH_FOR_EACH_ISA(KROGH_DECLARE_MULTIGRID)
#undef KROGH_DECLARE_MULTIGRID
