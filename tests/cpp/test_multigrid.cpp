// Multigrid and Krylov: inverse on small grids, cycles against size, anisotropy, thread counts.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include <Eigen/LU>

#include "base/team.hpp"
#include "linalg/krylov.hpp"
#include "linalg/multigrid.hpp"

using namespace krogh;
using linalg::Krylov;
using linalg::KrylovOutcome;
using linalg::Level;
using linalg::Multigrid;

namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A system on a box with random couplings and dominant local blocks.
struct System {
  std::array<int, 3> shape;
  int m;
  std::array<bool, 3> periodic;
  Multigrid multigrid;
  AlignedArray<float> b, x;
  std::vector<float> right;  ///< b, before a solve uses it up

  System(std::array<int, 3> of_shape, int components, std::array<bool, 3> of_periodic, double local,
         std::array<double, 3> strength = {1.0, 1.0, 1.0}, double noise = 1.0)
      : shape(of_shape),
        m(components),
        periodic(of_periodic),
        multigrid(of_shape, components, of_periodic),
        b(idx(multigrid.finest().vector_size() + 16)),
        x(idx(multigrid.finest().vector_size() + 16)) {
    std::mt19937 draw(11);
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    Level& level = multigrid.finest();
    each([&](int px, int py, int pz) {
      const int at[3] = {px, py, pz};
      for (int j = 0; j < m; ++j) {
        for (std::size_t d = 0; d < 3; ++d)
          if (at[d] > 0 || periodic[d])
            level.g[d][level.place(px, py, pz, j, m)] =
                static_cast<float>(strength[d] * std::pow(10.0, noise * uniform(draw)));
        for (int l = 0; l < m; ++l)
          level.local[level.place(px, py, pz, j * m + l, m * m)] = static_cast<float>(
              local * (j == l ? 1.0 + 0.2 * uniform(draw) : 0.6 / m * uniform(draw)));
        b.data()[level.place(px, py, pz, j, m)] = static_cast<float>(uniform(draw));
      }
    });
    right.assign(b.data(), b.data() + b.size());
    multigrid.set_couplings();
  }

  template <class Visit>
  void each(const Visit& visit) const {
    for (int z = 0; z < shape[2]; ++z)
      for (int y = 0; y < shape[1]; ++y)
        for (int px = 0; px < shape[0]; ++px) visit(px, y, z);
  }

  KrylovOutcome solve(int threads, double tolerance) {
    std::copy(right.begin(), right.end(), b.data());
    KrylovOutcome outcome;
    Krylov krylov(multigrid);
    run_team(threads, [&](Team& team, int member) {
      REQUIRE(multigrid.factor(team, member));
      linalg::Combination of;
      const KrylovOutcome found = krylov.solve(team, member, b.data(), of, tolerance, 100, {});
      krylov.write(team, member, of, x.data());
      if (member == 0) outcome = found;
    });
    return outcome;
  }

  /// The dense matrix, points in natural order with components innermost.
  Eigen::MatrixXd dense() const {
    const Level& level = multigrid.finest();
    const Eigen::Index n = level.num_points() * m;
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(n, n);
    auto number = [&](const std::array<int, 3>& p) {
      return (Eigen::Index{p[2]} * shape[1] + p[1]) * shape[0] + p[0];
    };
    each([&](int px, int py, int pz) {
      const std::array<int, 3> here{px, py, pz};
      for (int j = 0; j < m; ++j) {
        const Eigen::Index i = number(here) * m + j;
        for (int l = 0; l < m; ++l)
          a(i, number(here) * m + l) +=
              static_cast<double>(level.local[level.place(px, py, pz, j * m + l, m * m)]);
        for (std::size_t d = 0; d < 3; ++d) {
          std::array<int, 3> before = here;
          before[d] = here[d] > 0 ? here[d] - 1 : shape[d] - 1;
          if (here[d] == 0 && !periodic[d]) continue;
          const auto g = static_cast<double>(level.g[d][level.place(px, py, pz, j, m)]);
          const Eigen::Index k = number(before) * m + j;
          a(i, i) += g;
          a(k, k) += g;
          a(i, k) -= g;
          a(k, i) -= g;
        }
      }
    });
    return a;
  }
};

}  // namespace

TEST_CASE("a solve agrees with a dense solver for every number of components and shape") {
  for (const std::array<int, 3> shape :
       {std::array{5, 4, 3}, std::array{8, 1, 1}, std::array{1, 1, 1}, std::array{9, 7, 1},
        std::array{2, 3, 9}, std::array{1, 6, 5}})
    for (int m = 1; m <= linalg::max_components; ++m)
      for (const bool wraps : {false, true}) {
        const std::array<bool, 3> periodic{wraps && shape[0] > 1, wraps && shape[1] > 1, false};
        System system(shape, m, periodic, 0.5);
        const KrylovOutcome outcome = system.solve(1, 2e-6);
        INFO(shape[0], "x", shape[1], "x", shape[2], " components ", m, " cycles ", outcome.cycles);
        CHECK(outcome.converged);
        const Eigen::MatrixXd a = system.dense();
        Eigen::VectorXd b(a.rows()), x(a.rows());
        Eigen::Index i = 0;
        const Level& level = system.multigrid.finest();
        system.each([&](int px, int py, int pz) {
          for (int j = 0; j < m; ++j, ++i) {
            const std::int64_t at = level.place(px, py, pz, j, m);
            b(i) = static_cast<double>(system.right[idx(at)]);
            x(i) = static_cast<double>(system.x.data()[at]);
          }
        });
        CHECK((a * x - b).norm() < 1e-5 * b.norm());
        CHECK((x - a.fullPivLu().solve(b)).norm() < 1e-3 * x.norm());
      }
}

