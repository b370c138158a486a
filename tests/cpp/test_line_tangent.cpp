// Tangents along lines from C++: derivative of the numbers returned, refusals, room for results.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>
#include <krogh/simulate/line.hpp>

using namespace krogh;
using simulate::LineOptions;
using simulate::LineOutput;
using simulate::LineProblem;
using simulate::LineResult;

namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr int num_cells = 5;
constexpr int num_states = 4;

/// Two mobile states, one receptor with a saturable loss, and a state that depends on time.
model::Program kinetics() {
  model::ModelBuilder m;
  const auto kon = m.parameter("kon", 1e-3);
  const auto vmax = m.parameter("vmax", 0.02);
  const auto km = m.parameter("km", 5.0);
  const auto c = m.state("c");
  const auto d = m.state("d");
  const auto r = m.state("r", vmax * 1000.0);
  const auto b = m.state("b");
  const auto bind = kon * c * r * exp(-1e-4 * m.time());
  const auto lost = michaelis_menten(b, vmax, km);
  m.rate(c, -bind);
  m.rate(d, lost - 1e-4 * d);
  m.rate(r, -bind + lost);
  m.rate(b, bind - lost);
  return m.compile();
}

/// Plasma that exchanges c, with a saturable loss.
model::Program blood() {
  model::ModelBuilder m;
  const auto k = m.parameter("k", 1e-4);
  const auto a = m.state("a");
  const auto q = m.state("q");
  m.rate(a, -k * a / (1.0 + 0.1 * a) + 5e-5 * q - 1e-4 * a);
  m.rate(q, 1e-4 * a - 5e-5 * q);
  return m.compile();
}

/// One line with everything that has a tangent; owns what the problem points to.
struct Case {
  std::vector<double> faces = space::graded_faces(8.0, 40.0, num_cells, 1.5);
  std::vector<double> diffusivity = std::vector<double>(2 * num_cells, 10.0);
  std::vector<double> fraction = std::vector<double>(2 * num_cells, 0.3);
  std::vector<double> permeability{3e-3, 0.0, 2e-3, 0.0};
  std::vector<double> parameters{1e-3, 0.02, 5.0}, plasma_parameters{1e-4};
  std::vector<double> fields = std::vector<double>(num_cells, 5.0);
  std::vector<double> rates{1e-4}, pulse_times{0.0, 900.0}, amplitudes{3.0, 1.0};
  std::vector<double> outside{2.0}, uptake{1e-4}, dose_times{0.0, 600.0}, dose_amounts{20.0, 0.01};
  std::vector<std::int64_t> dose_offsets{0, 2};
  std::vector<std::int32_t> dose_states{0, 0};
  std::vector<simulate::DoseKind> dose_kinds{simulate::DoseKind::bolus,
                                             simulate::DoseKind::rate_change};
  std::vector<double> records{1800.0, 3600.0};
  LineOptions options{.fixed_step = 60.0, .recorded = {0, 1, 2, 3}};
  LineProblem problem;
  std::vector<double> values, contents, entered, plasma;
  std::vector<double> sensitivities, content_sensitivities, entered_sensitivities,
      plasma_sensitivities;

  Case() {
    const auto membrane = space::WallKind::membrane;
    const auto closed = space::WallKind::closed;
    problem.mobile = {{.state = 0, .walls = {membrane, closed}, .inputs = {-1, -1}},
                      {.state = 1, .walls = {membrane, closed}, .inputs = {0, -1}}};
    problem.num_cells = num_cells;
    problem.num_inputs = problem.num_terms = 1;
    problem.num_pulses = 2;
    problem.field_parameters = {2};
    problem.plasma.exchange = {{.mobile = 0, .wall = 0, .state = 0}};
  }

