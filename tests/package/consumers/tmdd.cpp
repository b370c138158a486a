// Outside program: target-mediated disposition with C++ operators, compared with known numbers.
// SPDX-License-Identifier: BSD-3-Clause
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include <krogh/model/builder.hpp>
#include <krogh/simulate/point.hpp>

int main() {
  using namespace krogh;
  model::ModelBuilder m;
  const auto kel = m.parameter("kel", 0.106), kpt = m.parameter("kpt", 0.064);
  const auto ktp = m.parameter("ktp", 0.123), v = m.parameter("V", 0.032);
  const auto kon = m.parameter("kon", 0.101), koff = m.parameter("koff", 10.1);
  const auto kint = m.parameter("kint", 2.0), kdeg = m.parameter("kdeg", 0.079);
  const auto ksyn = m.parameter("ksyn", 5.08049);
  const auto c = m.state("C", 100.0), at = m.state("AT"), r = m.state("R", ksyn / kdeg);
  const auto rc = m.state("RC");
  const auto binding = kon * c * r - koff * rc;
  m.rate(c, -(kel + kpt) * c + ktp * at / v - binding);
  m.rate(at, kpt * c * v - ktp * at);
  m.rate(r, ksyn - kdeg * r - binding);
  m.rate(rc, binding - kint * rc);
  for (const auto& [name, state] : {std::pair{"C", c}, {"AT", at}, {"R", r}, {"RC", rc}})
    m.output(name, state);
  const model::Program program = m.compile();

  // Two solvers of different families agree on these digits at day 10 (C, R, RC in nM, AT in nmol).
  const double exact[] = {2.2415967069794984, 0.1580044326459115, 25.771107166628287,
                          0.49064102210948535};
  const double largest[] = {100.0, 0.6, 64.31, 20.0};
  double found[4];
  simulate::simulate_point(
      program, m.nominal(), 1,
      model::Schedule({{.time = 0.0, .kind = model::RecordKind::other}, {.time = 10.0}}, {0, 2},
                      true),
      {.rtol = 1e-9}, {.values = found});
  for (int i = 0; i < 4; ++i) {
    std::printf("%s %.12g (%.12g)\n",
                program.spec().output_names[static_cast<std::size_t>(i)].c_str(), found[i],
                exact[i]);
    if (!(std::abs(found[i] - exact[i]) <= 1e-7 * largest[i])) return 1;
  }

  // Subjects that differ, on two threads: one number of all bits, for comparing builds.
  constexpr std::size_t subjects = 64;
  const std::vector<double> nominal = m.nominal();
  std::vector<double> parameters, values(4 * subjects);
  std::vector<model::Record> records;
  std::vector<std::int64_t> offsets{0};
  for (std::size_t k = 0; k < subjects; ++k) {
    for (const double p : nominal) parameters.push_back(p * (1.0 + 0.01 * static_cast<double>(k)));
    records.push_back({.time = 0.0, .kind = model::RecordKind::other});
    records.push_back({.time = 10.0});
    offsets.push_back(static_cast<std::int64_t>(records.size()));
  }
  simulate::simulate_point(program, parameters, subjects, model::Schedule(records, offsets, false),
                           {.rtol = 1e-6}, {.values = values},
                           {.num_threads = 2, .keep_going = {}});
  std::uint64_t bits = 14695981039346656037ULL;  // FNV-1a
  for (const double v : values) bits = (bits ^ std::bit_cast<std::uint64_t>(v)) * 1099511628211ULL;
  std::printf("bits %016llx\n", static_cast<unsigned long long>(bits));
  return 0;
}
