// Compiled models: Jacobian, linear form, surfaces, refusals; the model builder; schedules.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>
#include <krogh/model/program.hpp>
#include <krogh/model/schedule.hpp>

using namespace krogh;
using expr::Graph;
using expr::NodeId;
using expr::Op;
using model::ModelBuilder;
using model::ModelSpec;
using model::Program;
using model::Record;
using model::RecordKind;
using model::Schedule;

namespace {

/// Target-mediated disposition: drug C, peripheral amount, receptor R, complex RC.
struct Tmdd {
  ModelBuilder m;
  std::vector<expr::Symbol> states;
  Tmdd() {
    const auto kel = m.parameter("kel", 0.1), kpt = m.parameter("kpt", 0.06);
    const auto ktp = m.parameter("ktp", 0.12), volume = m.parameter("V", 3.0);
    const auto kon = m.parameter("kon", 10.0), koff = m.parameter("koff", 1.0);
    const auto kint = m.parameter("kint", 0.5), kdeg = m.parameter("kdeg", 1.0);
    const auto ksyn = m.parameter("ksyn", 10.0);
    const auto c = m.state("C", 100.0), at = m.state("AT");
    const auto r = m.state("R", ksyn / kdeg), rc = m.state("RC");
    const auto binding = kon * c * r - koff * rc;
    m.rate(c, -(kel + kpt) * c + ktp * at / volume);
    m.rate(c, -binding);
    m.rate(at, kpt * c * volume - ktp * at);
    m.rate(r, ksyn - kdeg * r - binding);
    m.rate(rc, binding - kint * rc);
    m.output("occupancy", rc / (r + rc));
    states = {c, at, r, rc};
  }
};

/// dC/dt and so on of the same model, by hand.
std::vector<double> tmdd_by_hand(const std::vector<double>& y, const std::vector<double>& p) {
  const double binding = p[4] * y[0] * y[2] - p[5] * y[3];
  return {-(p[0] + p[1]) * y[0] + p[2] * y[1] / p[3] - binding, p[1] * y[0] * p[3] - p[2] * y[1],
          p[8] - p[7] * y[2] - binding, binding - p[6] * y[3]};
}

ModelSpec decay() {
  ModelSpec spec;
  spec.state_names = {"A"};
  spec.parameter_names = {"k"};
  spec.derivatives = {
      spec.graph.unary(Op::neg, spec.graph.mul(spec.graph.parameter(0), spec.graph.state(0)))};
  spec.initial = {spec.graph.constant(1.0)};
  return spec;
}

}  // namespace

TEST_CASE("the builder's derivatives and outputs are the model's") {
  Tmdd tmdd;
  const Program program = tmdd.m.compile();
  CHECK(program.num_states() == 4);
  CHECK(program.num_parameters() == 9);
  CHECK(program.num_outputs() == 1);
  CHECK(program.spec().state_names == std::vector<std::string>{"C", "AT", "R", "RC"});
  const std::vector<double> y = {5.0, 2.0, 7.0, 3.0};
  const auto& p = tmdd.m.nominal();
  const auto exact = tmdd_by_hand(y, p);
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(program.spec().graph.evaluate(program.spec().derivatives[i], y, p, 0.0) ==
          doctest::Approx(exact[i]).epsilon(1e-14));
  CHECK(program.spec().graph.evaluate(program.spec().outputs[0], y, p, 0.0) == 0.3);
  CHECK(program.spec().graph.evaluate(program.spec().initial[2], y, p, 0.0) == 10.0);
  CHECK(tmdd.m.parameter_index("kint") == 6);
  CHECK(tmdd.m.state_index(tmdd.states[3]) == 3);
}

TEST_CASE("Jacobian entries are exact and only the nonzero ones") {
  Tmdd tmdd;
  const Program program = tmdd.m.compile();
  const std::vector<double> y = {5.0, 2.0, 7.0, 3.0};
  const auto& p = tmdd.m.nominal();
  std::set<std::pair<int, int>> pattern;
  for (const model::Entry& e : program.jacobian()) {
    pattern.emplace(e.row, e.column);
    auto up = y, down = y;
    const double h = 1e-3;
    up[static_cast<std::size_t>(e.column)] += h;
    down[static_cast<std::size_t>(e.column)] -= h;
    // Every entry is at most quadratic in one state, so the central difference is exact.
    const double difference = (tmdd_by_hand(up, p)[static_cast<std::size_t>(e.row)] -
                               tmdd_by_hand(down, p)[static_cast<std::size_t>(e.row)]) /
                              (2.0 * h);
    CHECK(program.spec().graph.evaluate(e.node, y, p, 0.0) ==
          doctest::Approx(difference).epsilon(1e-9));
  }
  const std::set<std::pair<int, int>> expected = {{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1},
                                                  {2, 0}, {2, 2}, {2, 3}, {3, 0}, {3, 2}, {3, 3}};
  CHECK(pattern == expected);
  CHECK_FALSE(program.is_linear());
  CHECK_FALSE(program.depends_on_time());
}

