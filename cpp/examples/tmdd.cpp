// Target-mediated drug disposition written with C++ operators and solved for a hundred doses at
// once. SPDX-License-Identifier: BSD-3-Clause
//
//   cmake -B build && cmake --build build && ./build/cpp/examples/krogh_tmdd
//
// The drug C binds the receptor R to the complex RC, which is taken up with its own rate (Mager &
// Jusko 2001, J. Pharmacokinet. Pharmacodyn. 28:507, doi 10.1023/A:1014414520282). Units: nM, L,
// day.
#include <cstdio>

#include <krogh/model/builder.hpp>
#include <krogh/simulate/point.hpp>

int main() {
  using namespace krogh;

  // 1. The model: parameters with nominal values, states with initial values, laws.
  model::ModelBuilder m;
  const auto kel = m.parameter("kel", 0.106), kpt = m.parameter("kpt", 0.064);
  const auto ktp = m.parameter("ktp", 0.123), volume = m.parameter("volume", 0.032);
  const auto kon = m.parameter("kon", 0.101), koff = m.parameter("koff", 10.1);
  const auto kint = m.parameter("kint", 2.0), kdeg = m.parameter("kdeg", 0.079);
  const auto ksyn = m.parameter("ksyn", 5.08049), first = m.parameter("C0", 100.0);

  const auto c = m.state("C", first), peripheral = m.state("AT");
  const auto r = m.state("R", ksyn / kdeg), rc = m.state("RC");
  const auto binding = kon * c * r - koff * rc;
  m.rate(c, -(kel + kpt) * c + ktp * peripheral / volume - binding);
  m.rate(peripheral, kpt * c * volume - ktp * peripheral);
  m.rate(r, ksyn - kdeg * r - binding);
  m.rate(rc, binding - kint * rc);
  m.output("C", c);
  m.output("occupancy", rc / (r + rc));
  const model::Program program = m.compile();

  // 2. A hundred subjects with different first concentrations; observed daily, one list for all.
  constexpr int num_subjects = 100, num_days = 28;
  const auto num_parameters = m.nominal().size();
  std::vector<double> parameters;
  for (int s = 0; s < num_subjects; ++s) {
    parameters.insert(parameters.end(), m.nominal().begin(), m.nominal().end());
    parameters[parameters.size() - num_parameters +
               static_cast<std::size_t>(m.parameter_index("C0"))] = 10.0 * (s + 1);
  }
  std::vector<model::Record> records;
  for (int day = 0; day <= num_days; ++day) records.push_back({.time = static_cast<double>(day)});
  const model::Schedule schedule(std::move(records), {0, num_days + 1}, true);

  // 3. Solve; the result lies in memory that belongs to the caller.
  std::vector<double> values(num_subjects * (num_days + 1) * 2);
  const auto result = simulate::simulate_point(program, parameters, num_subjects, schedule,
                                               {.rtol = 1e-8}, {.values = values});
  if (!result.failures.empty()) {
    std::fprintf(stderr, "%s\n", result.failures.front().cause.c_str());
    return 1;
  }
  for (int s : {0, 9, 99}) {
    const double* subject = values.data() + s * (num_days + 1) * 2;
    std::printf("C0 = %4.0f nM:", 10.0 * (s + 1));
    for (int day : {1, 7, 14, 28})
      std::printf("  day %2d: C = %10.4g nM, occupancy %5.1f %%", day, subject[2 * day],
                  100.0 * subject[2 * day + 1]);
    std::printf("\n");
  }
  return 0;
}
