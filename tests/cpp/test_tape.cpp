// Tape: fusion, register reuse, all lane counts and instruction sets against the graph's own
// values. SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/aligned.hpp>
#include <krogh/base/errors.hpp>
#include <krogh/base/isa.hpp>
#include <krogh/expr/tape.hpp>

#include "expr/native_code.hpp"

using namespace krogh;
using expr::Code;
using expr::Graph;
using expr::Instruction;
using expr::Interpolation;
using expr::NodeId;
using expr::Op;
using expr::RegisterMap;
using expr::TapeRoot;

namespace {

std::vector<InstructionSet> available_sets() {
  std::vector<InstructionSet> sets;
  for (auto set : {InstructionSet::plain, InstructionSet::x86_v2, InstructionSet::x86_v3,
                   InstructionSet::x86_v4})
    if (is_available(set)) sets.push_back(set);
  return sets;
}

/// Puts the processor's own choice back at the end of a test.
struct RestoredSet {
  InstructionSet chosen = selected_instruction_set();
  ~RestoredSet() { select_instruction_set(chosen); }
};

std::vector<expr::TableView> views(const Graph& graph) {
  std::vector<expr::TableView> result;
  for (const expr::Table& t : graph.tables())
    result.push_back({.kind = t.kind,
                      .size = static_cast<std::int32_t>(t.x.size()),
                      .x = t.x.data(),
                      .y = t.y.data(),
                      .slope = t.slope.empty() ? nullptr : t.slope.data()});
  return result;
}

/// A tape for roots over `num_states` states in registers 0 .. num_states - 1; the constants
/// follow, then the roots' results.
struct Machine {
  const Graph& graph;
  int num_states;
  RegisterMap available;
  std::vector<std::pair<std::uint32_t, double>> constants;
  std::uint32_t first_target = 0;
  std::uint32_t high_water = 0;
  std::vector<Instruction> code;
  std::vector<expr::TableView> tables;

  Machine(Graph& g, int n, const std::vector<NodeId>& roots) : graph(g), num_states(n) {
    for (int i = 0; i < n; ++i) available[g.state(i)] = static_cast<std::uint32_t>(i);
    auto next = static_cast<std::uint32_t>(n);
    for (NodeId id : g.reachable(roots))
      if (g.node(id).op == Op::constant) {
        available[id] = next;
        constants.emplace_back(next++, g.node(id).value);
      }
    first_target = next;
    std::vector<TapeRoot> targets;
    for (NodeId root : roots) targets.push_back({root, next++});
    high_water = next;
    code = expr::compile_tape(g, targets, available, next, high_water);
    tables = views(g);
  }

  expr::TapeView view() const {
    return {code.data(), static_cast<std::int32_t>(code.size()), tables.data()};
  }

  /// Register file with the states of each lane in place. @param states  shape (lanes, num_states).
  AlignedBuffer load(const std::vector<double>& states, int lanes) const {
    const auto width = static_cast<std::size_t>(lanes);
    AlignedBuffer file(high_water * width);
    for (std::size_t i = 0; i < file.size(); ++i) file.data()[i] = std::nan("");
    for (std::size_t l = 0; l < width; ++l) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(num_states); ++i)
        file.data()[i * width + l] = states[l * static_cast<std::size_t>(num_states) + i];
      for (const auto& [reg, value] : constants) file.data()[reg * width + l] = value;
    }
    return file;
  }

  /// Results, shape (lanes, roots), by the interpreter or (where there is any) by machine code.
  std::vector<double> run(const std::vector<double>& states, int lanes, std::size_t roots,
                          bool native = false) const {
    const auto width = static_cast<std::size_t>(lanes);
    AlignedBuffer file = load(states, lanes);
    if (native) {
      const auto after = first_target + static_cast<std::uint32_t>(roots);
      expr::NativeTape(view(), lanes, {after, high_water}).run(file.data());
    } else {
      expr::run_tape(view(), file.data(), lanes);
    }
    std::vector<double> result(width * roots);
    for (std::size_t l = 0; l < width; ++l)
      for (std::size_t r = 0; r < roots; ++r)
        result[l * roots + r] = file.data()[(first_target + r) * width + l];
    return result;
  }
};

