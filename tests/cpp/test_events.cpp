// Events and switched compartments: crossings, chains of events, ties with doses, jumps of
// tangents. SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <functional>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>

#include "point_kit.hpp"

using namespace krogh;
using namespace krogh_tests;
using expr::NodeId;
using model::ModelBuilder;
using model::ModelSpec;
using model::Program;

namespace {

PointOptions tight(Method method = Method::rodas5p) {
  PointOptions options;
  options.method = method;
  options.rtol = 1e-10;
  return options;
}

/// y' = -k y from y0; when y falls to `level`, y becomes gain y + lift (all parameters).
Program sawtooth() {
  ModelSpec spec;
  auto& g = spec.graph;
  spec.state_names = {"y"};
  spec.parameter_names = {"k", "y0", "level", "gain", "lift"};
  const NodeId y = g.state(0);
  spec.derivatives = {g.unary(expr::Op::neg, g.mul(g.parameter(0), y))};
  spec.initial = {g.parameter(1)};
  spec.outputs = {y};
  spec.output_names = {"y"};
  model::Event event;
  event.trigger = g.sub(y, g.parameter(2));
  event.direction = -1;
  event.assignments = {{0, g.add(g.mul(g.parameter(3), y), g.parameter(4))}};
  spec.events = {event};
  return Program(std::move(spec));
}

/// Largest deviation of exact sensitivities from Richardson's extrapolation of differences.
double against_differences(const Program& p, const std::vector<double>& nominal,
                           const std::vector<Record>& records, const PointOptions& base) {
  PointOptions options = base;
  const int n = p.num_parameters();
  for (int k = 0; k < n; ++k) options.sensitivities.push_back({Direction::Kind::parameter, k});
  const Run exact = run(p, nominal, records, options);
  double largest = 0.0;
  for (int k = 0; k < n; ++k) {
    auto along = [&](double h) {
      std::vector<double> up = nominal, down = nominal;
      up[static_cast<std::size_t>(k)] += h;
      down[static_cast<std::size_t>(k)] -= h;
      const Run a = run(p, up, records, base), b = run(p, down, records, base);
      std::vector<double> slope;
      for (std::size_t i = 0; i < a.values.size(); ++i)
        slope.push_back((a.values[i] - b.values[i]) / (2.0 * h));
      return slope;
    };
    const std::vector<double> coarse = along(2e-3), fine = along(1e-3);
    for (std::size_t i = 0; i < fine.size(); ++i) {
      const double extrapolated = (4.0 * fine[i] - coarse[i]) / 3.0;
      const double found =
          exact.sensitivities[i * static_cast<std::size_t>(n) + static_cast<std::size_t>(k)];
      largest = std::max(largest, std::abs(found - extrapolated));
    }
  }
  return largest;
}

}  // namespace

TEST_CASE("an event repeats as often as its condition becomes true") {
  const Program p = sawtooth();
  // From 1 to 0.5 and back to 2 * 0.5 + 0 = 1: period ln 2 / k.
  const double k = 0.9, period = std::log(2.0) / k;
  const Run r = run(p, {k, 1.0, 0.5, 2.0, 0.0},
                    {observe(0.0), observe(0.4 * period), observe(1.4 * period),
                     observe(7.4 * period), observe(7.9 * period)},
                    tight());
  for (std::size_t i = 1; i < 4; ++i)
    CHECK(relative(r.value(i), std::exp(-0.4 * std::log(2.0))) < 1e-8);
  CHECK(relative(r.value(4), std::exp(-0.9 * std::log(2.0))) < 1e-8);
}

TEST_CASE("tangents jump at events by the full saltation, assignments included") {
  const Program p = sawtooth();
  const std::vector<double> nominal = {0.9, 1.2, 0.5, 1.7, 0.3};
  const std::vector<Record> records = {observe(0.0), observe(0.5), observe(1.5), observe(2.9),
                                       observe(6.0)};
  PointOptions options = tight();
  options.rtol = 1e-12;
  CHECK(against_differences(p, nominal, records, options) < 1e-6);
}

