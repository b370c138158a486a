// Line solver: partial elimination, block-tridiagonal solves, refusals, well-mixed lines, ledger.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <Eigen/LU>

#include <krogh/base/aligned.hpp>
#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>
#include <krogh/simulate/line.hpp>

#include "linalg/block_tridiagonal.hpp"
#include "linalg/partial_lu.hpp"

using namespace krogh;
using simulate::LineOptions;
using simulate::LineOutput;
using simulate::LineProblem;
using simulate::LineResult;

namespace {

constexpr int lanes = linalg::line_lanes;
std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A binding model with one mobile state: c + r <-> b, b is taken up.
model::Program binding() {
  model::ModelBuilder m;
  const auto kon = m.parameter("kon", 1e-3);
  const auto koff = m.parameter("koff", 1e-4);
  const auto ke = m.parameter("ke", 3e-5);
  const auto r0 = m.parameter("r0", 100.0);
  const auto c = m.state("c");
  const auto r = m.state("r", r0);
  const auto b = m.state("b");
  const auto e = m.state("e");
  const auto bind = kon * c * r - koff * b;
  m.rate(c, -bind);
  m.rate(r, -bind + ke * b);
  m.rate(b, bind - ke * b);
  m.rate(e, ke * b);
  return m.compile();
}

/// A cylinder with a membrane and a plasma that decays; owns what the problem points to.
struct Cylinder {
  std::vector<double> faces = space::graded_faces(8.0, 75.0, 24);
  std::vector<double> diffusivity = std::vector<double>(24, 10.0);
  std::vector<double> fraction = std::vector<double>(24, 0.24);
  std::vector<double> permeability{3e-3, 0.0};
  std::vector<double> parameters{1e-3, 1e-4, 3e-5, 100.0};
  std::vector<double> rates{1e-5}, pulse_times{0.0}, amplitudes{200.0};
  std::vector<double> records{3600.0, 86400.0};
  LineOptions options{.recorded = {0, 1, 2, 3}};
  LineProblem problem;
  std::vector<double> values, contents, entered;

  Cylinder() {
    problem.mobile = {{.state = 0,
                       .walls = {space::WallKind::membrane, space::WallKind::closed},
                       .inputs = {0, -1}}};
    problem.num_cells = 24;
    problem.num_inputs = problem.num_terms = problem.num_pulses = 1;
  }

  LineResult run(const model::Program& program,
                 const RunControl& control = {.num_threads = 1, .keep_going = {}}) {
    problem.faces = faces;
    problem.diffusivity = diffusivity;
    problem.fraction = fraction;
    problem.permeability = permeability;
    problem.parameters = parameters;
    problem.rates = rates;
    problem.pulse_times = pulse_times;
    problem.pulse_amplitudes = amplitudes;
    problem.record_times = records;
    const std::size_t rows = idx(problem.num_lines) * records.size();
    values.assign(rows * options.recorded.size() * idx(problem.num_cells), 0.0);
    contents.assign(rows * 4, 0.0);
    entered.assign(rows * problem.mobile.size() * 2, 0.0);
    LineOutput output{.values = values,
                      .contents = contents,
                      .entered = entered,
                      .final_states = {},
                      .plasma = {},
                      .vessel = {}};
    return simulate_line(program, problem, options, output, control);
  }
};

}  // namespace