/// Value of one unary or binary operation through the kernels, one lane.
double kernel(Op op, double a, double b = 0.0) {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId f = expr::arity(op) == 2 ? g.binary(op, x, y) : g.unary(op, x);
  const Machine machine(g, 2, {f});
  std::vector<double> states;
  for (int l = 0; l < 8; ++l) states.insert(states.end(), {a, b});
  return machine.run(states, 8, 1)[3];
}

/// Distance in units of the last place of the exact value.
double ulps(double found, long double exact) {
  const double rounded = static_cast<double>(exact);
  const double unit =
      std::abs(std::nextafter(rounded, std::numeric_limits<double>::infinity()) - rounded);
  return static_cast<double>(std::abs(static_cast<long double>(found) - exact) /
                             static_cast<long double>(unit));
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("products that feed one sum are fused, shared ones are not") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1), z = g.state(2);
  auto codes = [&](std::vector<NodeId> roots) {
    std::vector<std::uint32_t> result;
    for (const Instruction& i : Machine(g, 3, roots).code) result.push_back(i.code);
    return result;
  };
  auto code = [](Code c) { return static_cast<std::uint32_t>(c); };
  auto op = [](Op o) { return static_cast<std::uint32_t>(o); };
  const NodeId product = g.mul(x, y);
  CHECK(codes({g.add(product, z)}) == std::vector{code(Code::multiply_add)});
  CHECK(codes({g.sub(product, z)}) == std::vector{code(Code::multiply_subtract)});
  CHECK(codes({g.sub(z, product)}) == std::vector{code(Code::negative_multiply_add)});
  CHECK(codes({g.add(product, z), g.sub(z, product)}) ==
        std::vector{op(Op::mul), op(Op::add), op(Op::sub)});
  CHECK(codes({g.add(product, z), product}) == std::vector{op(Op::mul), op(Op::add)});
  // Fused or not, the value is right for every sign.
  const Machine machine(g, 3, {g.add(product, z), g.sub(g.mul(x, z), y), g.sub(x, g.mul(y, z))});
  std::vector<double> states;
  for (int l = 0; l < 8; ++l) states.insert(states.end(), {2.0 + l, 3.0, 5.0});
  const auto found = machine.run(states, 8, 3);
  for (std::size_t l = 0; l < 8; ++l) {
    const double at = 2.0 + static_cast<double>(l);
    CHECK(found[3 * l] == at * 3.0 + 5.0);
    CHECK(found[3 * l + 1] == at * 5.0 - 3.0);
    CHECK(found[3 * l + 2] == at - 15.0);
  }
}

TEST_CASE("registers of dead temporaries are reused") {
  Graph g;
  NodeId sum = g.state(0);
  for (int i = 0; i < 200; ++i) sum = g.unary(Op::sin, g.add(sum, g.state(1)));
  const Machine machine(g, 2, {sum});
  CHECK(machine.code.size() == 400);
  CHECK(machine.high_water <= machine.first_target + 1 + 2);
}

TEST_CASE("a root that is available is copied, a root asked for twice lands in both places") {
  Graph g;
  const NodeId x = g.state(0), y = g.mul(x, x);
  const Machine machine(g, 1, {x, y, y});
  std::vector<double> states(8, 3.0);
  const auto found = machine.run(states, 8, 3);
  CHECK(found[0] == 3.0);
  CHECK(found[1] == 9.0);
  CHECK(found[2] == 9.0);
}

TEST_CASE("a symbol without a value is refused") {
  Graph g;
  const std::vector<TapeRoot> roots = {{g.add(g.state(0), g.parameter(3)), 5}};
  std::uint32_t high = 6;
  CHECK_THROWS_WITH_AS(expr::compile_tape(g, roots, {{g.state(0), 0}}, 6, high),
                       doctest::Contains("parameter 3"), InvalidInput);
}

