// Expression graph: folding, sharing, derivatives, substitution, interpolation tables.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/errors.hpp>
#include <krogh/expr/graph.hpp>

using namespace krogh;
using expr::Graph;
using expr::Interpolation;
using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;
using expr::Table;

namespace {

double value_at(const Graph& graph, NodeId id, double x, double y = 0.0) {
  const std::vector<double> states = {x, y};
  return graph.evaluate(id, states, {}, 0.0);
}

/// Derivative of a node with respect to state `index`; 0 where there is none.
NodeId slope(Graph& graph, NodeId id, int index) {
  const NodeId one = graph.constant(1.0);
  const NodeId roots[] = {id};
  const NodeId d = graph.differentiate(roots, [&](const Node& n) {
    return n.op == Op::state && n.index == index ? one : no_node;
  })[0];
  return d == no_node ? graph.constant(0.0) : d;
}

/// Central difference, extrapolated twice (Richardson): error of order h^6.
template <class F>
double difference(const F& f, double x) {
  const double h = 1e-2 * std::max(1e-2, std::abs(x));
  auto central = [&](double s) { return (f(x + s) - f(x - s)) / (2.0 * s); };
  const double a = central(h), b = central(h / 2), c = central(h / 4);
  const double ab = (4.0 * b - a) / 3.0, bc = (4.0 * c - b) / 3.0;
  return (16.0 * bc - ab) / 15.0;
}

}  // namespace

TEST_CASE("equal expressions are one node, whatever the order of commuting operands") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  CHECK(g.state(0) == x);
  CHECK(g.parameter(0) != x);
  CHECK(g.add(x, y) == g.add(y, x));
  CHECK(g.mul(x, y) == g.mul(y, x));
  CHECK(g.binary(Op::min, x, y) == g.binary(Op::min, y, x));
  CHECK(g.sub(x, y) != g.sub(y, x));
  CHECK(g.constant(0.1) == g.constant(0.1));
  CHECK(g.constant(0.0) == g.constant(-0.0));
  const NodeId before = g.size();
  g.mul(g.add(x, y), g.add(y, x));
  CHECK(g.size() == before + 1);  // the square of a sum that was there
}

TEST_CASE("constants are folded and neutral elements vanish") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1), zero = g.constant(0.0), one = g.constant(1.0);
  CHECK(g.is_constant(g.add(g.constant(2.0), g.constant(3.0)), 5.0));
  CHECK(g.is_constant(g.unary(Op::exp, zero), 1.0));
  CHECK(g.add(x, zero) == x);
  CHECK(g.add(zero, x) == x);
  CHECK(g.sub(x, zero) == x);
  CHECK(g.sub(zero, x) == g.unary(Op::neg, x));
  CHECK(g.is_constant(g.sub(x, x), 0.0));
  CHECK(g.mul(x, one) == x);
  CHECK(g.is_constant(g.mul(x, zero), 0.0));
  CHECK(g.mul(x, g.constant(-1.0)) == g.unary(Op::neg, x));
  CHECK(g.div(x, one) == x);
  CHECK(g.is_constant(g.div(zero, x), 0.0));
  CHECK(g.unary(Op::neg, g.unary(Op::neg, x)) == x);
  CHECK(g.unary(Op::neg, g.sub(x, y)) == g.sub(y, x));
  CHECK(g.add(x, g.unary(Op::neg, y)) == g.sub(x, y));
  CHECK(g.sub(x, g.unary(Op::neg, y)) == g.add(x, y));
  CHECK(g.mul(g.unary(Op::neg, x), g.unary(Op::neg, y)) == g.mul(x, y));
  CHECK(g.binary(Op::pow, x, g.constant(0.5)) == g.unary(Op::sqrt, x));
  CHECK(g.binary(Op::pow, x, g.constant(3.0)) == g.mul(x, g.mul(x, x)));
  CHECK(g.is_constant(g.binary(Op::pow, x, zero), 1.0));
  CHECK(g.div(x, g.constant(4.0)) == g.mul(x, g.constant(0.25)));
  CHECK(g.node(g.div(x, g.constant(3.0))).op == Op::div);  // 1/3 is not exact
}

