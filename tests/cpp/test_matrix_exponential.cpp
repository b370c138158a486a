// Matrix exponentials on lanes: closed forms, wide ranges of rates, derivatives, instruction sets.
// SPDX-License-Identifier: BSD-3-Clause
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/aligned.hpp>
#include <krogh/base/isa.hpp>

#include "linalg/matrix_exponential.hpp"
#include "linalg/twofold_lu.hpp"
#include "point_kit.hpp"

using namespace krogh;
using krogh_tests::relative;
using linalg::ExponentialPlan;

namespace {

constexpr std::size_t lanes = linalg::exponential_lanes;

/// exp(X h) of one matrix, put into every lane with lengths h, 2 h, ...; values of lane `lane`.
struct Result {
  ExponentialPlan plan;
  std::vector<double> values;
  double operator()(int row, int column, int block = 0) const {
    const int p = plan.position(row, column, block);
    return p < 0 ? 0.0 : values[static_cast<std::size_t>(p)];
  }
};

Result exponential_of(int n, int blocks, std::vector<ExponentialPlan::Entry> entries,
                      const std::vector<double>& x, double h, std::size_t lane = 3) {
  ExponentialPlan plan(n, n, blocks, std::move(entries));
  AlignedBuffer group(x.size() * lanes), lengths(lanes);
  AlignedBuffer high(plan.closure().size() * lanes), low(plan.closure().size() * lanes);
  AlignedBuffer scratch(plan.scratch_size());
  for (std::size_t l = 0; l < lanes; ++l) {
    for (std::size_t e = 0; e < x.size(); ++e) group.data()[e * lanes + l] = x[e];
    lengths.data()[l] = h * (static_cast<double>(l) + 1.0) / (static_cast<double>(lane) + 1.0);
  }
  lengths.data()[lane] = h;
  KROGH_DISPATCH(exponential)
  (plan, group.data(), lengths.data(), high.data(), low.data(), scratch.data());
  Result r{plan, {}};
  for (std::size_t e = 0; e < plan.closure().size(); ++e)
    r.values.push_back(high.data()[e * lanes + lane]);
  return r;
}

}  // namespace

TEST_CASE("a chain of equal rates has Erlang's exponential, entry by entry") {
  constexpr int n = 6;
  const double k = 0.7;
  std::vector<ExponentialPlan::Entry> entries;
  std::vector<double> x;
  for (int i = 0; i < n; ++i) {
    entries.push_back({i, i, 0});
    x.push_back(-k);
    if (i == 0) continue;
    entries.push_back({i, i - 1, 0});
    x.push_back(k);
  }
  for (const double h : {1e-6, 0.3, 5.0, 60.0}) {
    const Result e = exponential_of(n, 1, entries, x, h);
    double term = std::exp(-k * h);
    for (int i = 0; i < n; ++i) {
      CHECK(relative(e(i, 0), term) < 2e-14);
      term *= k * h / (i + 1);
    }
    CHECK(e(0, 1) == 0.0);
  }
}

TEST_CASE("a nilpotent matrix has a polynomial for its exponential") {
  const Result e = exponential_of(3, 1, {{1, 0, 0}, {2, 1, 0}}, {3.0, 5.0}, 100.0);
  CHECK(e(1, 0) == 300.0);
  CHECK(relative(e(2, 0), 0.5 * 15.0 * 1e4) < 1e-15);
  CHECK(e(2, 2) == 1.0);
}

TEST_CASE("slow modes keep their digits beside rates a billion times faster") {
  // A -> C with ka, C eliminated with ke: C = ka/(ka - ke) (exp(-ke h) - exp(-ka h)).
  const double ka = 1e6, ke = 1e-3;
  for (const double h : {1e-9, 1e-6, 1.0, 1e3, 1e4}) {
    const Result e = exponential_of(2, 1, {{0, 0, 0}, {1, 0, 0}, {1, 1, 0}}, {-ka, ka, -ke}, h);
    const double exact = ka / (ka - ke) * std::exp(-ke * h) * -std::expm1(-(ka - ke) * h);
    CHECK(relative(e(1, 0), exact) < 1e-14);
    CHECK(relative(e(1, 1), std::exp(-ke * h)) < 1e-15);
  }
}

TEST_CASE("fast exchange between compartments does not blur slow elimination") {
  // Two compartments that exchange with rate q and lose k from the first: eigenvalues in closed
  // form.
  const double q = 1e5, k = 1.0, h = 2.0;
  const Result e =
      exponential_of(2, 1, {{0, 0, 0}, {0, 1, 0}, {1, 0, 0}, {1, 1, 0}}, {-(q + k), q, q, -q}, h);
  const double root = std::sqrt(k * k + 4.0 * q * q);
  const double fast = 0.5 * (2.0 * q + k + root);
  const double slow = q * k / fast;
  const double exact = q / root * (std::exp(-slow * h) - std::exp(-fast * h));
  // The matrix itself carries rounding errors of 1e-16 q, that is 1e-11 of k: q + k is exact here.
  CHECK(relative(e(1, 0), exact) < 1e-14);
}