TEST_CASE("random graphs have the graph's own value on every lane count and instruction set") {
  const RestoredSet restore;
  std::mt19937_64 random(42);
  auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const Op unary[] = {Op::neg,   Op::exp,  Op::expm1,  Op::log,     Op::log1p,
                      Op::log10, Op::sqrt, Op::sin,    Op::cos,     Op::tan,
                      Op::asin,  Op::acos, Op::atan,   Op::sinh,    Op::cosh,
                      Op::tanh,  Op::abs,  Op::lgamma, Op::digamma, Op::log_positive};
  const Op binary[] = {Op::add, Op::sub, Op::mul, Op::div, Op::pow, Op::min, Op::max};
  constexpr int num_states = 5;
  long compared = 0;
  for (int trial = 0; trial < 60; ++trial) {
    CAPTURE(trial);
    Graph g;
    std::vector<NodeId> nodes;
    for (int i = 0; i < num_states; ++i) nodes.push_back(g.state(i));
    nodes.push_back(g.constant(0.7));
    nodes.push_back(g.constant(-1.3));
    for (int step = 0; step < 40; ++step) {
      const NodeId a = nodes[pick(nodes.size())], b = nodes[pick(nodes.size())];
      NodeId made = a;
      switch (pick(8)) {
        case 0: made = g.unary(unary[pick(std::size(unary))], a); break;
        case 1: made = g.select(nodes[pick(nodes.size())], a, b); break;
        case 2: made = g.choose(nodes[pick(nodes.size())], a, b); break;
        case 3:
          made = g.lookup(
              {static_cast<Interpolation>(pick(3)), {-3, -1, 0, 2, 5}, {1, -1, 2, 0, 4}, {}}, a);
          break;
        default: made = g.binary(binary[pick(std::size(binary))], a, b);
      }
      // tanh keeps values of order one, so that rounding is not amplified along the chain.
      nodes.push_back(pick(3) == 0 ? g.unary(Op::tanh, made) : made);
    }
    const std::vector<NodeId> roots(nodes.end() - 6, nodes.end());
    const Machine machine(g, num_states, roots);
    std::vector<double> states;
    std::uniform_real_distribution<double> uniform(-2.0, 2.0);
    for (int i = 0; i < 32 * num_states; ++i) states.push_back(uniform(random));
    for (InstructionSet set : available_sets()) {
      select_instruction_set(set);
      const auto widest = machine.run(states, 32, roots.size());
      for (int lanes : expr::lane_counts) {
        const auto found = machine.run(states, lanes, roots.size());
        const auto size = static_cast<std::ptrdiff_t>(found.size());
        // Bits depend neither on the lane count nor on whether the tape is interpreted.
        CHECK(same_bits(found, std::vector<double>(widest.begin(), widest.begin() + size)));
        CHECK(same_bits(found, machine.run(states, lanes, roots.size(), true)));
      }
      for (std::size_t lane = 0; lane < 32; ++lane)
        for (std::size_t r = 0; r < roots.size(); ++r) {
          const std::span<const double> own(&states[lane * num_states], num_states);
          const double exact = g.evaluate(roots[r], own, {}, 0.0);
          const double found = widest[lane * roots.size() + r];
          if (std::isnan(exact)) {
            CHECK(std::isnan(found));
          } else if (std::isinf(exact)) {
            CHECK(found == exact);
          } else if (std::abs(exact) < 1e6) {
            CHECK(found == doctest::Approx(exact).epsilon(1e-9));
            ++compared;
          }
        }
    }
  }
  CHECK(compared > 5000);
}

TEST_CASE("arithmetic becomes machine code where the processor has a form of it") {
  const RestoredSet restore;
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId root = g.div(g.unary(Op::sqrt, g.add(g.mul(x, y), x)), g.sub(y, x));
  const Machine machine(g, 2, {g.unary(Op::exp, root)});
  for (InstructionSet set : available_sets()) {
    select_instruction_set(set);
    const bool has_form = set == InstructionSet::x86_v3 || set == InstructionSet::x86_v4;
    const expr::NativeTape tape(machine.view(), 8, {machine.first_target + 1, machine.high_water});
    // All but the exponential, or nothing where the system grants no executable memory.
    const auto most = static_cast<std::int32_t>(machine.code.size()) - 1;
    CHECK(tape.num_native() == (has_form && expr::has_native_code() ? most : 0));
  }
}