TEST_CASE("integer powers have the value of repeated multiplication") {
  Graph g;
  const NodeId x = g.state(0);
  for (int n = -16; n <= 16; ++n) {
    CAPTURE(n);
    const NodeId power = g.binary(Op::pow, x, g.constant(n));
    for (double at : {0.3, 1.7, -2.5})
      CHECK(value_at(g, power, at) == doctest::Approx(std::pow(at, n)).epsilon(1e-14));
  }
}

TEST_CASE("names of operations lead back to them") {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Op::lookup_slope); ++i) {
    const Op op = static_cast<Op>(i);
    CHECK(expr::op_named(expr::name_of(op)) == op);
    names.insert(std::string(expr::name_of(op)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Op::lookup_slope) + 1);
  CHECK_THROWS_WITH_AS(static_cast<void>(expr::op_named("sinus")), doctest::Contains("'sinus'"),
                       InvalidInput);
}

TEST_CASE("derivatives of unary operations agree with differences") {
  struct Case {
    Op op;
    std::vector<double> points;
  };
  const std::vector<Case> cases = {
      {Op::neg, {-1.5, 2.0}},
      {Op::exp, {-3.0, 0.0, 2.0}},
      {Op::expm1, {-2.0, 1e-3, 1.5}},
      {Op::log, {0.2, 1.0, 30.0}},
      {Op::log1p, {-0.5, 0.3, 12.0}},
      {Op::log10, {0.2, 1.0, 30.0}},
      {Op::sqrt, {0.3, 1.0, 50.0}},
      {Op::sin, {-2.0, 0.4, 3.0}},
      {Op::cos, {-2.0, 0.4, 3.0}},
      {Op::tan, {-1.0, 0.2, 0.9}},
      {Op::asin, {-0.7, 0.1, 0.6}},
      {Op::acos, {-0.7, 0.1, 0.6}},
      {Op::atan, {-3.0, 0.1, 2.0}},
      {Op::sinh, {-2.0, 0.3, 1.5}},
      {Op::cosh, {-2.0, 0.3, 1.5}},
      {Op::tanh, {-2.0, 0.3, 1.5}},
      {Op::abs, {-2.0, 0.3}},
      {Op::lgamma, {0.4, 1.5, 8.0}},
      {Op::log_positive, {0.2, 1.0, 30.0}},
  };
  for (const Case& c : cases) {
    const std::string name(expr::name_of(c.op));
    CAPTURE(name);
    Graph g;
    // An inner function with a slope of its own, so that the chain rule is exercised.
    const NodeId x = g.state(0);
    const NodeId f = g.unary(c.op, g.mul(g.constant(1.25), x));
    const NodeId d = slope(g, f, 0);
    for (double point : c.points) {
      const double at = point / 1.25;
      CAPTURE(at);
      const double expected = difference([&](double s) { return value_at(g, f, s); }, at);
      CHECK(value_at(g, d, at) == doctest::Approx(expected).epsilon(2e-9));
    }
  }
}

TEST_CASE("derivatives of binary operations agree with differences in both operands") {
  for (Op op : {Op::add, Op::sub, Op::mul, Op::div, Op::pow, Op::min, Op::max}) {
    const std::string name(expr::name_of(op));
    CAPTURE(name);
    Graph g;
    const NodeId x = g.state(0), y = g.state(1);
    const NodeId f = g.binary(op, g.mul(x, x), g.add(g.constant(1.0), g.mul(x, y)));
    const NodeId dx = slope(g, f, 0), dy = slope(g, f, 1);
    for (const auto& point : {std::pair{1.3, 0.7}, std::pair{0.6, 2.1}, std::pair{2.4, -0.3}}) {
      const double a = point.first, b = point.second;
      CAPTURE(a);
      CAPTURE(b);
      const double by_x = difference([&](double s) { return value_at(g, f, s, b); }, a);
      const double by_y = difference([&](double s) { return value_at(g, f, a, s); }, b);
      CHECK(value_at(g, dx, a, b) == doctest::Approx(by_x).epsilon(2e-9));
      CHECK(value_at(g, dy, a, b) == doctest::Approx(by_y).epsilon(2e-9));
    }
  }
}

TEST_CASE("a power with base zero has a finite derivative where its limit is finite") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId f = g.binary(Op::pow, x, y);
  CHECK(value_at(g, slope(g, f, 1), 0.0, 2.0) == 0.0);  // x^y log x -> 0
  CHECK(value_at(g, slope(g, f, 0), 0.0, 2.0) == 0.0);
}