TEST_CASE("cycles do not grow with the grid, with contrast, nor with anisotropy") {
  for (const int n : {16, 32, 48}) {
    System smooth({n, n, n}, 1, {}, 1e-5, {1.0, 1.0, 1.0}, 0.0);
    CHECK(smooth.solve(1, 1e-2).cycles <= 4);
    System rough({n, n, n}, 1, {}, 1e-3);
    CHECK(rough.solve(1, 1e-2).cycles <= 6);
    System flat({n, n, 8}, 1, {}, 1e-3, {1.0, 1.0, 0.02}, 0.0);
    CHECK(flat.solve(1, 1e-2).cycles <= 5);
    System tall({n, 12, n}, 2, {}, 1e-3, {0.05, 1.0, 30.0}, 0.0);
    CHECK(tall.solve(1, 1e-2).cycles <= 6);
  }
}

TEST_CASE("rows longer than what is handled at once") {
  for (const std::array<double, 3> strength : {std::array{1.0, 1.0, 1.0}, {0.01, 1.0, 1.0}}) {
    System system({4701, 6, 2}, 1, {}, 0.01, strength, 0.0);
    CHECK(system.solve(1, 1e-2).cycles <= 5);
  }
}

TEST_CASE("bits of a solve do not depend on the number of threads") {
  for (const std::array<bool, 3> periodic : {std::array{false, false, false}, {true, true, true}}) {
    System system({33, 30, 21}, 2, periodic, 0.01);
    const KrylovOutcome alone = system.solve(1, 1e-4);
    const std::vector<float> expected(system.x.data(), system.x.data() + system.x.size());
    for (const int threads : {2, 3}) {
      const KrylovOutcome outcome = system.solve(threads, 1e-4);
      CHECK(outcome.cycles == alone.cycles);
      CHECK(std::equal(expected.begin(), expected.end(), system.x.data()));
    }
  }
}

TEST_CASE("a recipe repeats a solve, and is one linear operator on any number of threads") {
  for (const std::array<bool, 3> periodic : {std::array{false, false, false}, {true, false, true}})
    for (const double tolerance : {1e-1, 1e-2, 1e-3}) {
      System system({21, 18, 15}, 2, periodic, 0.02, {1.0, 1.0, 1.0}, 0.3);
      Krylov krylov(system.multigrid);
      const std::vector<float> other(system.right.rbegin(), system.right.rend());
      std::vector<float> found[4];  // of the solve; of the recipe: the same, another one, their sum
      for (const int threads : {1, 3}) {
        run_team(threads, [&](Team& team, int member) {
          REQUIRE(system.multigrid.factor(team, member));
          linalg::KrylovRecipe recipe;
          for (int run = 0; run < 4; ++run) {
            if (member == 0)
              for (std::size_t i = 0; i < system.b.size(); ++i)
                system.b.data()[i] = (run == 2 ? 0.0F : system.right[i]) +
                                     (run > 1 && system.right[i] != 0.0F ? other[i] : 0.0F);
            team.wait();
            linalg::Combination of;
            const KrylovOutcome outcome =
                run == 0
                    ? krylov.solve(team, member, system.b.data(), of, tolerance, 60, {}, &recipe)
                    : krylov.apply(team, member, system.b.data(), of, recipe, {});
            CHECK(outcome.converged);
            REQUIRE(recipe.cycles > 0);
            CHECK(outcome.cycles == recipe.cycles);
            krylov.write(team, member, of, system.x.data());
            if (member == 0) {
              const std::vector<float> x(system.x.data(), system.x.data() + system.x.size());
              if (threads == 1) found[run] = x;
              CHECK(found[run] == x);
            }
            team.wait();
          }
        });
      }
      float largest = 0.0F;
      for (const float x : found[3]) largest = std::max(largest, std::abs(x));
      for (std::size_t i = 0; i < found[0].size(); ++i) {
        CHECK(std::abs(found[1][i] - found[0][i]) <= 1e-6F * largest);
        CHECK(std::abs(found[1][i] + found[2][i] - found[3][i]) <= 2e-6F * largest);
      }
    }
}

TEST_CASE("a right-hand side of zero has the solution zero, one that is not finite has none") {
  System system({6, 6, 6}, 1, {}, 1.0);
  std::fill(system.right.begin(), system.right.end(), 0.0F);
  const KrylovOutcome zero = system.solve(1, 1e-2);
  CHECK(zero.converged);
  CHECK(zero.cycles == 0);
  CHECK(system.x.data()[system.multigrid.finest().place(3, 3, 3, 0, 1)] == 0.0F);
  system.right[idx(system.multigrid.finest().place(3, 3, 3, 0, 1))] = std::nanf("");
  const KrylovOutcome bad = system.solve(1, 1e-2);
  CHECK_FALSE(bad.converged);
  CHECK_FALSE(std::isfinite(bad.residual));
}

TEST_CASE("a member that leaves a team by an exception frees the others") {
  for (const int threads : {1, 2, 4}) {
    std::atomic<int> came{0};
    CHECK_THROWS_AS(run_team(threads,
                             [&](Team& team, int member) {
                               team.wait();
                               came.fetch_add(1);
                               if (member == team.size() - 1) throw std::runtime_error("left");
                               team.wait();
                             }),
                    std::runtime_error);
    CHECK(came.load() >= 1);
  }
  int members = 0;
  run_team(3, [&](Team& team, int member) {
    team.wait();
    if (member == 0) members = team.size();
  });
  CHECK(members >= 1);
}
