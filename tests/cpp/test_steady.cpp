// Steady states: periodic dosing in closed form, overlapping infusions, lag, and where there is
// none. SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>

#include "point_kit.hpp"

using namespace krogh;
using namespace krogh_tests;
using model::ModelBuilder;
using model::Program;

namespace {

/// One compartment with lag, and a running integral of it.
Program one_compartment() {
  ModelBuilder m;
  const auto ke = m.parameter("ke", 0.1), lag = m.parameter("lag", 0.0);
  const auto c = m.state("C"), area = m.state("area");
  m.rate(c, -ke * c);
  m.rate(area, c);
  m.output("C", c);
  m.output("area", area);
  m.dose(c, {.bioavailability = std::nullopt,
             .lag = lag,
             .duration = std::nullopt,
             .rate = std::nullopt});
  return m.compile();
}

/// Amount at time t after infusions of `rate` for `duration` at 0, -tau, -2 tau, ... (all of them).
double infusion_train(double ke, double rate, double duration, double tau, double t) {
  double sum = 0.0;
  for (int j = 0; j < 4000; ++j) {
    const double since = t + j * tau;
    const double on = std::min(since, duration);
    sum += rate / ke * (std::exp(-ke * (since - on)) - std::exp(-ke * since));
  }
  return sum;
}

PointOptions with(Method method, double rtol = 1e-10) {
  PointOptions options;
  options.method = method;
  options.rtol = rtol;
  return options;
}

}  // namespace

TEST_CASE("periodic boluses: closed form at once, and running integrals start anew") {
  const Program p = one_compartment();
  const double ke = 0.1, tau = 6.0, dose = 5.0;
  const std::vector<Record> records = {again(steady(bolus(0.0, 0, dose), tau), tau, 2),
                                       observe(0.0), observe(3.0), observe(6.0), observe(12.0)};
  const double top = dose / -std::expm1(-ke * tau);
  for (const Method method : {Method::propagator, Method::rodas5p}) {
    const Run r = run(p, {ke, 0.0}, records, with(method));
    const double tolerance = method == Method::propagator ? 1e-14 : 1e-8;
    CHECK(relative(r.value(0), top) < tolerance);
    CHECK(relative(r.value(1), top * std::exp(-ke * 3.0)) < tolerance);
    CHECK(relative(r.value(2), top) < tolerance);
    CHECK(r.value(0, 1) == 0.0);
    CHECK(relative(r.value(2, 1), dose / ke) < tolerance);  // area of one interval
    CHECK(r.result.steady_residual[0] < (method == Method::propagator ? 1e-14 : 1e-8));
  }
}

TEST_CASE("infusions longer than the interval overlap, whatever the lag") {
  const Program p = one_compartment();
  const double ke = 0.1, rate = 3.0, duration = 13.7, tau = 4.0;
  for (const double lag : {0.0, 1.5, 4.0, 9.25}) {
    std::vector<Record> records = {
        again(steady(infusion(0.0, 0, rate * duration, rate), tau), tau, 30)};
    const double times[] = {0.0, 0.5, 1.5, 3.0, 5.7, 30.0};
    for (const double t : times) records.push_back(observe(t));
    const Run r = run(p, {ke, lag}, records, with(Method::propagator));
    for (std::size_t i = 0; i < std::size(times); ++i) {
      // A train that has run for ever: doses arrive at lag - j tau for every j.
      const double phase = std::fmod(times[i] - lag + 40.0 * tau, tau);
      CHECK(relative(r.value(i), infusion_train(ke, rate, duration, tau, phase)) < 1e-12);
    }
  }
}

TEST_CASE("the steppers' periodic states agree with the exact ones") {
  const Program p = one_compartment();
  const std::vector<Record> records = {
      steady(infusion(0.0, 0, 20.0, 4.0), 3.0), observe(0.0), observe(1.1),
      steady(bolus(2.0, 0, 7.0), 5.0, 2),       observe(2.0), observe(9.0)};
  const Run exact = run(p, {0.2, 0.7}, records, with(Method::propagator));
  for (const Method method : {Method::rodas4, Method::rodas5p, Method::ros34pw2}) {
    const Run r = run(p, {0.2, 0.7}, records, with(method, 1e-8));
    for (std::size_t i = 0; i < 4; ++i) CHECK(relative(r.value(i), exact.value(i)) < 1e-6);
  }
}