TEST_CASE("block-tridiagonal solves agree with a dense solver in every lane and block size") {
  std::mt19937 draw(7);
  std::uniform_real_distribution<double> uniform(0.1, 1.0);
  for (int m = 1; m <= 6; ++m)
    for (const int cells : {1, 2, 17}) {
      const std::size_t vector = idx(cells) * idx(m) * lanes;
      AlignedBuffer lower(vector), upper(vector), outward(vector), ratio(vector), rhs(vector);
      AlignedBuffer walls(idx(2 * m) * lanes);
      AlignedBuffer blocks(vector * idx(m));
      for (std::size_t i = 0; i < vector; ++i) {
        lower.data()[i] = uniform(draw);
        outward.data()[i] = uniform(draw);
        ratio.data()[i] = uniform(draw);
        rhs.data()[i] = uniform(draw);
      }
      for (std::size_t i = 0; i < walls.size(); ++i) walls.data()[i] = uniform(draw);
      const std::size_t row = idx(m) * lanes;
      for (std::size_t i = 0; i + row < vector; ++i)
        upper.data()[i] = outward.data()[i] * ratio.data()[i + row];
      for (std::size_t i = 0; i < vector * idx(m); ++i) blocks.data()[i] = uniform(draw) - 0.5;
      for (int k = 0; k < cells; ++k)
        for (int i = 0; i < m; ++i)
          for (int l = 0; l < lanes; ++l)
            blocks.data()[((k * m + i) * m + i) * lanes + l] -= 1.0 + m * uniform(draw);
      std::vector<Eigen::VectorXd> expected;
      for (int l = 0; l < lanes; ++l) {
        Eigen::MatrixXd a = Eigen::MatrixXd::Zero(cells * m, cells * m);
        Eigen::VectorXd b(cells * m);
        for (int k = 0; k < cells; ++k)
          for (int i = 0; i < m; ++i) {
            const std::size_t at = idx((k * m + i) * lanes + l);
            b(k * m + i) = rhs.data()[at];
            for (int j = 0; j < m; ++j)
              a(k * m + i, k * m + j) = blocks.data()[idx(((k * m + i) * m + j) * lanes + l)];
            double& diagonal = a(k * m + i, k * m + i);
            if (k == 0) diagonal -= walls.data()[i * lanes + l];
            if (k + 1 == cells) diagonal -= walls.data()[(m + i) * lanes + l];
            if (k > 0) diagonal -= lower.data()[at] * ratio.data()[at];
            if (k + 1 < cells) diagonal -= outward.data()[at];
            if (k > 0) a(k * m + i, (k - 1) * m + i) = lower.data()[at];
            if (k + 1 < cells) a(k * m + i, (k + 1) * m + i) = upper.data()[at];
          }
        expected.push_back(a.fullPivLu().solve(b));
      }
      const int starts[] = {0, cells};
      const linalg::BlockTridiagonal system{1,
                                            starts,
                                            m,
                                            lower.data(),
                                            upper.data(),
                                            outward.data(),
                                            ratio.data(),
                                            walls.data(),
                                            blocks.data()};
      KROGH_DISPATCH(factor_tridiagonal)(system);
      KROGH_DISPATCH(solve_tridiagonal)(system, rhs.data());
      double worst = 0.0;
      for (int l = 0; l < lanes; ++l)
        for (int i = 0; i < cells * m; ++i)
          worst = std::max(worst, std::abs(rhs.data()[idx(i * lanes + l)] - expected[idx(l)](i)));
      CHECK(worst < 1e-13);
    }
}

TEST_CASE("a block that cannot be eliminated in order turns its lane alone into NaN") {
  for (const int m : {2, 3, 5}) {
    const std::size_t vector = idx(m) * lanes;
    AlignedBuffer zero(2 * vector), rhs(vector), blocks(vector * idx(m));
    for (int i = 0; i < m; ++i)
      for (int l = 0; l < lanes; ++l) {
        rhs.data()[i * lanes + l] = 1.0;
        for (int j = 0; j < m; ++j)
          blocks.data()[(i * m + j) * lanes + l] = l == 1 || i == j ? 1.0 : 0.0;
      }
    const int starts[] = {0, 1};
    const linalg::BlockTridiagonal system{1,           starts,      m,
                                          zero.data(), zero.data(), zero.data(),
                                          zero.data(), zero.data(), blocks.data()};
    KROGH_DISPATCH(factor_tridiagonal)(system);
    KROGH_DISPATCH(solve_tridiagonal)(system, rhs.data());
    for (int l = 0; l < lanes; ++l) CHECK(std::isnan(rhs.data()[l]) == (l == 1));
  }
}

