// Symbols: C++ operators build the nodes that the graph's own functions build.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/expr/symbol.hpp>

using namespace krogh;
using expr::Graph;
using expr::Op;
using expr::Symbol;

namespace {

struct Fixture {
  Graph graph;
  Symbol x{graph, graph.state(0)};
  Symbol y{graph, graph.state(1)};
  double value(const Symbol& s, double at_x = 2.0, double at_y = 5.0) const {
    const std::vector<double> states = {at_x, at_y};
    return graph.evaluate(s.node(), states, {}, 0.0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "operators are the graph's operations") {
  CHECK((x + y).node() == graph.add(x.node(), y.node()));
  CHECK((x - y).node() == graph.sub(x.node(), y.node()));
  CHECK((x * y).node() == graph.mul(x.node(), y.node()));
  CHECK((x / y).node() == graph.div(x.node(), y.node()));
  CHECK((-x).node() == graph.unary(Op::neg, x.node()));
  CHECK((+x).node() == x.node());
  CHECK(value(x - 3.0) == -1.0);
  CHECK(value(3.0 - x) == 1.0);
  CHECK(value(x / 4.0) == 0.5);
  CHECK(value(4.0 / x) == 2.0);
  CHECK(value(1.0 + 2.0 * x * y - y) == 16.0);
}

TEST_CASE_FIXTURE(Fixture, "assignment operators accumulate") {
  Symbol sum = x;
  sum += y;
  sum -= 1.0;
  sum *= x;
  sum /= 4.0;
  CHECK(value(sum) == 3.0);
  sum -= x;
  sum *= 2.0;
  sum += 1.0;
  sum /= y;
  CHECK(value(sum) == doctest::Approx(0.6));
}

TEST_CASE_FIXTURE(Fixture, "functions have their mathematical values") {
  CHECK(value(pow(x, y)) == 32.0);
  CHECK(value(pow(x, 3.0)) == 8.0);
  CHECK(value(pow(3.0, x)) == doctest::Approx(9.0));
  CHECK(value(min(x, y)) == 2.0);
  CHECK(value(max(x, 7.0)) == 7.0);
  const Symbol h = x / 4.0;  // 0.5, within every domain
  CHECK(value(exp(h)) == std::exp(0.5));
  CHECK(value(expm1(h)) == std::expm1(0.5));
  CHECK(value(log(h)) == std::log(0.5));
  CHECK(value(log1p(h)) == std::log1p(0.5));
  CHECK(value(log10(h)) == std::log10(0.5));
  CHECK(value(sqrt(h)) == std::sqrt(0.5));
  CHECK(value(sin(h)) == std::sin(0.5));
  CHECK(value(cos(h)) == std::cos(0.5));
  CHECK(value(tan(h)) == std::tan(0.5));
  CHECK(value(asin(h)) == std::asin(0.5));
  CHECK(value(acos(h)) == std::acos(0.5));
  CHECK(value(atan(h)) == std::atan(0.5));
  CHECK(value(sinh(h)) == std::sinh(0.5));
  CHECK(value(cosh(h)) == std::cosh(0.5));
  CHECK(value(tanh(h)) == std::tanh(0.5));
  CHECK(value(abs(-h)) == 0.5);
  CHECK(value(lgamma(h)) == std::lgamma(0.5));
}

TEST_CASE_FIXTURE(Fixture, "a condition chooses by the sign of its difference") {
  CHECK(value(where(x < y, 10.0, 20.0)) == 10.0);
  CHECK(value(where(x > y, 10.0, 20.0)) == 20.0);
  CHECK(value(where(x <= y, x, 20.0)) == 2.0);
  CHECK(value(where(x >= 1.0, x, y)) == 2.0);
  CHECK(value(where(3.0 < y, 1.0, y)) == 1.0);
  CHECK(graph.node(where(x < y, x, y).node()).op == Op::select);
}

TEST_CASE_FIXTURE(Fixture, "saturable laws") {
  const Symbol k = x.constant(3.0), n = x.constant(2.0);
  CHECK(value(hill(x, k, n)) == doctest::Approx(4.0 / 13.0));
  CHECK(value(hill(x, k, n), 0.0) == 0.0);
  CHECK(value(hill(x, k, n), 3.0) == 0.5);
  CHECK(value(michaelis_menten(x, y, k)) == doctest::Approx(2.0));
  const expr::Table line{
      .kind = expr::Interpolation::linear, .x = {0, 4}, .y = {1, 9}, .slope = {}};
  CHECK(value(lookup(line, x)) == 5.0);
}

TEST_CASE_FIXTURE(Fixture, "symbols of two graphs do not mix") {
  Graph other;
  const Symbol z(other, other.state(0));
  CHECK_THROWS_WITH_AS(static_cast<void>(x + z), doctest::Contains("two models"), InvalidInput);
  CHECK_THROWS_AS(static_cast<void>(where(x > y, x, z)), InvalidInput);
  CHECK_THROWS_AS(static_cast<void>(where(x > y, z, x)), InvalidInput);
}