TEST_CASE("linear models are recognized, others are not") {
  auto is_linear = [](auto&& law) {
    ModelBuilder m;
    const auto k = m.parameter("k", 1.0);
    const auto a = m.state("A"), b = m.state("B");
    m.rate(a, law(m, k, a, b));
    m.rate(b, k * a - b);
    return m.compile().is_linear();
  };
  CHECK(is_linear([](auto&, auto k, auto a, auto b) { return k * exp(k) * a - b + k; }));
  CHECK(is_linear([](auto&, auto k, auto a, auto) { return where(k > 2.0, k * a, a); }));
  CHECK_FALSE(is_linear([](auto&, auto k, auto a, auto b) { return k * a * b; }));
  CHECK_FALSE(is_linear([](auto& m, auto k, auto a, auto) { return k * a + m.time(); }));
  CHECK_FALSE(is_linear([](auto&, auto k, auto a, auto b) { return where(a > b, k, -k); }));
}

TEST_CASE("time in a law is seen, switches and events become surfaces") {
  ModelBuilder m;
  const auto a = m.state("A", 1.0);
  m.rate(a, where(a > 2.0, -a, sin(m.time())));
  m.event(a > 5.0, {{a, m.constant(1.0)}});
  const Program program = m.compile();
  CHECK(program.depends_on_time());
  CHECK(program.num_surfaces() == 2);
  CHECK(program.event_surfaces() == std::vector<int>{1});
  CHECK(program.spec().events[0].direction == 1);
}

TEST_CASE("dose attributes reach the program") {
  ModelBuilder m;
  const auto f = m.parameter("F", 0.5), lag = m.parameter("lag", 1.0);
  const auto a = m.state("A"), b = m.state("B");
  m.rate(a, -a);
  m.rate(b, a);
  m.dose(a, {.bioavailability = f, .lag = lag, .duration = {}, .rate = {}});
  const Program program = m.compile();
  const auto& registers = program.dose_registers();
  CHECK(registers[0][0] >= 0);
  CHECK(registers[0][1] >= 0);
  CHECK(registers[0][2] == -1);
  CHECK(registers[0][3] == -1);
  CHECK(registers[1][0] == -1);
}

TEST_CASE("the builder refuses taken names, foreign symbols and what is no state") {
  ModelBuilder m, other;
  const auto k = m.parameter("k", 1.0);
  const auto a = m.state("A");
  const auto foreign = other.state("A");
  CHECK_THROWS_WITH_AS(m.parameter("k", 2.0), doctest::Contains("'k' is taken"), InvalidInput);
  CHECK_THROWS_WITH_AS(m.state("k"), doctest::Contains("'k' is taken"), InvalidInput);
  CHECK_THROWS_WITH_AS(m.parameter("A", 1.0), doctest::Contains("'A' is taken"), InvalidInput);
  CHECK_THROWS_AS(m.state(""), InvalidInput);
  CHECK_THROWS_WITH_AS(m.rate(k, a), doctest::Contains("a state is needed"), InvalidInput);
  CHECK_THROWS_WITH_AS(m.rate(foreign, a), doctest::Contains("another model"), InvalidInput);
  CHECK_THROWS_WITH_AS(m.rate(a, foreign), doctest::Contains("another model"), InvalidInput);
  CHECK_THROWS_AS(m.state("B", foreign), InvalidInput);
  CHECK_THROWS_AS(m.output("x", foreign), InvalidInput);
  m.output("x", a);
  CHECK_THROWS_AS(m.output("x", a), InvalidInput);
  CHECK_THROWS_AS(m.event(a > 1.0, {{k, a}}), InvalidInput);
  CHECK_THROWS_WITH_AS(static_cast<void>(m.parameter_index("K")), doctest::Contains("'K'"),
                       InvalidInput);
  CHECK_THROWS_AS(static_cast<void>(ModelBuilder().compile()), InvalidInput);
}

TEST_CASE("symbols stay valid when their builder is moved") {
  ModelBuilder m;
  const auto a = m.state("A", 1.0);
  ModelBuilder moved(std::move(m));
  moved.rate(a, -2.0 * a);
  moved.output("A", a);
  const Program program = moved.compile();
  const std::vector<double> y = {3.0};
  CHECK(program.spec().graph.evaluate(program.spec().derivatives[0], y, {}, 0.0) == -6.0);
}

