// Lines with a plasma, branches, a vessel and flow: ledger, bits, stops, refusals.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>
#include <krogh/simulate/line.hpp>

using namespace krogh;
using simulate::DoseKind;
using simulate::LineOptions;
using simulate::LineOutput;
using simulate::LineProblem;
using simulate::LineResult;

namespace {

constexpr int num_lines = 6;
constexpr int cells = 11;

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// Two drugs that compete for a receptor; what is taken up is counted.
model::Program tissue() {
  model::ModelBuilder m;
  const auto kon = m.parameter("kon", 1e-3);
  const auto koff = m.parameter("koff", 1e-4);
  const auto ke = m.parameter("ke", 3e-5);
  const auto r0 = m.parameter("r0", 100.0);
  const auto f = m.state("f");
  const auto g = m.state("g");
  const auto r = m.state("r", r0);
  const auto b = m.state("b");
  const auto d = m.state("d");
  const auto one = kon * f * r - koff * b;
  const auto two = kon * g * r - koff * d;
  m.rate(f, -one);
  m.rate(g, -two);
  m.rate(r, ke * (b + d) - one - two);
  m.rate(b, one);
  m.rate(d, two);
  return m.compile();
}

/// One drug cleared with saturation into a store, the other exchanged with a second compartment.
model::Program plasma() {
  model::ModelBuilder m;
  const auto vmax = m.parameter("vmax", 1e-3);
  const auto km = m.parameter("km", 10.0);
  const auto a = m.state("a");
  const auto gone = m.state("gone");
  const auto p = m.state("p");
  const auto q = m.state("q");
  const auto lost = vmax * a / (km + a);
  const auto moved = 1e-4 * p - 2e-4 * q;
  m.rate(a, -lost);
  m.rate(gone, lost);
  m.rate(p, -moved);
  m.rate(q, moved);
  return m.compile();
}

/// A problem whose lines differ; owns what it points to.
struct Coupled {
  std::vector<double> faces, diffusivity, fraction, permeability, velocity, weights;
  std::vector<double> parameters{1e-3, 1e-4, 3e-5, 100.0}, plasma_parameters{1e-3, 10.0};
  std::vector<double> outside{1.0, 1.0}, uptake{1e-4, 1e-4};
  std::vector<double> flow{3e3}, lengths, radii;
  std::vector<std::int64_t> offsets;
  std::vector<double> times, amounts;
  std::vector<std::int32_t> states;
  std::vector<DoseKind> kinds;
  std::vector<double> records{600.0, 7200.0, 86400.0};
  LineProblem problem;
  LineOptions options{.recorded = {0, 1, 2, 3, 4}};
  std::vector<double> values, contents, entered, blood, capillary;

  Coupled(int branches, bool has_vessel, bool has_velocity) {
    for (int i = 0; i < branches; ++i) {
      const int n = i == 0 ? cells - 2 * (branches - 1) : 2;
      if (branches > 1) problem.branches.push_back(n);
      const std::vector<double> piece = space::graded_faces(8.0 + i, 60.0, n, 2.0);
      faces.insert(faces.end(), piece.begin(), piece.end());
      for (const double p : {3e-3, 0.0, 2e-3, 0.0}) permeability.push_back(p);
      lengths.push_back(50.0 + 20.0 * i);
      weights.push_back(1.0 / (1.0 + i));
    }
    for (int k = 0; k < 2 * cells; ++k) diffusivity.push_back(5.0 + k % 7);
    for (int k = 0; k < 2 * cells; ++k) fraction.push_back(0.2 + 0.01 * (k % 5));
    if (has_velocity)
      for (int k = 0; k < 2 * (cells + branches); ++k) velocity.push_back(0.02 * (k % 9) - 0.05);
    for (const int state : {0, 1})
      problem.mobile.push_back({.state = state,
                                .walls = {space::WallKind::membrane, space::WallKind::closed},
                                .inputs = {-1, -1}});
    problem.num_cells = cells;
    problem.num_lines = num_lines;
    problem.geometry = space::Geometry::cylindrical;
    if (!has_vessel) flow = lengths = {};
    if (has_vessel || branches == 1) weights.clear();
    problem.plasma.exchange = {{.mobile = 0, .wall = 0, .state = 0},
                               {.mobile = 1, .wall = 0, .state = 2}};
    offsets = {0};
    for (int line = 0; line < num_lines; ++line) {
      auto give = [&](double time, std::int32_t state, double amount, DoseKind kind) {
        times.push_back(time);
        states.push_back(state);
        amounts.push_back(amount);
        kinds.push_back(kind);
      };
      give(0.0, 0, 50.0 + line, DoseKind::bolus);
      give(600.0, 2, 0.01, DoseKind::rate_change);
      give(3600.0, 2, -0.01, DoseKind::rate_change);
      for (int i = 0; i < line % 3; ++i) give(4000.0 + 100.0 * line, 0, 5.0, DoseKind::bolus);
      offsets.push_back(static_cast<std::int64_t>(times.size()));
    }
  }