TEST_CASE("derivatives of choices follow the branch that is taken") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId f = g.select(g.sub(x, y), g.mul(x, x), g.mul(g.constant(3.0), x));
  const NodeId d = slope(g, f, 0);
  CHECK(value_at(g, d, 4.0, 1.0) == 8.0);
  CHECK(value_at(g, d, 0.5, 1.0) == 3.0);
  CHECK(g.node(d).op == Op::select);
  const NodeId c = g.choose(y, g.mul(x, x), x);
  CHECK(value_at(g, slope(g, c, 0), 4.0, 1.0) == 8.0);
  CHECK(value_at(g, slope(g, c, 0), 4.0, -1.0) == 1.0);
}

TEST_CASE("second derivatives come from differentiating twice") {
  Graph g;
  const NodeId x = g.state(0);
  const NodeId f = g.div(x, g.add(g.constant(2.0), x));
  const NodeId second = slope(g, slope(g, f, 0), 0);
  for (double at : {0.1, 1.0, 7.0})
    CHECK(value_at(g, second, at) == doctest::Approx(-4.0 / std::pow(2.0 + at, 3)));
}

TEST_CASE("an operation without a derivative says so") {
  Graph g;
  const NodeId f = g.unary(Op::digamma, g.state(0));
  CHECK_THROWS_WITH_AS(slope(g, f, 0), doctest::Contains("digamma"), InvalidInput);
}

TEST_CASE("digamma against known values") {
  // digamma(1) = -gamma, digamma(1/2) = -gamma - 2 ln 2, digamma(10) = H_9 - gamma
  // (DLMF 5.4.11-15).
  const double euler = 0.57721566490153286061;
  double harmonic = 0.0;
  for (int k = 1; k <= 9; ++k) harmonic += 1.0 / k;
  CHECK(expr::apply(Op::digamma, 1.0) == doctest::Approx(-euler).epsilon(1e-14));
  CHECK(expr::apply(Op::digamma, 0.5) ==
        doctest::Approx(-euler - 2.0 * std::log(2.0)).epsilon(1e-14));
  CHECK(expr::apply(Op::digamma, 10.0) == doctest::Approx(harmonic - euler).epsilon(1e-14));
  CHECK(std::isnan(expr::apply(Op::digamma, -1.0)));
}

TEST_CASE("what a node depends on is known") {
  Graph g;
  const NodeId p = g.parameter(0), x = g.state(0);
  CHECK(g.variability(g.constant(2.0)) == expr::Variability::constant);
  CHECK(g.variability(g.mul(p, g.constant(2.0))) == expr::Variability::parametric);
  CHECK(g.variability(g.mul(p, x)) == expr::Variability::dynamic);
  CHECK(g.variability(g.time()) == expr::Variability::dynamic);
  // A condition on parameters alone is no switching surface.
  CHECK(g.node(g.select(p, x, g.constant(1.0))).op == Op::choose);
  CHECK(g.select(g.constant(1.0), x, p) == x);
  CHECK(g.select(x, p, p) == p);
}

TEST_CASE("substitution replaces below every operation and folds again") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId roots[] = {g.mul(g.unary(Op::exp, x), g.add(y, x)), no_node,
                          g.select(x, y, g.constant(3.0)), g.choose(y, x, g.constant(2.0))};
  const auto copies = g.substitute(roots, [&](NodeId, const Node& n) {
    return n.op == Op::state && n.index == 0 ? g.constant(0.0) : no_node;
  });
  CHECK(copies[0] == y);
  CHECK(copies[1] == no_node);
  CHECK(g.is_constant(copies[2], 3.0));
  CHECK(copies[3] == g.choose(y, g.constant(0.0), g.constant(2.0)));
}

TEST_CASE("wrong nodes and wrong arity are refused") {
  Graph g, other;
  const NodeId x = g.state(0);
  CHECK_THROWS_AS(g.add(x, 99), InvalidInput);
  CHECK_THROWS_AS(g.add(-1, x), InvalidInput);
  CHECK_THROWS_AS(g.unary(Op::add, x), InvalidInput);
  CHECK_THROWS_AS(g.unary(Op::lookup, x), InvalidInput);
  CHECK_THROWS_AS(g.binary(Op::exp, x, x), InvalidInput);
  CHECK_THROWS_AS(g.select(x, x, 99), InvalidInput);
  CHECK_THROWS_AS(static_cast<void>(g.evaluate(99, {}, {}, 0.0)), InvalidInput);
}

