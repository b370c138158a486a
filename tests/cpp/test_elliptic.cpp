// Steady solver: against a dense system, fluxes, floating sets, thread counts, wrong input.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include <Eigen/LU>
#include <krogh/simulate/elliptic.hpp>

using namespace krogh;
using simulate::EllipticProblem;
using simulate::EllipticResult;
using simulate::EllipticSolver;

namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Graded voxels with random conductivities, some of them outside, and all kinds of sides.
struct Case {
  std::array<std::vector<double>, 3> faces;
  std::vector<std::uint8_t> regions;
  std::vector<double> conductivity, absorption, source;
  EllipticProblem problem;

  Case(std::array<int, 3> shape, bool has_holes) {
    std::mt19937 draw(5);
    std::uniform_real_distribution<double> uniform(0.2, 2.0);
    std::int64_t n = 1;
    for (std::size_t d = 0; d < 3; ++d) {
      faces[d].push_back(0.0);
      for (int i = 0; i < shape[d]; ++i) faces[d].push_back(faces[d].back() + uniform(draw));
      problem.faces[d] = faces[d];
      n *= shape[d];
    }
    for (std::int64_t k = 0; k < 3 * n; ++k) conductivity.push_back(uniform(draw));
    for (std::int64_t k = 0; k < n; ++k) {
      absorption.push_back(0.1 * uniform(draw));
      source.push_back(uniform(draw) - 1.0);
      regions.push_back(has_holes && uniform(draw) < 0.5 ? 255 : 0);
    }
    problem.axes = 3;
    problem.conductivity = conductivity;
    if (has_holes) problem.regions = regions;
    problem.sides[0] = problem.sides[1] = {.kind = space::SideKind::periodic};
    problem.sides[2].kind = space::SideKind::fixed;
    problem.sides[3] = {.kind = space::SideKind::membrane, .permeability = 0.7};
  }
};

}  // namespace

TEST_CASE("the steady solver agrees with a dense system") {
  for (const std::array<int, 3>& shape :
       {std::array{4, 3, 5}, std::array{2, 1, 1}, std::array{7, 1, 6}, std::array{3, 9, 1}})
    for (const bool has_holes : {false, true}) {
      const Case given(shape, has_holes);
      EllipticSolver solver(given.problem);
      solver.set_absorption(given.absorption, 1);
      const std::int64_t n = solver.num_voxels();
      // Columns of the operator, one unit vector each.
      Eigen::MatrixXd a(n, n);
      std::vector<double> unit(idx(n), 0.0), column(idx(n));
      for (std::int64_t k = 0; k < n; ++k) {
        unit[idx(k)] = 1.0;
        solver.apply(unit, column, 1);
        unit[idx(k)] = 0.0;
        for (std::int64_t i = 0; i < n; ++i) a(i, k) = column[idx(i)];
      }
      CHECK((a - a.transpose()).cwiseAbs().maxCoeff() < 1e-12);
      const std::array<double, 6> outside{0.0, 0.0, 3.0, -2.0, 0.0, 0.0};
      std::vector<double> values(idx(n), 0.0);
      const EllipticResult result =
          solver.solve(given.source, outside, values, {.tolerance = 1e-12}, {.num_threads = 1});
      REQUIRE(result.status == Status::success);
      CHECK(result.residual <= 1e-12);
      // The right-hand side by hand: sources, and what stands at the sides along y.
      Eigen::VectorXd b(n), x(n);
      const space::VoxelGrid grid = space::make_voxels(given.problem.faces);
      for (std::int64_t k = 0; k < n; ++k) {
        const std::int64_t ix = k % shape[0], iy = k / shape[0] % shape[1],
                           iz = k / shape[0] / shape[1];
        const double hx = grid.widths[0][idx(ix)], hy = grid.widths[1][idx(iy)],
                     hz = grid.widths[2][idx(iz)];
        const bool inside = !has_holes || given.regions[idx(k)] != 255;
        b(k) = inside ? given.source[idx(k)] * hx * hy * hz : 0.0;
        const double half = 0.5 * hy / given.conductivity[idx(n + k)];
        if (inside && iy == 0) b(k) += hx * hz / half * outside[2];
        if (inside && iy == shape[1] - 1) b(k) += hx * hz / (half + 1.0 / 0.7) * outside[3];
        if (!inside) a(k, k) = 1.0;
        x(k) = inside ? values[idx(k)] : 0.0;
        CHECK(std::isnan(values[idx(k)]) == !inside);
      }
      const Eigen::VectorXd exact = a.partialPivLu().solve(b);
      CHECK((x - exact).cwiseAbs().maxCoeff() < 1e-9 * exact.cwiseAbs().maxCoeff());
    }
}

TEST_CASE("bits of the steady solver do not depend on threads") {
  const Case given({65, 62, 41}, true);
  std::vector<double> first;
  for (const int threads : {1, 2, 3, 5}) {
    EllipticSolver solver(given.problem);
    solver.set_absorption(given.absorption, threads);
    std::vector<double> values(idx(solver.num_voxels()), 0.0);
    const EllipticResult result =
        solver.solve(given.source, {}, values, {}, {.num_threads = threads});
    REQUIRE(result.status == Status::success);
    for (double& v : values)
      if (std::isnan(v)) v = 0.0;
    if (first.empty()) first = values;
    CHECK(values == first);
  }
}

TEST_CASE("a steady solve stops when asked, and a second one goes on") {
  const Case given({20, 20, 20}, false);
  EllipticSolver solver(given.problem);
  solver.set_absorption(given.absorption, 2);
  std::vector<double> values(idx(solver.num_voxels()), 0.0);
  const EllipticResult stopped =
      solver.solve(given.source, {}, values, {},
                   {.num_threads = 2, .keep_going = [](const Progress& p) { return p.done < 3; }});
  CHECK(stopped.status == Status::stopped);
  CHECK(stopped.cycles == 3);
  const EllipticResult done = solver.solve(given.source, {}, values, {}, {.num_threads = 2});
  CHECK(done.status == Status::success);
  CHECK(solver.num_floating() == 0);
  std::fill(values.begin(), values.end(), 0.0);
  CHECK_THROWS_AS(
      solver.solve(given.source, {}, values, {},
                   {.num_threads = 2,
                    .keep_going = [](const Progress&) -> bool { throw std::runtime_error("no"); }}),
      std::runtime_error);
}

TEST_CASE("the steady solver refuses what does not fit") {
  const Case given({4, 4, 4}, false);
  EllipticSolver solver(given.problem);
  std::vector<double> values(64, 0.0), few(3, 0.0);
  CHECK_THROWS_AS(solver.set_absorption(few), InvalidInput);
  CHECK_THROWS_AS(solver.solve(few, {}, values, {}), InvalidInput);
  CHECK_THROWS_AS(solver.solve(given.source, {}, few, {}), InvalidInput);
  CHECK_THROWS_AS(solver.apply(few, values), InvalidInput);
  CHECK_THROWS_AS(solver.precondition(values, few), InvalidInput);
  std::vector<double> x(80), y(80), z(79);
  CHECK_THROWS_AS(solver.fluxes(values, {}, {x, y, z}), InvalidInput);
  EllipticProblem other = given.problem;
  other.axes = 2;
  CHECK_THROWS_AS(EllipticSolver{other}, InvalidInput);
  other = given.problem;
  other.sides[1].kind = space::SideKind::closed;
  CHECK_THROWS_AS(EllipticSolver{other}, InvalidInput);
  values[5] = NAN;
  CHECK_THROWS_AS(solver.solve(given.source, {}, values, {}), InvalidInput);
}