TEST_CASE("partial elimination gives the Schur complement and the full solution") {
  constexpr int n = 5;
  const std::vector<int> kept{3, 1};
  Eigen::MatrixXd a(n, n);
  a << 4, 1, 0, 2, 0, 1, 5, 1, 0, 0, 0, 2, 6, 1, 1, 1, 0, 2, 7, 0, 0, 1, 0, 1, 3;
  const Eigen::VectorXd b = Eigen::VectorXd::LinSpaced(n, 1.0, 3.0);
  expr::Graph graph;
  std::vector<expr::NodeId> matrix, rhs;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      matrix.push_back(a(i, j) == 0.0 ? expr::no_node : graph.constant(a(i, j)));
  for (int i = 0; i < n; ++i) rhs.push_back(graph.constant(b(i)));
  const linalg::PartialLu lu = linalg::eliminate(graph, matrix, n, kept);
  auto value = [&](expr::NodeId id) {
    return id == expr::no_node ? 0.0 : graph.evaluate(id, {}, {}, 0.0);
  };
  const auto reduced = linalg::reduce(graph, lu, rhs);
  Eigen::Matrix2d schur;
  Eigen::Vector2d right;
  for (int i = 0; i < 2; ++i) {
    right(i) = value(reduced[idx(lu.num_eliminated + i)]);
    for (int j = 0; j < 2; ++j) schur(i, j) = value(lu.schur(i, j));
  }
  const Eigen::Vector2d moving = schur.fullPivLu().solve(right);
  const std::vector<expr::NodeId> known{graph.constant(moving(0)), graph.constant(moving(1))};
  const auto rest =
      linalg::expand(graph, lu, std::span(reduced).first(idx(lu.num_eliminated)), known);
  const Eigen::VectorXd exact = a.fullPivLu().solve(b);
  CHECK(std::abs(moving(0) - exact(3)) < 1e-14);
  CHECK(std::abs(moving(1) - exact(1)) < 1e-14);
  for (int i = 0; i < lu.num_eliminated; ++i)
    CHECK(std::abs(value(rest[idx(i)]) - exact(lu.order[idx(i)])) < 1e-14);
}

TEST_CASE("what a cylinder holds is what has entered through its wall") {
  const model::Program program = binding();
  Cylinder cylinder;
  const LineResult result = cylinder.run(program);
  REQUIRE(result.status[0] == Status::success);
  for (std::size_t r = 0; r < 2; ++r) {
    const double* held = cylinder.contents.data() + 4 * r;
    const double entered = cylinder.entered[2 * r];
    CHECK(entered > 0.0);
    CHECK(std::abs(held[0] + held[2] + held[3] - entered) < 1e-12 * entered);
    CHECK(cylinder.entered[2 * r + 1] == 0.0);
  }
  for (const double v : cylinder.values) CHECK(v >= 0.0);
}

TEST_CASE("bits of a line depend on nothing but the line") {
  const model::Program program = binding();
  Cylinder many;
  many.problem.num_lines = 11;
  many.parameters.clear();
  for (int i = 0; i < 11; ++i)
    for (const double p : {1e-3 * (1 + i % 4), 1e-4, 3e-5, 60.0 + 9.0 * i})
      many.parameters.push_back(p);
  REQUIRE(many.run(program).failures.empty());
  const std::vector<double> expected = many.values;
  for (const int threads : {2, 3})
    for (const int width : {8, 16, 32}) {
      many.options.width = width;
      REQUIRE(many.run(program, {.num_threads = threads, .keep_going = {}}).failures.empty());
      CHECK(many.values == expected);
    }
  Cylinder alone;
  alone.parameters.assign(many.parameters.begin() + 4 * 7, many.parameters.begin() + 4 * 8);
  REQUIRE(alone.run(program).failures.empty());
  const std::size_t size = alone.values.size();
  CHECK(std::equal(alone.values.begin(), alone.values.end(),
                   expected.begin() + static_cast<std::ptrdiff_t>(7 * size)));
}

TEST_CASE("a hook that says no stops a line run and leaves NaN where it was not") {
  const model::Program program = binding();
  Cylinder cylinder;
  cylinder.problem.num_lines = 9;
  int calls = 0;
  const LineResult result = cylinder.run(
      program, {.num_threads = 1, .keep_going = [&](const Progress&) { return ++calls < 5; }});
  CHECK(calls == 5);
  for (const Status s : result.status) CHECK(s == Status::stopped);
  CHECK(result.failures.empty());
  CHECK(std::isnan(cylinder.values.back()));
}

