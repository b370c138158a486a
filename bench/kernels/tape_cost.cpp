// Cost of a law on the tape, as machine code and interpreted, beside the same law written by hand:
// right-hand side and Jacobian of full-binding TMDD on blocks of lanes. The values are compared
// before anything is timed.
// SPDX-License-Identifier: BSD-3-Clause
//
// Usage: krogh_bench_tape        Prints one JSON object; times are medians of interleaved rounds.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <krogh/base/aligned.hpp>
#include <krogh/base/isa.hpp>
#include <krogh/expr/tape.hpp>
#include <krogh/model/program.hpp>

#include "expr/native_code.hpp"
#include "hand_law.hpp"

namespace {

using krogh::expr::NodeId;

/// The law as a model writes it: division by volumes included, nothing prepared by hand.
krogh::model::Program tmdd() {
  krogh::model::ModelSpec spec;
  krogh::expr::Graph& g = spec.graph;
  spec.state_names = {"A", "C", "P", "R", "RC"};
  spec.parameter_names = {"ka", "CL", "V1", "Q", "V2", "kon", "koff", "kint", "ksyn", "kdeg"};
  std::vector<NodeId> y, p;
  for (int i = 0; i < 5; ++i) y.push_back(g.state(i));
  for (int j = 0; j < 10; ++j) p.push_back(g.parameter(j));
  const NodeId absorbed = g.mul(p[0], y[0]);
  const NodeId bound = g.sub(g.mul(g.mul(p[5], y[1]), y[3]), g.mul(p[6], y[4]));
  const NodeId exchanged = g.mul(p[3], g.sub(y[1], y[2]));
  const NodeId minus_a = g.unary(krogh::expr::Op::neg, absorbed);
  spec.derivatives = {
      minus_a, g.sub(g.div(g.sub(g.sub(absorbed, g.mul(p[1], y[1])), exchanged), p[2]), bound),
      g.div(exchanged, p[4]), g.sub(g.sub(p[8], g.mul(p[9], y[3])), bound),
      g.sub(bound, g.mul(p[7], y[4]))};
  const NodeId zero = g.constant(0.0);
  spec.initial = {zero, zero, zero, g.div(p[8], p[9]), zero};
  return krogh::model::Program(std::move(spec));
}

using HandLaw = void (*)(const double*, const double*, double*, double*, int);

HandLaw hand_law_of(krogh::InstructionSet set) {
  switch (set) {
#ifdef KROGH_BENCH_X86
    case krogh::InstructionSet::x86_v4: return krogh_bench::x86_v4::hand_law;
    case krogh::InstructionSet::x86_v3: return krogh_bench::x86_v3::hand_law;
    default: return krogh_bench::x86_v2::hand_law;
#else
    default: return krogh_bench::plain::hand_law;
#endif
  }
}

double seconds_of(const auto& work, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  for (int k = 0; k < repeats; ++k) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Floating-point operations of a tape: a fused multiply-add counts two, moves none.
double operations(const std::vector<krogh::expr::Instruction>& tape) {
  double count = 0.0;
  for (const auto& instruction : tape) {
    const auto code = static_cast<krogh::expr::Code>(instruction.code);
    if (code == krogh::expr::Code::copy) continue;
    count += instruction.code > 64 ? 2.0 : 1.0;
  }
  return count;
}

void run(int lanes, const char* end) {
  const krogh::model::Program program = tmdd();
  const auto& layout = program.layout();
  const auto width = static_cast<std::size_t>(lanes);
  krogh::AlignedBuffer registers(static_cast<std::size_t>(layout.count) * width);
  krogh::AlignedBuffer hand(25 * width);
  auto row = [&](int number) { return registers.data() + number * lanes; };
  for (const auto& [number, value] : program.constants())
    for (int l = 0; l < lanes; ++l) row(number)[l] = value;
  const double typical[] = {0.3, 0.2, 3.0, 0.5, 3.0, 10.0, 1.0, 1.0, 1.0, 0.5};
  const double state[] = {150.0, 20.0, 8.0, 0.4, 1.1};
  for (int l = 0; l < lanes; ++l) {
    for (int j = 0; j < 10; ++j) row(layout.parameters + j)[l] = typical[j] * (1.0 + 0.01 * l);
    for (int i = 0; i < 5; ++i) row(layout.states + i)[l] = state[i] * (1.0 + 0.02 * l);
    auto par = [&](int j) { return row(layout.parameters + j)[l]; };
    const double prepared[] = {par(0),          par(0) / par(2), (par(1) + par(3)) / par(2),
                               par(3) / par(2), par(3) / par(4), par(5),
                               par(6),          par(6) + par(7), par(8),
                               par(9)};
    for (int j = 0; j < 10; ++j) hand.data()[j * lanes + l] = prepared[j];
    for (int i = 0; i < 5; ++i) hand.data()[(10 + i) * lanes + l] = row(layout.states + i)[l];
  }
  krogh::expr::run_tape(program.view(program.tapes().prologue), registers.data(), lanes);
  const krogh::expr::TapeView tape = program.view(program.tapes().rhs_jacobian);
  const HandLaw law = hand_law_of(krogh::selected_instruction_set());
  const krogh::expr::NativeTape native(tape, lanes,
                                       {static_cast<std::uint32_t>(layout.first_temporary),
                                        static_cast<std::uint32_t>(layout.count)});
  auto by_interpreter = [&] { krogh::expr::run_tape(tape, registers.data(), lanes); };
  auto by_tape = [&] { native.run(registers.data()); };
  double* slopes = hand.data() + 15 * lanes;
  double* jacobian = hand.data() + 20 * lanes;
  auto by_hand = [&] { law(hand.data(), hand.data() + 10 * lanes, slopes, jacobian, lanes); };

  by_interpreter();
  const std::vector<double> interpreted(registers.data(), registers.data() + registers.size());
  by_tape();
  by_hand();
  for (int i = 0; i < 5; ++i)
    for (int l = 0; l < lanes; ++l)
      if (interpreted[static_cast<std::size_t>((layout.slopes + i) * lanes + l)] !=
          row(layout.slopes + i)[l]) {
        std::fprintf(stderr, "machine code and interpreter differ\n");
        std::exit(1);
      }
  const int pattern[5][2] = {{1, 1}, {1, 3}, {4, 1}, {3, 3}, {4, 3}};
  auto require_equal = [](double a, double b, const char* what) {
    if (std::abs(a - b) <= 1e-13 * (std::abs(a) + std::abs(b))) return;
    std::fprintf(stderr, "tape and hand-written law differ in %s: %.17g %.17g\n", what, a, b);
    std::exit(1);
  };
  for (int l = 0; l < lanes; ++l) {
    for (int i = 0; i < 5; ++i)
      require_equal(row(layout.slopes + i)[l], slopes[i * lanes + l], "a slope");
    for (int k = 0; k < 5; ++k)
      for (std::size_t e = 0; e < program.jacobian().size(); ++e)
        if (program.jacobian()[e].row == pattern[k][0] &&
            program.jacobian()[e].column == pattern[k][1])
          require_equal(row(program.jacobian_registers()[e])[l], jacobian[k * lanes + l],
                        "a Jacobian entry");
  }
  constexpr int repeats = 20'000;
  std::vector<double> tape_times, interpreter_times, hand_times;
  for (int round = -1; round < 21; ++round) {
    const double t = seconds_of(by_tape, repeats);
    const double i = seconds_of(by_interpreter, repeats);
    const double h = seconds_of(by_hand, repeats);
    if (round < 0) continue;  // warm-up
    tape_times.push_back(t / repeats / lanes * 1e9);
    interpreter_times.push_back(i / repeats / lanes * 1e9);
    hand_times.push_back(h / repeats / lanes * 1e9);
  }
  const double flop = operations(program.tapes().rhs_jacobian);
  std::printf(
      "    {\"lanes\": %d, \"tape_ns_per_lane\": %.4g, \"interpreter_ns_per_lane\": %.4g, "
      "\"hand_ns_per_lane\": %.4g, \"tape_to_hand\": %.3g, \"interpreter_to_hand\": %.3g, "
      "\"instructions\": %zu, \"native\": %d, \"tape_gflops\": %.4g}%s\n",
      lanes, median(tape_times), median(interpreter_times), median(hand_times),
      median(tape_times) / median(hand_times), median(interpreter_times) / median(hand_times),
      program.tapes().rhs_jacobian.size(), native.num_native(), flop / median(tape_times), end);
}

}  // namespace

int main() {
  std::printf("{\n  \"instruction_set\": \"%s\",\n  \"blocks\": [\n",
              std::string(krogh::name_of(krogh::selected_instruction_set())).c_str());
  run(8, ",");
  run(16, ",");
  run(32, "");
  std::printf("  ]\n}\n");
}
