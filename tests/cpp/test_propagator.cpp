// Exact propagators through the point solver: closed forms, bits, metrics, sensitivities, failures.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
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

/// Depot A, central C (amounts), outputs C and C + A. Parameters ka, ke, kin.
Program oral() {
  ModelBuilder m;
  const auto ka = m.parameter("ka", 1.3), ke = m.parameter("ke", 0.2);
  const auto kin = m.parameter("kin", 0.0);
  const auto a = m.state("A"), c = m.state("C");
  m.rate(a, -ka * a);
  m.rate(c, ka * a - ke * c + kin);
  m.output("C", c);
  m.output("sum", c + a);
  return m.compile();
}

double after_oral(double ka, double ke, double t) {
  if (ka == ke) return ka * t * std::exp(-ke * t);
  const double apart = std::abs(ka - ke);
  return ka / apart * std::exp(-std::min(ka, ke) * t) * -std::expm1(-apart * t);
}

}  // namespace

TEST_CASE("linear models are solved by propagators without being asked") {
  const Program p = oral();
  for (const double ke : {0.2, 1.3, 1.3 * (1.0 + 1e-12), 1e-9, 1e4}) {
    const Run r =
        run(p, {1.3, ke, 0.0},
            {bolus(0.0, 0, 100.0), observe(0.5), observe(3.0), observe(3.0), observe(40.0)});
    CHECK(r.result.method == Method::propagator);
    const double times[] = {0.5, 3.0, 3.0, 40.0};
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(relative(r.value(i), 100.0 * after_oral(1.3, ke, times[i])) < 1e-14);
  }
}

TEST_CASE("infusions and constant production enter exactly") {
  const Program p = oral();
  const double ke = 0.3, kin = 2.0;
  const Run r = run(p, {1.0, ke, kin},
                    {infusion(0.0, 1, 20.0, 10.0), observe(1.0), observe(2.0), observe(7.0)});
  auto exact = [&](double t) {
    const double on = std::min(t, 2.0);
    return kin / ke * -std::expm1(-ke * t) +
           10.0 / ke * -std::expm1(-ke * on) * std::exp(-ke * (t - on));
  };
  CHECK(relative(r.value(0), exact(1.0)) < 1e-14);
  CHECK(relative(r.value(1), exact(2.0)) < 1e-14);
  CHECK(relative(r.value(2), exact(7.0)) < 1e-14);
}

TEST_CASE("lengths that differ by rounding share a flow and lose no digits") {
  const Program p = oral();
  std::vector<Record> records = {bolus(0.0, 0, 1.0)};
  for (int k = 1; k <= 600; ++k) records.push_back(observe(0.1 * k));
  const Run r = run(p, {1.3, 0.2, 0.0}, records);
  for (int k = 1; k <= 600; ++k)
    CHECK(relative(r.value(static_cast<std::size_t>(k - 1)), after_oral(1.3, 0.2, 0.1 * k)) <
          2e-13);
}

TEST_CASE("bits do not depend on lanes, threads, neighbors, order or how records are shared") {
  const Program p = oral();
  std::vector<Record> records = {bolus(0.0, 0, 1.0), infusion(0.7, 1, 3.0, 1.7)};
  for (int k = 1; k <= 40; ++k) records.push_back(observe(0.37 * k));
  std::stable_sort(records.begin(), records.end(),
                   [](const Record& a, const Record& b) { return a.time < b.time; });
  std::vector<double> parameters;
  constexpr int subjects = 45;
  for (int s = 0; s < subjects; ++s)
    parameters.insert(parameters.end(), {0.5 + 0.1 * s, 0.2 + 0.01 * s, s % 3 == 0 ? 0.0 : 1.0});
  PointOptions options;
  options.windows = {{0.0, 10.0}};
  options.thresholds = {0.4, 0.4};
  const Run whole = run(p, parameters, records, options);
  CHECK(whole.result.method == Method::propagator);
  for (const int lanes : {8, 16, 32})
    for (const int threads : {1, 2, 3}) {
      options.lanes = lanes;
      const Run other =
          run(p, parameters, records, options, {.num_threads = threads, .keep_going = {}});
      CHECK(other.values == whole.values);
      CHECK(other.metrics == whole.metrics);
    }
  options.lanes = 0;
  const std::size_t size = whole.values.size() / subjects;
  for (const std::size_t s : {0UL, 7UL, 44UL}) {
    const std::vector<double> one(parameters.begin() + static_cast<long>(3 * s),
                                  parameters.begin() + static_cast<long>(3 * s + 3));
    const Run alone = run(p, one, records, options);
    CHECK(std::equal(alone.values.begin(), alone.values.end(),
                     whole.values.begin() + static_cast<long>(s * size)));
  }
  // Every subject with a list of its own, in reverse.
  std::vector<Record> all;
  std::vector<std::int64_t> offsets = {0};
  std::vector<double> reversed;
  for (int s = subjects - 1; s >= 0; --s) {
    all.insert(all.end(), records.begin(), records.end());
    offsets.push_back(static_cast<std::int64_t>(all.size()));
    reversed.insert(reversed.end(), parameters.begin() + 3 * s, parameters.begin() + 3 * s + 3);
  }
  const model::Schedule schedule(all, offsets, false);
  std::vector<double> values(whole.values.size()), metrics(whole.metrics.size());
  PointOutput output;
  output.values = values;
  output.metrics = metrics;
  simulate::simulate_point(p, reversed, subjects, schedule, options, output);
  for (std::size_t s = 0; s < subjects; ++s)
    CHECK(std::equal(values.begin() + static_cast<long>(s * size),
                     values.begin() + static_cast<long>((s + 1) * size),
                     whole.values.begin() + static_cast<long>((subjects - 1 - s) * size)));
}