TEST_CASE("rotations and growth are exponentials as well") {
  const double w = 2.0, h = 3.0;
  const Result turn = exponential_of(2, 1, {{0, 1, 0}, {1, 0, 0}}, {-w, w}, h);
  CHECK(std::abs(turn(0, 0) - std::cos(w * h)) < 1e-15);
  CHECK(std::abs(turn(1, 0) - std::sin(w * h)) < 1e-15);
  const Result growth = exponential_of(1, 1, {{0, 0, 0}}, {1.5}, 20.0);
  CHECK(relative(growth(0, 0), std::exp(30.0)) < 1e-15);
}

TEST_CASE("derivative blocks are the derivatives of the exponential") {
  const double ka = 1.3, ke = 0.2, h = 2.5;
  const Result e =
      exponential_of(2, 3, {{0, 0, 0}, {1, 0, 0}, {1, 1, 0}, {0, 0, 1}, {1, 0, 1}, {1, 1, 2}},
                     {-ka, ka, -ke, -1.0, 1.0, -1.0}, h);  // block 1: d/dka, block 2: d/dke
  const double d = ka - ke;
  const double difference = std::exp(-ke * h) - std::exp(-ka * h);
  CHECK(relative(e(0, 0, 1), -h * std::exp(-ka * h)) < 1e-14);
  CHECK(relative(e(1, 0, 1), -ke / (d * d) * difference + ka / d * h * std::exp(-ka * h)) < 1e-14);
  CHECK(relative(e(1, 0, 2), ka / (d * d) * difference - ka / d * h * std::exp(-ke * h)) < 1e-14);
  CHECK(relative(e(1, 1, 2), -h * std::exp(-ke * h)) < 1e-14);
}

TEST_CASE("a lane's exponential does not depend on its place or on the instruction set") {
  const std::vector<ExponentialPlan::Entry> entries = {{0, 0, 0}, {1, 0, 0}, {1, 1, 0},
                                                       {1, 2, 0}, {2, 1, 0}, {2, 2, 0}};
  const std::vector<double> x = {-0.9, 0.3, -0.4, 0.17, 0.15, -0.17};
  const Result first = exponential_of(3, 1, entries, x, 7.3, 0);
  for (std::size_t lane = 1; lane < lanes; ++lane)
    CHECK(exponential_of(3, 1, entries, x, 7.3, lane).values == first.values);
  const InstructionSet chosen = selected_instruction_set();
  for (const InstructionSet set : {InstructionSet::x86_v2, InstructionSet::x86_v3}) {
    if (!is_available(set)) continue;
    select_instruction_set(set);
    const Result other = exponential_of(3, 1, entries, x, 7.3, 0);
    for (std::size_t e = 0; e < first.values.size(); ++e)
      CHECK(relative(other.values[e], first.values[e]) < 3e-16);
  }
  select_instruction_set(chosen);
}

TEST_CASE("matrices that are not finite give values that are not finite, without long loops") {
  CHECK(std::isnan(exponential_of(1, 1, {{0, 0, 0}}, {std::nan("")}, 1.0)(0, 0)));
  CHECK_FALSE(std::isfinite(exponential_of(1, 1, {{0, 0, 0}}, {-INFINITY}, 1.0)(0, 0)));
  CHECK(exponential_of(1, 1, {{0, 0, 0}}, {-1e12}, 1e6)(0, 0) == 0.0);
}

TEST_CASE("twofold elimination solves what doubles cannot and sees what nothing can") {
  using linalg::Twofold;
  // Hilbert matrix of size 8 (condition 1.5e10) times ones.
  constexpr int n = 8;
  std::vector<Twofold> a, b(n);
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const Twofold entry = Twofold{1.0, 0.0} / Twofold{i + j + 1.0, 0.0};
      a.push_back(entry);
      b[static_cast<std::size_t>(i)] = b[static_cast<std::size_t>(i)] + entry;
    }
  REQUIRE(linalg::solve_twofold(a, b, n, 1, 1e-14));
  for (const Twofold& v : b) CHECK(std::abs(v.high - 1.0) < 1e-15);
  std::vector<Twofold> singular = {{1.0, 0.0}, {2.0, 0.0}, {2.0, 0.0}, {4.0, 0.0}};
  std::vector<Twofold> right = {{1.0, 0.0}, {1.0, 0.0}};
  CHECK_FALSE(linalg::solve_twofold(singular, right, 2, 1, 1e-14));
}