  LineResult run(const model::Program& of_tissue, const model::Program& of_plasma,
                 const RunControl& control = {.num_threads = 1, .keep_going = {}}) {
    LineProblem& p = problem;
    p.faces = faces;
    p.diffusivity = diffusivity;
    p.fraction = fraction;
    p.permeability = permeability;
    p.velocity = velocity;
    p.branch_weights = weights;
    p.parameters = parameters;
    p.record_times = records;
    p.vessel = {.flow = flow, .lengths = lengths, .radii = radii, .initial = {}};
    p.plasma.program = &of_plasma;
    p.plasma.parameters = plasma_parameters;
    p.plasma.outside_factor = outside;
    p.plasma.uptake_factor = uptake;
    p.plasma.dose_offsets = offsets;
    p.plasma.dose_times = times;
    p.plasma.dose_states = states;
    p.plasma.dose_amounts = amounts;
    p.plasma.dose_kinds = kinds;
    const std::size_t rows = idx(p.num_lines) * records.size();
    const std::size_t branches = std::max<std::size_t>(p.branches.size(), 1);
    values.assign(rows * options.recorded.size() * idx(cells), 0.0);
    contents.assign(rows * branches * 5, 0.0);
    entered.assign(rows * branches * 4, 0.0);
    blood.assign(rows * 4, 0.0);
    capillary.assign(flow.empty() ? 0 : rows * branches * 2, 0.0);
    const LineOutput output{.values = values,
                            .contents = contents,
                            .entered = entered,
                            .final_states = {},
                            .plasma = blood,
                            .vessel = capillary};
    return simulate_line(of_tissue, p, options, output, control);
  }
};

}  // namespace

TEST_CASE("plasma, vessel and tissue together hold what was given") {
  const model::Program of_tissue = tissue();
  const model::Program of_plasma = plasma();
  for (const int branches : {1, 3})
    for (const bool has_vessel : {false, true})
      for (const bool has_velocity : {false, true}) {
        Coupled c(branches, has_vessel, has_velocity);
        REQUIRE(c.run(of_tissue, of_plasma).failures.empty());
        double whole = 0.0;
        for (const double length : c.lengths) whole += length;
        for (int line = 0; line < num_lines; ++line)
          for (std::size_t r = 0; r < 3; ++r) {
            const std::size_t row = idx(line) * 3 + r;
            std::array<double, 2> held{c.blood[4 * row] + c.blood[4 * row + 1],
                                       c.blood[4 * row + 2] + c.blood[4 * row + 3]};
            for (int i = 0; i < branches; ++i) {
              const std::size_t at = row * idx(branches) + idx(i);
              const double share = has_vessel     ? c.lengths[idx(i)] / whole
                                   : branches > 1 ? c.weights[idx(i)]
                                                  : 1.0;
              for (std::size_t drug = 0; drug < 2; ++drug) {
                double amount = c.contents[5 * at + drug] + c.contents[5 * at + 3 + drug];
                if (has_vessel)
                  amount +=
                      3.14159265358979324 * (8.0 + i) * (8.0 + i) * c.capillary[2 * at + drug];
                held[drug] += 1e-4 * share * amount;
              }
            }
            const double bolus = 50.0 + line + (r > 0 ? 5.0 * (line % 3) : 0.0);
            CHECK(std::abs(held[0] / bolus - 1.0) < 1e-12);
            CHECK(std::abs(held[1] - (r > 0 ? 30.0 : 0.0)) < 1e-10);
          }
      }
}

