// Grids and the diffusion operator: volumes, conservation, closed forms, refusals.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/space/diffusion.hpp>
#include <krogh/space/grid.hpp>

using namespace krogh::space;
using krogh::InvalidInput;

namespace {

constexpr Geometry geometries[] = {Geometry::cartesian, Geometry::cylindrical, Geometry::spherical};

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

}  // namespace

TEST_CASE("volumes of the cells add up to the whole") {
  const double pi = std::numbers::pi;
  const double whole[] = {67.0, pi * (75.0 * 75.0 - 64.0),
                          4.0 / 3.0 * pi * (75.0 * 75.0 * 75.0 - 512.0)};
  for (int g = 0; g < 3; ++g) {
    const Grid grid = make_grid(geometries[g], graded_faces(8.0, 75.0, 37, 4.0));
    double sum = 0.0;
    for (const double v : grid.volumes) sum += v;
    CHECK(std::abs(sum / whole[g] - 1.0) < 1e-14);
    CHECK(grid.num_cells() == 37);
  }
}

TEST_CASE("graded cells grow by the ratio asked for") {
  const auto faces = graded_faces(2.0, 5.0, 10, 4.0);
  const double first = faces[1] - faces[0];
  const double last = faces[10] - faces[9];
  CHECK(std::abs(last / first - 4.0) < 1e-12);
  CHECK(faces.front() == 2.0);
  CHECK(faces.back() == 5.0);
}

TEST_CASE("diffusion keeps the amount and a uniform free concentration") {
  for (const Geometry geometry : geometries) {
    const Grid grid = make_grid(geometry, graded_faces(8.0, 75.0, 24, 3.0));
    std::vector<double> d, eps;
    for (int k = 0; k < 24; ++k) {
      d.push_back(k < 9 ? 10.0 : 0.5 + k);
      eps.push_back(k < 13 ? 0.24 : 0.6);
    }
    const DiffusionOperator op = diffusion_operator(grid, d, eps, {}, {});
    for (std::size_t k = 0; k < 24; ++k) {
      // A uniform C/eps stands still; what leaves one cell arrives in its neighbors.
      double still = op.diagonal[k] * eps[k];
      double column = op.diagonal[k] * grid.volumes[k];
      if (k > 0) still += op.lower[k] * eps[k - 1];
      if (k > 0) column += op.upper[k - 1] * grid.volumes[k - 1];
      if (k < 23) still += op.upper[k] * eps[k + 1];
      if (k < 23) column += op.lower[k + 1] * grid.volumes[k + 1];
      CHECK(std::abs(still) < 1e-14 * std::abs(op.diagonal[k]));
      CHECK(std::abs(column) < 1e-14 * std::abs(op.diagonal[k]) * grid.volumes[k]);
    }
  }
}

TEST_CASE("resistances of layers and membrane add up in a slab") {
  const Grid grid = make_grid(Geometry::cartesian, graded_faces(0.0, 10.0, 10));
  std::vector<double> d(10, 2.0), eps(10, 0.5);
  for (int k = 5; k < 10; ++k) {
    d[idx(k)] = 0.1;
    eps[idx(k)] = 0.25;
  }
  const double p = 0.03;
  const DiffusionOperator op =
      diffusion_operator(grid, d, eps, {WallKind::membrane, p}, {WallKind::fixed, 0.0});
  // Steady flux from concentration 1 outside the membrane to 0 at the fixed end, by elimination.
  std::vector<double> pivot(10), value(10);
  for (std::size_t k = 0; k < 10; ++k) {
    const double below = k > 0 ? op.lower[k] / pivot[k - 1] : 0.0;
    pivot[k] = op.diagonal[k] - (k > 0 ? below * op.upper[k - 1] : 0.0);
    value[k] = (k == 0 ? -op.wall_rate[0] : 0.0) - (k > 0 ? below * value[k - 1] : 0.0);
  }
  std::vector<double> c(10);
  for (std::size_t k = 10; k-- > 0;)
    c[k] = (value[k] - (k < 9 ? op.upper[k] * c[k + 1] : 0.0)) / pivot[k];
  const double exact = 1.0 / (1.0 / p + 5.0 / (2.0 * 0.5) + 5.0 / (0.1 * 0.25));
  CHECK(std::abs(op.conductance[0] * (1.0 - c[0] / eps[0]) / exact - 1.0) < 1e-12);
  CHECK(std::abs(op.conductance[10] * c[9] / eps[9] / exact - 1.0) < 1e-12);
}

TEST_CASE("nothing passes where diffusivity or permeability is zero") {
  const Grid grid = make_grid(Geometry::cylindrical, graded_faces(1.0, 4.0, 3));
  const std::vector<double> d{1.0, 0.0, 1.0}, eps(3, 1.0);
  const DiffusionOperator op = diffusion_operator(grid, d, eps, {WallKind::membrane, 0.0}, {});
  for (const auto* row : {&op.lower, &op.diagonal, &op.upper})
    for (const double v : *row) CHECK(v == 0.0);
  CHECK(op.wall_rate[0] == 0.0);
}

TEST_CASE("wrong grids and coefficients are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(make_grid(Geometry::cartesian, {1.0}),
                       "faces: a grid needs at least 2, found 1", InvalidInput);
  CHECK_THROWS_AS(make_grid(Geometry::cartesian, {0.0, 1.0, 1.0}), InvalidInput);
  CHECK_THROWS_AS(make_grid(Geometry::cartesian, {0.0, nan}), InvalidInput);
  CHECK_THROWS_AS(make_grid(Geometry::spherical, {-1.0, 1.0}), InvalidInput);
  CHECK_THROWS_AS(graded_faces(1.0, 1.0, 4), InvalidInput);
  CHECK_THROWS_AS(graded_faces(0.0, 1.0, 0), InvalidInput);
  CHECK_THROWS_AS(graded_faces(0.0, 1.0, 4, 0.0), InvalidInput);
  CHECK_THROWS_AS(geometry_named("krogh"), InvalidInput);
  CHECK_THROWS_AS(wall_named("open"), InvalidInput);
  const Grid grid = make_grid(Geometry::cylindrical, {0.0, 1.0, 2.0});
  const std::vector<double> good{1.0, 1.0}, negative{1.0, -1.0}, large{1.0, 1.5}, few{1.0};
  CHECK_THROWS_AS(diffusion_operator(grid, negative, good, {}, {}), InvalidInput);
  CHECK_THROWS_AS(diffusion_operator(grid, good, large, {}, {}), InvalidInput);
  CHECK_THROWS_AS(diffusion_operator(grid, few, good, {}, {}), InvalidInput);
  CHECK_THROWS_AS(diffusion_operator(grid, good, good, {WallKind::fixed, 0.0}, {}), InvalidInput);
  CHECK_THROWS_AS(diffusion_operator(grid, good, good, {}, {WallKind::membrane, -1.0}),
                  InvalidInput);
}