TEST_CASE("metrics of linear models are exact between observations") {
  const Program p = oral();
  const double ka = 1.3, ke = 0.2;
  PointOptions options;
  options.windows = {{0.0, 24.0}, {5.0, 10.0}};
  options.thresholds = {0.5, 2.0};
  const Run r = run(p, {ka, ke, 0.0}, {bolus(0.0, 0, 1.0), observe(24.0)}, options);
  REQUIRE(r.result.method == Method::propagator);
  const double peak = std::log(ka / ke) / (ka - ke);
  CHECK(relative(r.metrics[0], after_oral(ka, ke, peak)) < 1e-14);
  CHECK(relative(r.metrics[1], peak) < 1e-12);
  CHECK(r.metrics[2] == 0.0);
  CHECK(r.metrics[3] == 0.0);
  const double area = ka / (ka - ke) * (-std::expm1(-ke * 24.0) / ke + std::expm1(-ka * 24.0) / ka);
  CHECK(relative(r.metrics[4], area) < 1e-14);
  // Time above 0.5: crossings by bisection of the closed form.
  auto crossing = [&](double low, double high) {
    const bool rises = after_oral(ka, ke, low) < 0.5;
    for (int k = 0; k < 200; ++k) {
      const double middle = 0.5 * (low + high);
      ((after_oral(ka, ke, middle) < 0.5) == rises ? low : high) = middle;
    }
    return low;
  };
  const double up = crossing(0.0, peak), down = crossing(peak, 24.0);
  CHECK(relative(r.metrics[5], down - up) < 1e-13);
  CHECK(relative(r.metrics[6], after_oral(ka, ke, 24.0)) < 1e-14);
  CHECK(relative(r.metrics[7], up) < 1e-13);
  // The second output, A + C, falls from 1 all the way and never reaches 2.
  CHECK(r.metrics[8] == 1.0);
  CHECK(r.metrics[8 + 5] == 0.0);
  CHECK(std::isnan(r.metrics[8 + 7]));
  // The second window starts behind the peak, without a record at its edges.
  CHECK(relative(r.metrics[16], after_oral(ka, ke, 5.0)) < 1e-14);
  CHECK(relative(r.metrics[16 + 2], after_oral(ka, ke, 10.0)) < 1e-14);
}

TEST_CASE("metrics of outputs that are no sums of states are left to a stepper") {
  ModelBuilder m;
  const auto k = m.parameter("k", 0.5);
  const auto a = m.state("a", 1.0);
  m.rate(a, -k * a);
  m.output("square", a * a);
  const Program p = m.compile();
  PointOptions options;
  options.windows = {{0.0, 1.0}};
  const Run r = run(p, {0.5}, {observe(0.0), observe(1.0)}, options);
  CHECK(r.result.method != Method::propagator);
  options.method = Method::propagator;
  CHECK_THROWS_AS(run(p, {0.5}, {observe(0.0), observe(1.0)}, options), InvalidInput);
  options.windows.clear();
  CHECK(relative(run(p, {0.5}, {observe(0.0), observe(1.0)}, options).value(1), std::exp(-1.0)) <
        1e-15);
}