  LineResult run(const model::Program& program, const model::Program& of_plasma) {
    problem.faces = faces;
    problem.diffusivity = diffusivity;
    problem.fraction = fraction;
    problem.permeability = permeability;
    problem.parameters = parameters;
    problem.fields = fields;
    problem.rates = rates;
    problem.pulse_times = pulse_times;
    problem.pulse_amplitudes = amplitudes;
    problem.record_times = records;
    simulate::LinePlasmaProblem& p = problem.plasma;
    p.program = &of_plasma;
    p.parameters = plasma_parameters;
    p.outside_factor = outside;
    p.uptake_factor = uptake;
    p.dose_offsets = dose_offsets;
    p.dose_times = dose_times;
    p.dose_states = dose_states;
    p.dose_amounts = dose_amounts;
    p.dose_kinds = dose_kinds;
    const std::size_t rows = records.size();
    const std::size_t count = idx(std::max(problem.directions.count, 0));
    values.assign(rows * num_states * num_cells, 0.0);
    contents.assign(rows * num_states, 0.0);
    entered.assign(rows * 2 * 2, 0.0);
    plasma.assign(rows * 2, 0.0);
    sensitivities.assign(count * values.size(), 0.0);
    content_sensitivities.assign(count * contents.size(), 0.0);
    entered_sensitivities.assign(count * entered.size(), 0.0);
    plasma_sensitivities.assign(count * plasma.size(), 0.0);
    const LineOutput output{.values = values,
                            .contents = contents,
                            .entered = entered,
                            .final_states = {},
                            .plasma = plasma,
                            .vessel = {},
                            .sensitivities = sensitivities,
                            .content_sensitivities = content_sensitivities,
                            .entered_sensitivities = entered_sensitivities,
                            .plasma_sensitivities = plasma_sensitivities};
    return simulate::simulate_line(program, problem, options, output,
                                   {.num_threads = 1, .keep_going = {}});
  }
};

/// Largest difference of the results to a Richardson difference of runs with an input moved.
void check_direction(const std::vector<double>& results, const std::vector<double>& plus,
                     const std::vector<double>& minus, const std::vector<double>& near_plus,
                     const std::vector<double>& near_minus, double step) {
  double largest = 0.0, error = 0.0, size = 0.0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const double wide = (plus[i] - minus[i]) / (2.0 * step);
    const double narrow = (near_plus[i] - near_minus[i]) / step;
    const double expected = (4.0 * narrow - wide) / 3.0;
    largest = std::max(largest, std::abs(expected));
    error = std::max(error, std::abs(expected - results[i]));
    size = std::max(size, std::abs(plus[i]));
  }
  CHECK(error <= 1e-8 * largest + 1e-10 * size);
}

}  // namespace