TEST_CASE("kinetics that leave the numbers fail by name and leave the other lines alone") {
  model::ModelBuilder m;
  const auto k = m.parameter("k", 1.0);
  const auto c = m.state("c", 1.0);
  const auto grown = m.state("grown", 1.0);
  m.rate(c, 0.0 * c);
  m.rate(grown, k * grown * grown);
  const model::Program program = m.compile();
  Cylinder cylinder;
  cylinder.problem.num_lines = 2;
  cylinder.parameters = {1.0, 1e-9};
  cylinder.options.recorded = {0, 1};
  cylinder.options.max_steps = 5000;
  cylinder.records = {10.0};
  cylinder.problem.num_lines = 2;
  cylinder.problem.faces = cylinder.faces;
  cylinder.contents.assign(4, 0.0);
  LineProblem& p = cylinder.problem;
  p.diffusivity = cylinder.diffusivity;
  p.fraction = cylinder.fraction;
  p.permeability = cylinder.permeability;
  p.parameters = cylinder.parameters;
  p.rates = cylinder.rates;
  p.pulse_times = cylinder.pulse_times;
  p.pulse_amplitudes = cylinder.amplitudes;
  p.record_times = cylinder.records;
  cylinder.values.assign(2 * 2 * 24, 0.0);
  cylinder.entered.assign(4, 0.0);
  const LineOutput output{.values = cylinder.values,
                          .contents = cylinder.contents,
                          .entered = cylinder.entered,
                          .final_states = {},
                          .plasma = {},
                          .vessel = {}};
  const LineResult result =
      simulate_line(program, p, cylinder.options, output, {.num_threads = 1, .keep_going = {}});
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].line == 0);
  CHECK(result.failures[0].time > 0.99);
  CHECK(result.failures[0].time < 1.01);
  CHECK(result.status[1] == Status::success);
  CHECK(std::isnan(cylinder.values[0]));
  CHECK(std::isfinite(cylinder.values.back()));
}

TEST_CASE("wrong line problems are refused before any work") {
  const model::Program program = binding();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto refuses = [&](auto change) {
    Cylinder cylinder;
    change(cylinder);
    CHECK_THROWS_AS(cylinder.run(program), InvalidInput);
  };
  refuses([](Cylinder& c) { c.faces[3] = c.faces[2]; });
  refuses([](Cylinder& c) { c.faces[0] = -1.0; });
  refuses([](Cylinder& c) { c.faces[0] = 0.0; });  // a membrane on the axis
  refuses([](Cylinder& c) { c.faces.pop_back(); });
  refuses([](Cylinder& c) { c.diffusivity[5] = -1.0; });
  refuses([=](Cylinder& c) { c.diffusivity[5] = nan; });
  refuses([](Cylinder& c) { c.fraction[5] = 0.0; });
  refuses([](Cylinder& c) { c.fraction[5] = 1.01; });
  refuses([](Cylinder& c) { c.permeability[0] = -3e-3; });
  refuses([=](Cylinder& c) { c.parameters[1] = nan; });
  refuses([](Cylinder& c) { c.parameters.push_back(1.0); });
  refuses([](Cylinder& c) { c.rates[0] = -1.0; });
  refuses([=](Cylinder& c) { c.amplitudes[0] = nan; });
  refuses([](Cylinder& c) { c.records = {}; });
  refuses([](Cylinder& c) { c.records = {2.0, 1.0}; });
  refuses([](Cylinder& c) { c.records = {-1.0}; });
  refuses([](Cylinder& c) { c.options.rtol = 0.0; });
  refuses([](Cylinder& c) { c.options.atol = {1.0}; });
  refuses([](Cylinder& c) { c.options.width = 4; });
  refuses([](Cylinder& c) { c.options.max_steps = 0; });
  refuses([](Cylinder& c) { c.options.recorded = {4}; });
  refuses([](Cylinder& c) { c.options.signed_states = {0, 0}; });
  refuses([](Cylinder& c) { c.problem.mobile.clear(); });
  refuses([](Cylinder& c) { c.problem.mobile[0].state = 4; });
  refuses([](Cylinder& c) { c.problem.mobile[0].inputs[0] = 1; });
  refuses([](Cylinder& c) { c.problem.field_parameters = {9}; });
  refuses([](Cylinder& c) { c.problem.num_lines = 0; });
  refuses([](Cylinder& c) { c.problem.table_times = c.rates; });
}