TEST_CASE("a specification that does not fit together is refused with its reason") {
  auto refused = [](auto&& spoil, const char* reason) {
    ModelSpec spec = decay();
    spoil(spec);
    CHECK_THROWS_WITH_AS(Program(std::move(spec)), doctest::Contains(reason), InvalidInput);
  };
  CHECK_NOTHROW(static_cast<void>(Program(decay())));
  refused([](ModelSpec& s) { s.derivatives.clear(); }, "at least one state");
  refused([](ModelSpec& s) { s.initial.clear(); }, "0 initial values");
  refused([](ModelSpec& s) { s.state_names.push_back("B"); }, "2 state names");
  refused([](ModelSpec& s) { s.output_names = {"x"}; }, "1 output names");
  refused([](ModelSpec& s) { s.doses.resize(2); }, "found 2 for 1");
  refused([](ModelSpec& s) { s.steady_initial = {0, 1}; }, "steady_initial");
  refused([](ModelSpec& s) { s.derivatives = {99}; }, "node 99");
  refused([](ModelSpec& s) { s.derivatives = {s.graph.state(4)}; }, "state 4 of 1");
  refused([](ModelSpec& s) { s.derivatives = {s.graph.parameter(1)}; }, "parameter 1 of 1");
  refused([](ModelSpec& s) { s.derivatives = {s.graph.input(0)}; }, "inputs or directions");
  refused([](ModelSpec& s) { s.initial = {s.graph.state(0)}; }, "initial value of 'A'");
  refused(
      [](ModelSpec& s) {
        s.doses.resize(1);
        s.doses[0].lag = s.graph.time();
      },
      "dose attribute of 'A'");
  refused(
      [](ModelSpec& s) {
        s.doses.resize(1);
        s.doses[0].time_parameter = 0;
      },
      "stored doses of 'A'");
  refused([](ModelSpec& s) { s.events.push_back({s.graph.state(0), 2, {}}); }, "found 2");
  refused([](ModelSpec& s) { s.events.push_back({s.graph.state(0), 1, {{3, 0}}}); },
          "state 3 of 1");
}

TEST_CASE("records that make no sense are refused with their number") {
  auto refused = [](const Record& record, const char* reason) {
    CHECK_THROWS_WITH_AS(Schedule({{.time = 0.0}, record}, {0, 2}, true), doctest::Contains(reason),
                         InvalidInput);
  };
  const auto dose = RecordKind::dose;
  refused({.time = std::nan("")}, "record 1");
  refused({.time = 1.0, .kind = static_cast<RecordKind>(12)}, "unknown kind 12");
  refused({.time = 1.0, .kind = dose, .target = -1}, "target");
  refused({.time = 1.0, .kind = dose, .amount = -5.0}, "amount must not be negative");
  refused({.time = 1.0, .kind = dose, .amount = 5.0, .rate = -3.0}, "rate must be");
  refused({.time = 1.0, .kind = dose, .amount = 5.0, .interval = -1.0}, "interval");
  refused({.time = 1.0, .kind = dose, .amount = 5.0, .additional = -1}, "additional");
  refused({.time = 1.0, .kind = dose, .amount = 5.0, .additional = 2}, "need an interval");
  refused({.time = 1.0, .kind = dose, .steady = 3, .amount = 5.0}, "steady must be");
  refused({.time = 1.0, .kind = dose, .steady = 1, .amount = 5.0}, "needs an interval");
  refused({.time = 1.0, .kind = dose, .rate = 2.0}, "needs an amount");
  refused({.time = -1.0}, "time goes back");
  CHECK_NOTHROW(Schedule({{.time = 5.0}, {.time = 0.0, .kind = RecordKind::reset}}, {0, 2}, true));
  CHECK_NOTHROW(Schedule({{.time = 0.0, .kind = dose, .steady = 1, .rate = 2.0}}, {0, 1}, true));
}

TEST_CASE("offsets divide records among subjects") {
  const std::vector<Record> records = {
      {.time = 0.0},
      {.time = 1.0},
      {.time = 0.0, .kind = RecordKind::dose, .target = 2, .amount = 1.0},
      {.time = 3.0},
      {.time = 3.0, .kind = RecordKind::set_parameter, .target = 4}};
  const Schedule schedule(records, {0, 2, 2, 5}, false);
  CHECK(schedule.num_lists() == 3);
  CHECK(schedule.num_observations(0) == 2);
  CHECK(schedule.num_observations(1) == 0);
  CHECK(schedule.num_observations(2) == 1);
  CHECK(schedule.first_observation(2) == 2);
  CHECK(schedule.total_observations() == 3);
  CHECK(schedule.largest_state() == 2);
  CHECK(schedule.largest_parameter() == 4);
  CHECK(schedule.end(0) == schedule.begin(1));
  for (const std::vector<std::int64_t>& wrong :
       {std::vector<std::int64_t>{0}, {1, 5}, {0, 4}, {0, 3, 2, 5}})
    CHECK_THROWS_WITH_AS(Schedule(records, wrong, false), doctest::Contains("offsets"),
                         InvalidInput);
  CHECK_THROWS_WITH_AS(Schedule(records, {0, 2, 5}, true), doctest::Contains("shared"),
                       InvalidInput);
}