TEST_CASE("a tangent along a line is the derivative of the numbers returned") {
  const model::Program program = kinetics();
  const model::Program of_plasma = blood();
  // Every input in turn, all of its values by a share of their own.
  struct Input {
    std::vector<double> Case::* values;
    std::span<const double> simulate::LineDirections::* tangents;
  };
  const Input inputs[] = {{&Case::parameters, &simulate::LineDirections::parameters},
                          {&Case::fields, &simulate::LineDirections::fields},
                          {&Case::faces, &simulate::LineDirections::faces},
                          {&Case::diffusivity, &simulate::LineDirections::diffusivity},
                          {&Case::fraction, &simulate::LineDirections::fraction},
                          {&Case::permeability, &simulate::LineDirections::permeability},
                          {&Case::rates, &simulate::LineDirections::rates},
                          {&Case::amplitudes, &simulate::LineDirections::pulse_amplitudes},
                          {&Case::plasma_parameters, &simulate::LineDirections::plasma_parameters},
                          {&Case::outside, &simulate::LineDirections::outside_factor},
                          {&Case::uptake, &simulate::LineDirections::uptake_factor},
                          {&Case::dose_amounts, &simulate::LineDirections::dose_amounts}};
  for (const int width : {8, 16, 32})
    for (const Input& input : inputs) {
      CAPTURE(&input - inputs);
      Case tangent;
      tangent.options.width = width;
      std::vector<double> moved = tangent.*(input.values);
      for (std::size_t i = 0; i < moved.size(); ++i) moved[i] *= 1.0 + 0.1 * static_cast<double>(i);
      tangent.problem.directions.count = 1;
      tangent.problem.directions.*(input.tangents) = moved;
      REQUIRE(tangent.run(program, of_plasma).failures.empty());
      auto at = [&](double step) {
        Case there;
        std::vector<double>& values = there.*(input.values);
        for (std::size_t i = 0; i < values.size(); ++i) values[i] += step * moved[i];
        REQUIRE(there.run(program, of_plasma).failures.empty());
        return there;
      };
      const double step = 1e-3;
      const Case plus = at(step), minus = at(-step), near_plus = at(step / 2),
                 near_minus = at(-step / 2);
      check_direction(tangent.sensitivities, plus.values, minus.values, near_plus.values,
                      near_minus.values, step);
      check_direction(tangent.content_sensitivities, plus.contents, minus.contents,
                      near_plus.contents, near_minus.contents, step);
      check_direction(tangent.entered_sensitivities, plus.entered, minus.entered, near_plus.entered,
                      near_minus.entered, step);
      check_direction(tangent.plasma_sensitivities, plus.plasma, minus.plasma, near_plus.plasma,
                      near_minus.plasma, step);
    }
}

TEST_CASE("directions side by side give the bits they give alone") {
  const model::Program program = kinetics();
  const model::Program of_plasma = blood();
  for (const int count : {2, 3, 4, 7}) {
    Case together;
    std::vector<double> moved(idx(count) * 3, 0.0);
    for (int k = 0; k < count; ++k) moved[idx(k) * 3 + idx(k % 2)] = 1.0 + k;
    together.problem.directions.count = count;
    together.problem.directions.parameters = moved;
    REQUIRE(together.run(program, of_plasma).failures.empty());
    const std::size_t size = num_states * num_cells;
    for (int k = 0; k < count; ++k) {
      Case alone;
      alone.problem.directions.count = 1;
      alone.problem.directions.parameters = std::span(moved).subspan(idx(k) * 3, 3);
      REQUIRE(alone.run(program, of_plasma).failures.empty());
      CHECK(alone.values == together.values);
      for (std::size_t record = 0; record < 2; ++record)
        CHECK(std::equal(
            alone.sensitivities.begin() + static_cast<std::ptrdiff_t>(record * size),
            alone.sensitivities.begin() + static_cast<std::ptrdiff_t>((record + 1) * size),
            together.sensitivities.begin() +
                static_cast<std::ptrdiff_t>((record * idx(count) + idx(k)) * size)));
    }
  }
}

TEST_CASE("directions that do not fit are refused before any work") {
  const model::Program program = kinetics();
  const model::Program of_plasma = blood();
  auto refused = [&](auto change) {
    Case wrong;
    wrong.problem.directions.count = 2;
    std::vector<double> tangents(64, 1.0);
    change(wrong, tangents);
    CHECK_THROWS_AS(wrong.run(program, of_plasma), InvalidInput);
  };
  refused([](Case& c, std::vector<double>& v) {
    c.problem.directions.parameters = std::span(v).first(5);
  });
  refused([](Case& c, std::vector<double>& v) {
    v[3] = std::nan("");
    c.problem.directions.parameters = std::span(v).first(6);
  });
  refused([](Case& c, std::vector<double>& v) {
    c.problem.directions.dose_amounts = std::span(v).first(2);
  });
  refused([](Case& c, std::vector<double>& v) {
    c.diffusivity[1] = 0.0;
    c.problem.directions.diffusivity = std::span(v).first(4 * num_cells);
  });
  refused([](Case& c, std::vector<double>&) { c.problem.directions.count = -1; });
}