TEST_CASE("the direction of an event is respected") {
  // y swings as a cosine; z counts passages of y through 1/2.
  for (const int direction : {-1, 0, 1}) {
    ModelSpec spec;
    auto& g = spec.graph;
    spec.state_names = {"y", "v", "z"};
    spec.parameter_names = {"unused"};
    spec.derivatives = {g.state(1), g.unary(expr::Op::neg, g.state(0)), g.constant(0.0)};
    spec.initial = {g.constant(1.0), g.constant(0.0), g.constant(0.0)};
    spec.outputs = {g.state(2)};
    spec.output_names = {"z"};
    model::Event event;
    event.trigger = g.sub(g.state(0), g.constant(0.5));
    event.direction = direction;
    event.assignments = {{2, g.add(g.state(2), g.constant(1.0))}};
    spec.events = {event};
    const Program p(std::move(spec));
    const Run r = run(p, {0.0}, {observe(0.0), observe(4.0 * std::acos(-1.0) + 0.1)}, tight());
    CHECK(r.value(1) == (direction == 0 ? 4.0 : 2.0));
  }
}

TEST_CASE("surfaces crossed at the same time all count") {
  // y falls through 1/2; two events with conditions that vanish together, and one a little later.
  ModelSpec spec;
  auto& g = spec.graph;
  spec.state_names = {"y", "a", "b", "c"};
  spec.parameter_names = {"k"};
  const NodeId zero = g.constant(0.0), y = g.state(0);
  spec.derivatives = {g.unary(expr::Op::neg, g.mul(g.parameter(0), y)), zero, zero, zero};
  spec.initial = {g.constant(1.0), zero, zero, zero};
  spec.outputs = {g.state(1), g.state(2), g.state(3)};
  spec.output_names = {"a", "b", "c"};
  auto event = [&](NodeId trigger, int state) {
    model::Event e;
    e.trigger = trigger;
    e.direction = -1;
    e.assignments = {{state, g.add(g.state(state), g.constant(1.0))}};
    return e;
  };
  spec.events = {event(g.sub(y, g.constant(0.5)), 1),
                 event(g.sub(g.mul(y, y), g.constant(0.25)), 2),
                 event(g.sub(y, g.constant(0.5 - 1e-9)), 3)};
  const Program p(std::move(spec));
  const Run r = run(p, {1.0}, {observe(0.0), observe(5.0)}, tight());
  CHECK(r.value(1, 0) == 1.0);
  CHECK(r.value(1, 1) == 1.0);
  CHECK(r.value(1, 2) == 1.0);
}

TEST_CASE("an event may make another one fire, and a dose may make one fire") {
  // y > 2 empties y into a; a > 1 empties a into b.
  ModelSpec spec;
  auto& g = spec.graph;
  spec.state_names = {"y", "a", "b"};
  spec.parameter_names = {"k"};
  const NodeId zero = g.constant(0.0);
  spec.derivatives = {g.mul(g.parameter(0), g.state(0)), zero, zero};
  spec.initial = {g.constant(1.0), zero, zero};
  spec.outputs = {g.state(0), g.state(1), g.state(2)};
  spec.output_names = {"y", "a", "b"};
  model::Event first, second;
  first.trigger = g.sub(g.state(0), g.constant(2.0));
  first.direction = 1;
  first.assignments = {{0, g.constant(0.5)}, {1, g.state(0)}};
  second.trigger = g.sub(g.state(1), g.constant(1.0));
  second.direction = 1;
  second.assignments = {{1, zero}, {2, g.state(1)}};
  spec.events = {first, second};
  const Program p(std::move(spec));
  const Run grown = run(p, {1.0}, {observe(0.0), observe(1.0)}, tight());
  CHECK(relative(grown.value(1, 0), 0.5 * std::exp(1.0 - std::log(2.0))) < 1e-8);
  CHECK(grown.value(1, 1) == 0.0);
  CHECK(relative(grown.value(1, 2), 2.0) < 1e-9);
  // A dose takes y from e^0.1 over 2 at once; the event sees what the dose left.
  const Run dosed = run(p, {1.0}, {observe(0.0), bolus(0.1, 0, 5.0), observe(0.1)}, tight());
  CHECK(dosed.value(1, 0) == 0.5);
  CHECK(relative(dosed.value(1, 2), 5.0 + std::exp(0.1)) < 1e-9);
}

TEST_CASE("a solution that slides along a surface is named, not followed for ever") {
  ModelSpec spec;
  auto& g = spec.graph;
  spec.state_names = {"y"};
  spec.parameter_names = {"unused"};
  spec.derivatives = {g.select(g.state(0), g.constant(-1.0), g.constant(1.0))};
  spec.initial = {g.constant(1.0)};
  spec.outputs = {g.state(0)};
  spec.output_names = {"y"};
  const Program p(std::move(spec));
  const Run r = run(p, {0.0}, {observe(0.0), observe(5.0)}, tight());
  CHECK(r.result.status[0] == Status::not_finite);
  REQUIRE(r.result.failures.size() == 1);
  CHECK(relative(r.result.failures[0].time, 1.0) < 1e-6);
}