TEST_CASE("tables pass through their points and give no number outside") {
  const Table base{
      .kind = Interpolation::linear, .x = {0, 1, 3, 4}, .y = {2, 5, 5, -1}, .slope = {}};
  for (auto kind : {Interpolation::step, Interpolation::linear, Interpolation::pchip}) {
    Graph g;
    Table table = base;
    table.kind = kind;
    const NodeId f = g.lookup(table, g.state(0));
    for (std::size_t i = 0; i < base.x.size(); ++i)
      CHECK(value_at(g, f, base.x[i]) == doctest::Approx(base.y[i]));
    for (double outside : {-1e-9, 4.0 + 1e-9, 1e300, std::numeric_limits<double>::quiet_NaN()})
      CHECK(std::isnan(value_at(g, f, outside)));
    CHECK(g.lookup(table, g.state(0)) == f);
    CHECK(g.tables().size() == 1);
  }
}

TEST_CASE("step tables hold, linear ones run straight, pchip never overshoots") {
  Graph g;
  const NodeId x = g.state(0);
  const std::vector<double> xs = {0, 1, 3, 4, 7}, ys = {0, 2, 3, 3, 10};
  const NodeId step = g.lookup({Interpolation::step, xs, ys, {}}, x);
  const NodeId line = g.lookup({Interpolation::linear, xs, ys, {}}, x);
  const NodeId curve = g.lookup({Interpolation::pchip, xs, ys, {}}, x);
  CHECK(value_at(g, step, 2.999) == 2.0);
  CHECK(value_at(g, step, 3.0) == 3.0);
  CHECK(value_at(g, line, 2.0) == 2.5);
  CHECK(value_at(g, slope(g, line, 0), 2.0) == 0.5);
  CHECK(value_at(g, slope(g, step, 0), 2.0) == 0.0);
  double before = 0.0;
  for (double at = 0.0; at <= 7.0; at += 1.0 / 64) {
    const double now = value_at(g, curve, at);
    CHECK(now >= before);  // data that rise give a curve that rises
    before = now;
    if (at > 3.0 && at < 4.0) CHECK(now == 3.0);
  }
  const NodeId d = slope(g, curve, 0);
  for (double at : {0.3, 1.7, 3.5, 6.2})
    CHECK(value_at(g, d, at) ==
          doctest::Approx(difference([&](double s) { return value_at(g, curve, s); }, at))
              .epsilon(1e-8));
  // The slope is continuous at the points: approach 1 and 4 from both sides.
  for (double knot : {1.0, 3.0, 4.0})
    CHECK(value_at(g, d, knot - 1e-9) ==
          doctest::Approx(value_at(g, d, knot + 1e-9)).epsilon(1e-6));
  CHECK_THROWS_WITH_AS(slope(g, d, 0), doctest::Contains("pchip"), InvalidInput);
}

TEST_CASE("pchip slopes are those of Fritsch and Butland") {
  // Interior slope of (0,0), (1,1), (3,2): h = 1, 2; d = 1, 1/2; w1 = 5, w2 = 4; 9 / (5 + 8).
  Graph g;
  const NodeId f = g.lookup({Interpolation::pchip, {0, 1, 3}, {0, 1, 2}, {}}, g.state(0));
  CHECK(value_at(g, slope(g, f, 0), 1.0) == doctest::Approx(9.0 / 13.0).epsilon(1e-14));
}

TEST_CASE("wrong tables are refused") {
  Graph g;
  const NodeId x = g.state(0);
  auto table = [&](std::vector<double> xs, std::vector<double> ys) {
    return g.lookup({Interpolation::linear, std::move(xs), std::move(ys), {}}, x);
  };
  CHECK_THROWS_WITH_AS(table({0}, {1}), doctest::Contains("two points"), InvalidInput);
  CHECK_THROWS_WITH_AS(table({0, 1}, {1, 2, 3}), doctest::Contains("2 and 3"), InvalidInput);
  CHECK_THROWS_WITH_AS(table({0, 0}, {1, 2}), doctest::Contains("increase"), InvalidInput);
  CHECK_THROWS_WITH_AS(table({0, 1}, {1, std::nan("")}), doctest::Contains("not finite"),
                       InvalidInput);
}
