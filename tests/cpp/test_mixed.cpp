// A linear part that drives a nonlinear model: exact linear states, fallback, refusals.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>

#include "model/linear_drive.hpp"
#include "point_kit.hpp"

using namespace krogh;
using namespace krogh_tests;
using model::ModelBuilder;
using model::Program;

namespace {

/// Depot and central compartment inhibit the production of a response; the area under C runs along.
/// Parameters ka, ke, kin, kout, ic50.
Program response() {
  ModelBuilder m;
  const auto ka = m.parameter("ka", 1.1), ke = m.parameter("ke", 0.2);
  const auto kin = m.parameter("kin", 10.0), kout = m.parameter("kout", 0.5);
  const auto ic50 = m.parameter("ic50", 3.0);
  const auto a = m.state("A"), c = m.state("C");
  const auto r = m.state("R", kin / kout), area = m.state("area");
  m.rate(a, -ka * a);
  m.rate(c, ka * a - ke * c);
  m.rate(r, kin * (1.0 - c / (ic50 + c)) - kout * r);
  m.rate(area, c);
  m.output("C", c);
  m.output("R", r);
  m.output("area", area);
  return m.compile();
}

PointOptions with(Method method, double rtol) {
  PointOptions options;
  options.method = method;
  options.rtol = rtol;
  return options;
}

const std::vector<Record> schedule = {bolus(0.0, 0, 10.0),
                                      observe(0.5),
                                      observe(3.0),
                                      infusion(4.0, 1, 6.0, 4.0),
                                      observe(4.7),
                                      observe(6.0),
                                      again(bolus(7.0, 0, 5.0), 1.5, 3),
                                      observe(7.0),
                                      observe(9.9),
                                      bolus(12.0, 2, 1.0),
                                      observe(12.0),
                                      at(15.0, RecordKind::reset),
                                      bolus(15.0, 0, 1.0),
                                      observe(16.0),
                                      observe(20.0)};

}  // namespace

TEST_CASE("the closed linear part of a model is found") {
  CHECK(model::LinearDrive::closed_states(response()) == std::vector<int>{0, 1});
  ModelBuilder m;  // saturable elimination: nothing is linear on its own
  m.parameter("unused", 1.0);
  const auto a = m.state("A"), c = m.state("C");
  m.rate(a, -a - c);
  m.rate(c, a - c / (1.0 + c));
  m.output("C", c);
  CHECK(model::LinearDrive::closed_states(m.compile()).empty());
  CHECK_THROWS_AS(run(m.compile(), {1.0}, {observe(0.0)}, with(Method::mixed, 1e-6)), InvalidInput);
}

TEST_CASE("linear states are exact and the others agree with the plain stepper") {
  const Program p = response();
  const std::vector<double> parameters = {1.1, 0.2, 10.0, 0.5, 3.0};
  const Run mixed = run(p, parameters, schedule, with(Method::mixed, 1e-4));
  const Run exact = run(p, parameters, schedule, with(Method::rodas5p, 1e-12));
  REQUIRE(mixed.result.status[0] == Status::success);
  for (std::size_t i = 0; i * 3 < mixed.values.size(); ++i) {
    CHECK(relative(mixed.value(i, 0), exact.value(i, 0)) < 1e-9);  // the reference's accuracy
    CHECK(relative(mixed.value(i, 1), exact.value(i, 1)) < 1e-3);
    CHECK(std::abs(mixed.value(i, 2) - exact.value(i, 2)) < 1e-2);
  }
  CHECK(relative(mixed.value(0, 0), 10.0 * 1.1 / 0.9 * (std::exp(-0.1) - std::exp(-0.55))) < 1e-13);
  const Run fine = run(p, parameters, schedule, with(Method::mixed, 1e-9));
  for (std::size_t i = 0; i < fine.values.size(); ++i)
    CHECK(std::abs(fine.values[i] - exact.values[i]) < 1e-6);
}

TEST_CASE("subjects whose modes coincide are left to the stepper, the others are not touched") {
  const Program p = response();
  const std::vector<double> one = {1.1, 0.2, 10.0, 0.5, 3.0};
  const std::vector<double> equal = {0.4, 0.4, 10.0, 0.5, 3.0};
  std::vector<double> both = one;
  both.insert(both.end(), equal.begin(), equal.end());
  PointOptions options = with(Method::mixed, 1e-7);
  options.windows = {{0.0, 12.0}};
  const Run pair = run(p, both, schedule, options);
  const Run first = run(p, one, schedule, options);
  PointOptions plain = options;
  plain.method = Method::rodas5p;
  const Run second = run(p, equal, schedule, plain);
  REQUIRE(pair.result.status[1] == Status::success);
  const auto half = static_cast<long>(first.values.size());
  CHECK(std::vector<double>(pair.values.begin(), pair.values.begin() + half) == first.values);
  CHECK(std::vector<double>(pair.values.begin() + half, pair.values.end()) == second.values);
  for (std::size_t k = 0; k < second.metrics.size(); ++k)
    if (!std::isnan(second.metrics[k]))
      CHECK(pair.metrics[second.metrics.size() + k] == second.metrics[k]);
}

TEST_CASE("what the mixed method cannot do is refused before any work") {
  const Program p = response();
  const std::vector<double> parameters = {1.1, 0.2, 10.0, 0.5, 3.0};
  PointOptions options = with(Method::mixed, 1e-6);
  CHECK_THROWS_AS(run(p, parameters, {steady(bolus(0.0, 0, 1.0), 1.0), observe(1.0)}, options),
                  InvalidInput);
  CHECK_THROWS_AS(run(p, parameters, {at(0.0, RecordKind::turn_off, 1), observe(1.0)}, options),
                  InvalidInput);
  options.sensitivities = {{Direction::Kind::parameter, 0}};
  CHECK_THROWS_AS(run(p, parameters, {observe(1.0)}, options), InvalidInput);
}