TEST_CASE("exp, log and pow are accurate to about one unit in the last place") {
  const RestoredSet restore;
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> exponent(-700.0, 700.0), small(-2.0, 2.0);
  for (InstructionSet set : available_sets()) {
    select_instruction_set(set);
    const std::string name(name_of(set));
    CAPTURE(name);
    double worst_exp = 0.0, worst_log = 0.0, worst_pow = 0.0;
    for (int i = 0; i < 4000; ++i) {
      const double x = i % 2 == 0 ? exponent(random) : small(random);
      worst_exp =
          std::max(worst_exp, ulps(kernel(Op::exp, x), std::exp(static_cast<long double>(x))));
      const double positive = i % 2 == 0 ? std::exp(x) : 1.0 + 0.2 * x;
      worst_log = std::max(
          worst_log, ulps(kernel(Op::log, positive), std::log(static_cast<long double>(positive))));
      const double base = std::exp(small(random)), power = 5.0 * small(random);
      worst_pow = std::max(
          worst_pow, ulps(kernel(Op::pow, base, power), std::pow(static_cast<long double>(base),
                                                                 static_cast<long double>(power))));
    }
    CHECK(worst_exp < 1.5);
    CHECK(worst_log < 1.5);
    // Without a fused multiply-add the rest of the division in the logarithm is rounded, which the
    // exponent (up to 10 here) multiplies.
    CHECK(worst_pow < (set == InstructionSet::x86_v2 ? 4.0 : 2.0));
  }
}

TEST_CASE("kernels treat the borders as the C library does") {
  const RestoredSet restore;
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const double tiny = std::numeric_limits<double>::denorm_min();
  auto same = [](double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof a) == 0;
  };
  for (InstructionSet set : available_sets()) {
    select_instruction_set(set);
    const std::string name(name_of(set));
    CAPTURE(name);
    for (double x :
         {0.0, -0.0, 1.0, -1.0, 709.78, 709.79, 710.0, 1e5, -745.1, -745.2, -1e5, inf, -inf, nan}) {
      CAPTURE(x);
      const double found = kernel(Op::exp, x), exact = std::exp(x);
      CHECK((same(found, exact) || std::abs(found - exact) <= 1e-15 * exact));
    }
    for (double x : {0.0, -0.0, 1.0, -1.0, tiny, 1e-310, 2.3e-308, 1e308, inf, -inf, nan}) {
      CAPTURE(x);
      const double found = kernel(Op::log, x), exact = std::log(x);
      CHECK((same(found, exact) || found == doctest::Approx(exact).epsilon(1e-15)));
      CHECK(same(kernel(Op::log_positive, x), x > 0.0 ? kernel(Op::log, x) : 0.0));
    }
    for (double a : {0.0, 0.5, 1.0, 2.0, -2.0, -1.0, inf, nan})
      for (double b : {0.0, 1.0, -1.0, 2.0, 3.0, 0.5, -0.5, 1e3, -1e3, inf, -inf, nan}) {
        CAPTURE(a);
        CAPTURE(b);
        const double found = kernel(Op::pow, a, b), exact = std::pow(a, b);
        CHECK((same(found, exact) || std::abs(found - exact) <= 1e-15 * std::abs(exact)));
      }
    CHECK(kernel(Op::pivot, 4.0, 1.0) == 0.25);
    CHECK(std::isnan(kernel(Op::pivot, 1e-12, 1.0)));
    CHECK(kernel(Op::pivot, 1e-12, 1e-3) == 1e12);
  }
}

TEST_CASE("the instruction that spoils a lane is found") {
  Graph g;
  const NodeId x = g.state(0), y = g.state(1);
  const NodeId quotient = g.div(g.add(x, y), g.sub(x, y));
  const Machine machine(g, 2, {g.unary(Op::exp, quotient)});
  std::vector<double> states;
  for (int l = 0; l < 8; ++l) states.insert(states.end(), {3.0, l == 5 ? 3.0 : 1.0});
  AlignedBuffer file = machine.load(states, 8);
  const std::int32_t culprit = expr::first_failure(machine.view(), file.data(), 8, 5);
  REQUIRE(culprit >= 0);
  CHECK(machine.code[static_cast<std::size_t>(culprit)].code ==
        static_cast<std::uint32_t>(Op::div));
  AlignedBuffer fresh = machine.load(states, 8);
  CHECK(expr::first_failure(machine.view(), fresh.data(), 8, 4) == -1);
}