TEST_CASE("sensitivities of linear models are exact") {
  const Program p = oral();
  const double ka = 1.3, ke = 0.2, t = 4.0;
  PointOptions options;
  using Kind = Direction::Kind;
  options.sensitivities = {{Kind::parameter, 0}, {Kind::parameter, 1}, {Kind::parameter, 2},
                           {Kind::initial, 1},   {Kind::amount, 0},    {Kind::time, 0}};
  const Run r = run(p, {ka, ke, 0.0}, {bolus(0.0, 0, 10.0), observe(t)}, options);
  REQUIRE(r.result.method == Method::propagator);
  const double d = ka - ke;
  const double difference = std::exp(-ke * t) - std::exp(-ka * t);
  CHECK(relative(r.sensitivities[0],
                 10.0 * (-ke / (d * d) * difference + ka / d * t * std::exp(-ka * t))) < 1e-13);
  CHECK(relative(r.sensitivities[1],
                 10.0 * (ka / (d * d) * difference - ka / d * t * std::exp(-ke * t))) < 1e-13);
  CHECK(relative(r.sensitivities[2], -std::expm1(-ke * t) / ke) < 1e-13);
  CHECK(relative(r.sensitivities[3], std::exp(-ke * t)) < 1e-14);
  CHECK(relative(r.sensitivities[4], after_oral(ka, ke, t)) < 1e-14);
  // Later by dt: minus the slope of C.
  const double slope = ka * std::exp(-ka * t) - ke * after_oral(ka, ke, t);
  CHECK(relative(r.sensitivities[5], -10.0 * slope) < 1e-13);
}

TEST_CASE("sensitivities to every attribute of infusions agree with difference quotients") {
  ModelBuilder m;
  const auto ke = m.parameter("ke", 0.3), lag = m.parameter("lag", 0.25);
  const auto f = m.parameter("F", 0.8), duration = m.parameter("D", 1.5);
  const auto c = m.state("C");
  m.rate(c, -ke * c);
  m.output("C", c);
  m.dose(c, {.bioavailability = f, .lag = lag, .duration = duration, .rate = std::nullopt});
  const Program p = m.compile();
  const std::vector<double> nominal = {0.3, 0.25, 0.8, 1.5};
  Record modeled = bolus(0.0, 0, 10.0);
  modeled.rate = -2.0;
  const std::vector<Record> records = {steady(infusion(0.0, 0, 4.0, 3.0), 0.9),
                                       observe(0.0),
                                       observe(0.3),
                                       observe(2.0),
                                       [&] {
                                         Record r = modeled;
                                         r.time = 3.0;
                                         return r;
                                       }(),
                                       observe(3.6),
                                       observe(5.5)};
  PointOptions options;
  for (int k = 0; k < 4; ++k) options.sensitivities.push_back({Direction::Kind::parameter, k});
  const Run exact = run(p, nominal, records, options);
  REQUIRE(exact.result.method == Method::propagator);
  for (std::size_t k = 0; k < 4; ++k) {
    auto along = [&](double h) {
      std::vector<double> up = nominal, down = nominal;
      up[k] += h;
      down[k] -= h;
      const Run a = run(p, up, records), b = run(p, down, records);
      std::vector<double> slope;
      for (std::size_t i = 0; i < a.values.size(); ++i)
        slope.push_back((a.values[i] - b.values[i]) / (2.0 * h));
      return slope;
    };
    const std::vector<double> coarse = along(4e-4), fine = along(2e-4);
    for (std::size_t i = 0; i < fine.size(); ++i) {
      const double extrapolated = (4.0 * fine[i] - coarse[i]) / 3.0;
      CHECK(std::abs(exact.sensitivities[i * 4 + k] - extrapolated) < 1e-8);
    }
  }
}

TEST_CASE("a rate that is not finite is a failure of that subject alone") {
  ModelBuilder m;
  const auto cl = m.parameter("CL", 1.0), v = m.parameter("V", 1.0);
  const auto c = m.state("C");
  m.rate(c, -cl / v * c);
  m.output("C", c);
  const Program p = m.compile();
  const Run r = run(p, {1.0, 1.0, 1.0, 0.0, 1.0, 2.0}, {bolus(0.0, 0, 1.0), observe(1.0)});
  CHECK(r.result.status[0] == Status::success);
  CHECK(r.result.status[1] == Status::not_finite);
  CHECK(r.result.status[2] == Status::success);
  REQUIRE(r.result.failures.size() == 1);
  CHECK(r.result.failures[0].subject == 1);
  CHECK(r.result.failures[0].cause.find("not finite") != std::string::npos);
  CHECK(std::isnan(r.values[1]));
  CHECK(relative(r.values[2], std::exp(-0.5)) < 1e-15);
}