TEST_CASE("bits of coupled lines depend on nothing but the line") {
  const model::Program of_tissue = tissue();
  const model::Program of_plasma = plasma();
  for (const bool has_vessel : {false, true}) {
    Coupled base(3, has_vessel, true);
    REQUIRE(base.run(of_tissue, of_plasma).failures.empty());
    for (const int threads : {2, 3})
      for (const int width : {8, 16, 32}) {
        Coupled other(3, has_vessel, true);
        other.options.width = width;
        const RunControl control{.num_threads = threads, .keep_going = {}};
        REQUIRE(other.run(of_tissue, of_plasma, control).failures.empty());
        CHECK(other.values == base.values);
        CHECK(other.blood == base.blood);
        CHECK(other.capillary == base.capillary);
        CHECK(other.entered == base.entered);
      }
  }
}

TEST_CASE("a plasma that leaves the numbers fails by name") {
  const model::Program of_tissue = tissue();
  model::ModelBuilder m;
  m.parameter("unused", 0.0);
  m.parameter("none", 0.0);
  const auto a = m.state("a");
  const auto x = m.state("x", 1.0);
  const auto p = m.state("p");
  const auto grown = m.state("grown", 1.0);
  m.rate(a, -1e-4 * a);
  m.rate(x, 0.0 * x);
  m.rate(p, -1e-4 * p);
  m.rate(grown, 1e-3 * grown * grown);
  const model::Program of_plasma = m.compile();
  Coupled c(2, true, false);
  c.options.max_steps = 50000;
  c.options.rtol = 1e-5;
  const LineResult result = c.run(of_tissue, of_plasma);
  REQUIRE(result.failures.size() == num_lines);
  for (const auto& f : result.failures) {
    CHECK(f.is_plasma);
    CHECK(f.state == 3);
    CHECK(f.cell == -1);
    CHECK(std::abs(f.time - 1000.0) < 1.0);
  }
}

TEST_CASE("wrong coupled problems are refused before any work") {
  const model::Program of_tissue = tissue();
  const model::Program of_plasma = plasma();
  auto refuses = [&](auto change) {
    Coupled c(2, true, true);
    change(c);
    CHECK_THROWS_AS(c.run(of_tissue, of_plasma), InvalidInput);
  };
  refuses([](Coupled& c) { c.problem.branches[0] = 3; });
  refuses([](Coupled& c) { c.problem.branches[1] = -2; });
  refuses([](Coupled& c) { c.problem.geometry = space::Geometry::spherical; });
  refuses([](Coupled& c) { c.faces.pop_back(); });
  refuses([](Coupled& c) { c.velocity.pop_back(); });
  refuses([](Coupled& c) { c.permeability.pop_back(); });
  refuses([](Coupled& c) { c.flow[0] = 0.0; });
  refuses([](Coupled& c) { c.lengths[1] = -1.0; });
  refuses([](Coupled& c) { c.radii = {1.0}; });
  refuses([](Coupled& c) { c.weights = {1.0, 1.0}; });
  refuses([](Coupled& c) { c.outside.pop_back(); });
  refuses([](Coupled& c) { c.uptake[0] = -1.0; });
  refuses([](Coupled& c) { c.offsets.pop_back(); });
  refuses([](Coupled& c) { c.times[0] = -1.0; });
  refuses([](Coupled& c) { c.states[0] = 4; });
  refuses([](Coupled& c) { c.kinds[0] = static_cast<DoseKind>(2); });
  refuses([](Coupled& c) { c.amounts.pop_back(); });
  refuses([](Coupled& c) { c.problem.plasma.exchange[1].wall = 1; });
  refuses([](Coupled& c) { c.problem.plasma.exchange[1].mobile = 0; });
  refuses([](Coupled& c) { c.options.plasma_signed = {4}; });
  refuses([](Coupled& c) { c.options.plasma_atol = {1.0}; });
}