TEST_CASE("a constant infusion ends at its steady state") {
  const Program p = one_compartment();
  Record constant = infusion(0.0, 0, 0.0, 8.0);
  constant.steady = 1;
  const Run r =
      run(p, {0.1, 0.0}, {constant, observe(0.0), observe(5.0)}, with(Method::propagator));
  CHECK(relative(r.value(0), 80.0) < 1e-15);
  CHECK(relative(r.value(1), 80.0 * std::exp(-0.5)) < 1e-14);
}

TEST_CASE("slow elimination keeps its digits, none at all is named") {
  const Program p = one_compartment();
  const std::vector<Record> records = {steady(bolus(0.0, 0, 1.0), 1e-3), observe(0.0)};
  const double ke = 1e-7;
  const Run slow = run(p, {ke, 0.0}, records, with(Method::propagator));
  CHECK(relative(slow.value(0), 1.0 / -std::expm1(-ke * 1e-3)) < 1e-14);
  const Run none = run(p, {0.0, 0.0}, records, with(Method::propagator));
  CHECK(none.result.status[0] == Status::steady_state_failed);
  REQUIRE(none.result.failures.size() == 1);
  CHECK(none.result.failures[0].cause.find("elimination capacity") != std::string::npos);
  // Growth has a periodic orbit in the past, but no steady state.
  const Run growth = run(p, {-0.1, 0.0}, {steady(bolus(0.0, 0, 1.0), 1.0), observe(0.0)},
                         with(Method::propagator));
  CHECK(growth.result.status[0] == Status::steady_state_failed);
  Record constant = infusion(0.0, 0, 0.0, 8.0);
  constant.steady = 1;
  CHECK(run(p, {0.0, 0.0}, {constant, observe(0.0)}, with(Method::propagator)).result.status[0] ==
        Status::steady_state_failed);
}

TEST_CASE("models that swing have steady states too, and lose them with their damping") {
  for (const double damping : {0.3, -0.3}) {
    ModelBuilder m;
    const auto b = m.parameter("b", damping);
    const auto x = m.state("x"), v = m.state("v");
    m.rate(x, v);
    m.rate(v, -x - b * v);
    m.output("x", x);
    const Program p = m.compile();
    std::vector<Record> records = {again(steady(bolus(0.0, 1, 1.0), 2.0), 2.0, 3), observe(0.0),
                                   observe(2.0), observe(8.0)};
    const Run r = run(p, {damping}, records, with(Method::propagator));
    if (damping < 0.0) {
      CHECK(r.result.status[0] == Status::steady_state_failed);
      continue;
    }
    CHECK(r.result.status[0] == Status::success);
    CHECK(relative(r.value(1), r.value(0)) < 1e-13);
    const Run train = run(p, {damping}, {again(bolus(-400.0, 1, 1.0), 2.0, 200), observe(0.0)},
                          with(Method::propagator));
    CHECK(relative(train.value(0), r.value(0)) < 1e-12);
  }
}

TEST_CASE("initial steady states of linear models are exact, with their sensitivities") {
  model::ModelSpec spec;
  auto& g = spec.graph;
  // R' = ksyn - kdeg R, started at rest: R = ksyn/kdeg.
  spec.state_names = {"R"};
  spec.parameter_names = {"ksyn", "kdeg"};
  spec.derivatives = {g.sub(g.parameter(0), g.mul(g.parameter(1), g.state(0)))};
  spec.initial = {g.constant(0.0)};
  spec.steady_initial = {1};
  spec.outputs = {g.state(0)};
  spec.output_names = {"R"};
  const Program p(std::move(spec));
  PointOptions options = with(Method::propagator);
  options.sensitivities = {{Direction::Kind::parameter, 0}, {Direction::Kind::parameter, 1}};
  const Run r = run(p, {3.0, 0.7}, {observe(0.0), observe(10.0)}, options);
  CHECK(relative(r.value(0), 3.0 / 0.7) < 1e-15);
  CHECK(relative(r.value(1), 3.0 / 0.7) < 1e-14);
  CHECK(relative(r.sensitivities[2], 1.0 / 0.7) < 1e-14);
  CHECK(relative(r.sensitivities[3], -3.0 / 0.49) < 1e-14);
}