namespace {

/// Depot and central compartment, both reported.
Program two_pools() {
  ModelBuilder m;
  const auto ka = m.parameter("ka", 0.8), ke = m.parameter("ke", 0.3);
  const auto a = m.state("A"), c = m.state("C");
  m.rate(a, -ka * a);
  m.rate(c, ka * a - ke * c);
  m.output("A", a);
  m.output("C", c);
  return m.compile();
}

}  // namespace

TEST_CASE("a compartment that is off is empty and stays so until it is turned on or dosed") {
  const Program p = two_pools();
  const std::vector<Record> records = {bolus(0.0, 0, 10.0),
                                       infusion(0.0, 1, 8.0, 2.0),
                                       observe(1.0),
                                       at(1.0, RecordKind::turn_off, 1),
                                       observe(1.0),
                                       observe(2.0),
                                       observe(3.0),
                                       at(3.0, RecordKind::turn_on, 1),
                                       observe(3.0),
                                       observe(4.0),
                                       at(5.0, RecordKind::turn_off, 0),
                                       observe(5.0),
                                       bolus(6.0, 0, 1.0),
                                       observe(6.0),
                                       observe(7.0)};
  for (const Method method :
       {Method::propagator, Method::rodas4, Method::rodas5p, Method::ros34pw2, Method::explicit5}) {
    const double tolerance = method == Method::propagator ? 1e-13 : 1e-6;
    PointOptions options = tight(method);
    options.rtol = 1e-9;
    const Run r = run(p, {0.8, 0.3}, records, options);
    REQUIRE(r.result.status[0] == Status::success);
    CHECK(r.value(0, 1) > 1.0);
    CHECK(r.value(1, 1) == 0.0);
    CHECK(r.value(2, 1) == 0.0);  // neither the depot nor the infusion gets through
    CHECK(relative(r.value(2, 0), 10.0 * std::exp(-1.6)) < tolerance);
    CHECK(r.value(3, 1) == 0.0);
    // From 3 on it fills from the depot alone: the infusion was cut off.
    const double depot = 10.0 * std::exp(-0.8 * 3.0);
    const double filled = depot * 0.8 / 0.5 * (std::exp(-0.3) - std::exp(-0.8));
    CHECK(relative(r.value(5, 1), filled) < tolerance);
    CHECK(r.value(6, 0) == 0.0);
    CHECK(r.value(7, 0) == 1.0);
    CHECK(relative(r.value(8, 0), std::exp(-0.8)) < tolerance);
  }
}

TEST_CASE("a reset turns compartments on; tangents of what is off are zero") {
  const Program p = two_pools();
  const std::vector<Record> records = {bolus(0.0, 0, 10.0), at(1.0, RecordKind::turn_off, 1),
                                       observe(2.0),        at(3.0, RecordKind::reset),
                                       bolus(3.0, 1, 4.0),  observe(4.0)};
  for (const Method method : {Method::propagator, Method::rodas5p}) {
    PointOptions options = tight(method);
    options.sensitivities = {{Direction::Kind::parameter, 0},
                             {Direction::Kind::parameter, 1},
                             {Direction::Kind::amount, 0}};
    const Run r = run(p, {0.8, 0.3}, records, options);
    for (std::size_t k = 0; k < 3; ++k) CHECK(r.sensitivities[3 + k] == 0.0);
    CHECK(relative(r.sensitivities[0], -2.0 * 10.0 * std::exp(-1.6)) < 1e-6);
    CHECK(relative(r.value(1, 1), 4.0 * std::exp(-0.3)) < 1e-8);
    CHECK(relative(r.sensitivities[6 + 3 + 1], -4.0 * std::exp(-0.3)) < 1e-6);
  }
}

TEST_CASE("a steady state is found around a compartment that is off") {
  ModelBuilder m;
  const auto ke = m.parameter("ke", 0.3), q = m.parameter("q", 0.5);
  const auto c = m.state("C"), t = m.state("P");
  m.rate(c, -(ke + q) * c + q * t);
  m.rate(t, q * c - q * t);
  m.output("C", c);
  const Program p = m.compile();
  const std::vector<Record> records = {at(0.0, RecordKind::turn_off, 1),
                                       steady(bolus(0.0, 0, 2.0), 3.0), observe(0.0)};
  const double exact = 2.0 / -std::expm1(-0.8 * 3.0);
  CHECK(relative(run(p, {0.3, 0.5}, records, tight(Method::propagator)).value(0), exact) < 1e-14);
  CHECK(relative(run(p, {0.3, 0.5}, records, tight()).value(0), exact) < 1e-8);
}
