// Volume solver: conductances, regions, refusals, ledger, threads, hooks, failures by name.
// SPDX-License-Identifier: BSD-3-Clause
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include <krogh/base/errors.hpp>
#include <krogh/model/builder.hpp>
#include <krogh/simulate/volume.hpp>

using namespace krogh;
using simulate::VolumeOptions;
using simulate::VolumeOutput;
using simulate::VolumeProblem;
using simulate::VolumeResult;

namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

/// c + r <-> b with uptake; `grow` lets c explode where it is positive.
model::Program binding() {
  model::ModelBuilder m;
  const auto kon = m.parameter("kon", 1e-3);
  const auto grow = m.parameter("grow", 0.0);
  const auto c = m.state("c");
  const auto r = m.state("r", 100.0);
  const auto b = m.state("b");
  const auto bind = kon * c * r - 1e-4 * b;
  m.rate(c, -bind + grow * c * c);
  m.rate(r, -bind);
  m.rate(b, bind);
  return m.compile();
}

/// A box with a vessel in one corner and an open side; owns what the problem points to.
struct Box {
  std::vector<double> x{0, 5, 11, 20, 30, 42}, y{0, 10, 20, 30}, z{0, 8, 17};
  std::vector<std::uint8_t> regions = std::vector<std::uint8_t>(30, 0);
  std::vector<double> diffusivity{10.0, 3.0}, fraction{0.24, 0.4};
  std::vector<double> rates = std::vector<double>(30, 0.0), parameters{1e-3, 0.0};
  std::vector<double> decay{1e-5}, pulses{0.0}, amplitudes{200.0}, records{600.0, 86400.0};
  std::vector<double> fields;
  VolumeProblem problem;
  VolumeOptions options{.recorded = {0, 1, 2}};
  std::vector<double> values, contents, exchanged, entered, plasma;

  Box() {
    for (std::size_t k = 0; k < 30; k += 3) regions[k] = 1;
    rates[0] = 2e-3;
    simulate::VolumeMobile mobile{.state = 0};
    mobile.sides[1] = {.kind = space::SideKind::membrane, .permeability = 1e-3};
    mobile.inputs[1] = 0;
    problem.mobile = {mobile};
    problem.num_regions = 2;
    problem.exchange = {{.mobile = 0, .input = 0}};
    problem.num_inputs = problem.num_terms = 1;
  }

  VolumeResult run(const RunControl& control = {.num_threads = 1, .keep_going = {}},
                   const simulate::VolumeHooks& hooks = {}, bool one_record = false) {
    static const model::Program program = binding();
    problem.faces = {x, y, z};
    problem.regions = regions;
    problem.diffusivity = diffusivity;
    problem.fraction = fraction;
    problem.exchange_rates = rates;
    problem.parameters = parameters;
    problem.fields = fields;
    problem.rates = decay;
    problem.pulse_times = pulses;
    problem.pulse_amplitudes = amplitudes;
    problem.record_times = records;
    values.assign((one_record ? 1 : records.size()) * options.recorded.size() * 30, 0.0);
    contents.assign(records.size() * 3, 0.0);
    exchanged.assign(records.size() * problem.exchange.size(), 0.0);
    entered.assign(records.size() * problem.mobile.size() * 6, 0.0);
    const std::size_t blood =
        problem.plasma.program != nullptr ? idx(problem.plasma.program->num_states()) : 0;
    plasma.assign(records.size() * blood, 0.0);
    const VolumeOutput output{.values = values,
                              .contents = contents,
                              .exchanged = exchanged,
                              .entered = entered,
                              .plasma = plasma,
                              .one_record = one_record};
    return simulate_volume(program, problem, options, output, control, hooks);
  }
};

}  // namespace

TEST_CASE("faces conduct by the harmonic mean, walls in series, nothing passes to the outside") {
  const std::vector<double> x{0, 2, 6}, unit{0, 1}, d{4.0, 1.0}, eps{0.5, 0.25};
  const space::VoxelGrid grid = space::make_voxels({x, unit, unit});
  std::array<space::Side, 6> sides{};
  sides[0] = {.kind = space::SideKind::fixed};
  sides[1] = {.kind = space::SideKind::membrane, .permeability = 0.1};
  auto c = space::voxel_conductances(grid, {}, {d, d, d}, eps, sides);
  const double left = 1.0 / (4.0 * 0.5), right = 2.0 / (1.0 * 0.25);  // half resistances
  CHECK(c.faces[0][0] == 0.0);
  CHECK(c.faces[0][1] == doctest::Approx(1.0 / (left + right)));
  CHECK(c.sides[0] == std::vector<double>{1.0 / left});
  CHECK(c.sides[1][0] == doctest::Approx(1.0 / (10.0 + right)));
  CHECK(c.sides[2].empty());
  sides[0].kind = sides[1].kind = space::SideKind::periodic;
  c = space::voxel_conductances(grid, {}, {d, d, d}, eps, sides);
  CHECK(c.faces[0][0] == doctest::Approx(1.0 / (left + right)));
  const std::vector<char> inside{1, 0};
  c = space::voxel_conductances(grid, inside, {d, d, d}, eps, sides);
  CHECK(c.faces[0][0] == 0.0);
  CHECK(c.faces[0][1] == 0.0);
  const std::vector<space::VoxelConductances> all{c};
  CHECK(space::connected_regions(grid, inside, all) == std::vector<std::int32_t>{0, -1});
  CHECK(space::connected_regions(grid, {}, all) == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("a membrane stands between half voxels, and a flow is fitted to what it passes") {
  const std::vector<double> faces{0, 10, 20, 30, 40}, thin{0, 2};
  const space::VoxelGrid grid = space::make_voxels({faces, thin, thin});
  const std::vector<double> d(4, 5.0), eps(4, 0.4), retardation{1.0, 1.0, 1.0, 0.5};
  const std::vector<std::uint8_t> regions{0, 0, 1, 1};
  const std::vector<space::RegionMembrane> membranes{{1, 0, 0.02}};
  std::array<space::Side, 6> sides{};
  sides[0] = {.kind = space::SideKind::fixed};
  sides[1] = {.kind = space::SideKind::open};
  auto c = space::voxel_conductances(grid, {}, {d, d, d}, eps, sides, regions, membranes);
  const double area = 4.0, whole = area * 5.0 * 0.4 / 10.0;
  CHECK(c.faces[0][1] == doctest::Approx(whole));
  CHECK(c.faces[0][2] == doctest::Approx(area / (10.0 / 2.0 + 1.0 / 0.02)));
  CHECK(c.sides[1].front() == 0.0);

  const std::vector<double> along(5, 3.0), across(8, 0.0);
  space::add_flow(grid, {}, {along, across, across}, retardation, sides, regions, membranes, c);
  const double q = area * 3.0;
  CHECK(c.convection[0][1] == doctest::Approx(q));
  CHECK(c.convection[0][3] == doctest::Approx(0.75 * q));
  const double part = q / std::expm1(q / whole);
  CHECK(c.faces[0][1] == doctest::Approx(part));
  CHECK(c.correction[0][1] == 0.0F);  // nothing stands upstream of the first voxel
  CHECK(c.correction[0][2] == 0.0F);  // a membrane
  const double slow = 0.75 * q;
  CHECK(c.correction[0][3] ==
        doctest::Approx(slow - 2.0 * (whole - slow / std::expm1(slow / whole))).epsilon(1e-6));
  const double at_side = area * 5.0 * 0.4 / 5.0;
  CHECK(c.sides[0].front() - c.sides_out[0].front() == doctest::Approx(q));
  CHECK(c.sides_out[0].front() == doctest::Approx(q / std::expm1(q / at_side)));
  CHECK(c.sides[1].front() == 0.0);
  CHECK(c.sides_out[1].front() == doctest::Approx(0.5 * q));
}

TEST_CASE("what entered is what is there, and records repeat the recorded voxels") {
  Box box;
  const VolumeResult result = box.run();
  REQUIRE(result.status == Status::success);
  CHECK(result.num_connected == 1);
  for (std::size_t r = 0; r < 2; ++r) {
    double in = box.exchanged[r];
    for (std::size_t side = 0; side < 6; ++side) in += box.entered[r * 6 + side];
    const double there = box.contents[r * 3] + box.contents[r * 3 + 2];
    CHECK(there == doctest::Approx(in).epsilon(1e-12));
    CHECK(box.entered[r * 6] == 0.0);
    double sum = 0.0;
    for (std::int64_t k = 0; k < 30; ++k) {
      const std::int64_t i = k % 5, j = k / 5 % 3, l = k / 15;
      sum += (box.x[idx(i + 1)] - box.x[idx(i)]) * (box.y[idx(j + 1)] - box.y[idx(j)]) *
             (box.z[idx(l + 1)] - box.z[idx(l)]) *
             box.values[idx(static_cast<std::int64_t>(r) * 90 + k)];
    }
    CHECK(sum == doctest::Approx(box.contents[r * 3]).epsilon(1e-12));
  }
  CHECK(box.entered[7] > 0.0);
}

TEST_CASE("a plasma and two pieces of tissue keep the dose on any number of threads") {
  model::ModelBuilder m;
  const auto k = m.parameter("k", 1e-5);
  const auto a = m.state("a");
  const auto q = m.state("q");
  m.rate(a, -k * a + k * q);
  m.rate(q, k * a - k * q);
  const model::Program program = m.compile();
  Box box;
  for (std::size_t i = 0; i < 30; ++i)
    if (i % 5 == 2) box.regions[i] = space::outside_region;
  box.rates.assign(30, 1e-3);
  box.problem.mobile[0].sides = {};
  box.problem.exchange[0].input = -1;
  const std::vector<double> parameters{1e-5}, one{1.0}, uptake{1e-5}, times{0.0, 700.0};
  const std::vector<double> amounts{100.0, 50.0};
  const std::vector<std::int32_t> states{0, 1};
  const std::vector<simulate::DoseKind> kinds(2, simulate::DoseKind::bolus);
  box.problem.plasma = {.program = &program,
                        .parameters = parameters,
                        .initial = {},
                        .exchange = {{.exchange = 0, .state = 0}},
                        .outside_factor = one,
                        .uptake_factor = uptake,
                        .dose_times = times,
                        .dose_states = states,
                        .dose_amounts = amounts,
                        .dose_kinds = kinds};
  std::vector<double> expected;
  for (const int threads : {1, 3}) {
    const VolumeResult result = box.run({.num_threads = threads, .keep_going = {}});
    REQUIRE(result.status == Status::success);
    CHECK(result.num_connected == 2);
    for (std::size_t r = 0; r < 2; ++r) {
      const double tissue = 1e-5 * (box.contents[r * 3] + box.contents[r * 3 + 2]);
      const double total = tissue + box.plasma[2 * r] + box.plasma[2 * r + 1];
      CHECK(total == doctest::Approx(r == 0 ? 100.0 : 150.0).epsilon(1e-12));
      CHECK(tissue > 0.5);
    }
    if (threads == 1) expected = box.values;
  }
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK((box.values[i] == expected[i] || std::isnan(expected[i])));
}

TEST_CASE("values by region and by voxel, and any number of threads, give the same bits") {
  Box box;
  box.problem.field_parameters = {0};
  box.fields = {1e-3, 2e-3};
  REQUIRE(box.run().status == Status::success);
  const std::vector<double> expected = box.values;
  std::vector<double> d(30), eps(30), kon(30);
  for (std::size_t k = 0; k < 30; ++k) {
    d[k] = box.diffusivity[box.regions[k]];
    eps[k] = box.fraction[box.regions[k]];
    kon[k] = box.fields[box.regions[k]];
  }
  box.diffusivity = d;
  box.fraction = eps;
  box.fields = kon;
  REQUIRE(box.run({.num_threads = 3, .keep_going = {}}).status == Status::success);
  CHECK(box.values == expected);
}

TEST_CASE("a voxel that explodes is named, and a table input moves what stands outside") {
  Box box;
  box.problem.field_parameters = {1};
  box.fields.assign(30, 0.0);
  box.fields[17] = 1.0;
  const VolumeResult result = box.run();
  CHECK(result.status != Status::success);
  CHECK(result.state == 0);
  CHECK(result.voxel == 17);
  CHECK(result.time > 0.0);
  CHECK(std::isnan(box.values.back()));

  Box table;
  table.decay = table.amplitudes = table.pulses = {};
  table.problem.num_terms = 0;
  const std::vector<double> times{0.0, 100.0, 90000.0}, none{0.0, 0.0, 0.0}, some{0.0, 50.0, 0.0};
  table.problem.table_times = times;
  table.problem.table_values = none;
  REQUIRE(table.run().status == Status::success);
  CHECK(table.contents[0] == 0.0);
  table.problem.table_values = some;
  REQUIRE(table.run().status == Status::success);
  CHECK(table.contents[0] > 0.0);
}

TEST_CASE("the hook stops a run and its exception reaches the caller") {
  Box box;
  int calls = 0;
  const VolumeResult stopped =
      box.run({.num_threads = 2, .keep_going = [&](const Progress&) { return ++calls < 20; }});
  CHECK(stopped.status == Status::stopped);
  CHECK(calls == 20);
  CHECK_THROWS_AS(box.run({.num_threads = 2,
                           .keep_going = [](const Progress&) -> bool { throw Error("stop"); }}),
                  Error);
  box.options.max_steps = 3;
  CHECK(box.run().status == Status::max_steps_reached);
}

TEST_CASE("exchange that follows a state books what it brings, and a jump moves between states") {
  Box box;
  box.problem.exchange[0].factor_state = 1;  // receptors, which binding uses up
  const std::vector<double> times{300.0};
  box.problem.jump_times = times;
  box.problem.jump_states = {1, 2};
  int calls = 0;
  box.problem.jump = [&](std::int64_t number, std::span<double> values) {
    CHECK(number == 0);
    REQUIRE(values.size() == 60);
    for (std::size_t k = 0; k < 30; ++k) {
      values[k] += values[30 + k];
      values[30 + k] = 0.0;
    }
    ++calls;
  };
  const VolumeResult result = box.run();
  REQUIRE(result.status == Status::success);
  CHECK(calls == 1);
  // What was bound at the jump is free receptor now; receptors are kept.
  const double receptors = box.contents[1] + box.contents[2];
  CHECK(box.contents[4] + box.contents[5] == doctest::Approx(receptors).epsilon(1e-12));
  CHECK(receptors == doctest::Approx(100.0 * 42.0 * 30.0 * 17.0).epsilon(1e-12));
  Box steady;
  CHECK(steady.run().status == Status::success);
  CHECK(box.exchanged[0] > 5.0 * steady.exchanged[0]);  // a hundred times the rate, at first
  box.problem.jump = [](std::int64_t, std::span<double>) { throw std::runtime_error("no"); };
  CHECK_THROWS_AS(box.run(), std::runtime_error);
}

TEST_CASE("a run that goes on from any step gives the same bits, and a broken state is refused") {
  using simulate::VolumeHooks;
  using simulate::VolumeState;
  Box box;
  std::vector<VolumeState> states;
  std::vector<std::int64_t> heard;
  VolumeHooks hooks;
  hooks.keep_steps = 1;
  hooks.keep = [&](VolumeState&& s) { states.push_back(std::move(s)); };
  hooks.recorded = [&](std::int64_t record) { heard.push_back(record); };
  VolumeResult whole = box.run({.num_threads = 2, .keep_going = {}}, hooks);
  REQUIRE(whole.status == Status::success);
  CHECK(!whole.reached);
  CHECK(heard == std::vector<std::int64_t>{0, 1});
  REQUIRE(static_cast<std::int64_t>(states.size()) == whole.stats.accepted);
  const std::vector<double> contents = box.contents, entered = box.entered;
  const std::vector<double> last(box.values.end() - 90, box.values.end());
  for (std::size_t k = 0; k < states.size(); ++k) {
    Box again;
    VolumeHooks from;
    from.resume = &states[k];
    const int threads = 1 + static_cast<int>(k % 3);
    const VolumeResult result =
        again.run({.num_threads = threads, .keep_going = {}}, from, k % 2 == 0);
    CHECK(result.status == Status::success);
    CHECK(result.stats.accepted == whole.stats.accepted);
    CHECK(result.stats.linear_iterations == whole.stats.linear_iterations);
    if (states[k].next_record == 2) {  // nothing is left to record
      CHECK(std::isnan(again.contents.back()));
      continue;
    }
    CHECK(std::vector<double>(again.values.end() - 90, again.values.end()) == last);
    CHECK(std::vector<double>(again.contents.end() - 3, again.contents.end()) ==
          std::vector<double>(contents.end() - 3, contents.end()));
    CHECK(std::vector<double>(again.entered.end() - 6, again.entered.end()) ==
          std::vector<double>(entered.end() - 6, entered.end()));
  }

  auto refused = [&](const auto& spoil, const char* name) {
    VolumeState state = states[2];
    spoil(state);
    VolumeHooks from;
    from.resume = &state;
    try {
      box.run({.num_threads = 1, .keep_going = {}}, from);
    } catch (const InvalidInput& error) {
      CHECK(std::string(error.what()).find(name) != std::string::npos);
      return;
    }
    FAIL("accepted: " << name);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refused([](VolumeState& s) { s.voxels.pop_back(); }, "voxels");
  refused([&](VolumeState& s) { s.voxels[3] = nan; }, "voxels");
  refused([](VolumeState& s) { s.scale.clear(); }, "scale");
  refused([](VolumeState& s) { s.ledger.push_back(0.0); }, "ledger");
  refused([](VolumeState& s) { s.inputs.clear(); }, "inputs");
  refused([](VolumeState& s) { s.plasma.push_back(0.0); }, "plasma");
  refused([](VolumeState& s) { s.time = 1e9; }, "time");
  refused([&](VolumeState& s) { s.time = nan; }, "time");
  refused([](VolumeState& s) { s.step = 0.0; }, "step");
  refused([&](VolumeState& s) { s.stop_time = nan; }, "stop_time");
  refused([](VolumeState& s) { s.next_record = 3; }, "next_record");
  refused([](VolumeState& s) { s.next_record = -1; }, "next_record");
  refused([](VolumeState& s) { s.next_pulse = 2; }, "next_pulse");
  refused([](VolumeState& s) { s.next_dose = 1; }, "next_dose");
}

TEST_CASE("a run that is stopped anywhere hands over a state to go on from") {
  Box whole;
  REQUIRE(whole.run().status == Status::success);
  std::int64_t asked = 0;
  for (const std::int64_t limit : {1, 5, 20, 33, 50, 77, 120, 200}) {
    Box box;
    asked = 0;
    const VolumeResult first =
        box.run({.num_threads = 2, .keep_going = [&](const Progress&) { return ++asked < limit; }});
    REQUIRE(first.status == Status::stopped);
    CHECK(asked == limit);
    if (!first.reached) continue;  // before the first step
    simulate::VolumeHooks hooks;
    hooks.resume = &*first.reached;
    REQUIRE(box.run({.num_threads = 3, .keep_going = {}}, hooks).status == Status::success);
    CHECK(std::equal(whole.values.end() - 90, whole.values.end(), box.values.end() - 90));
  }
  CHECK(asked == 200);
}

TEST_CASE("arguments that make no sense are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto refused = [](const auto& spoil, const char* name) {
    Box box;
    spoil(box);
    try {
      box.run();
    } catch (const InvalidInput& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find(name) != std::string::npos);
      return;
    }
    FAIL("accepted: " << name);
  };
  refused([](Box& b) { b.x = {0.0}; }, "faces_x");
  refused([](Box& b) { b.y = {0, 10, 10, 30}; }, "faces_y");
  refused([&](Box& b) { b.z = {0, nan, 17}; }, "faces_z");
  refused([](Box& b) { b.regions[4] = 2; }, "regions");
  refused([](Box& b) { b.regions.assign(30, 255); }, "regions");
  refused([](Box& b) { b.regions.pop_back(); }, "regions");
  refused([](Box& b) { b.problem.num_regions = 0; }, "num_regions");
  refused([](Box& b) { b.problem.mobile.clear(); }, "mobile");
  refused([](Box& b) { b.problem.mobile[0].state = 3; }, "mobile");
  refused([](Box& b) { b.problem.mobile[0].inputs[1] = 1; }, "input");
  refused([](Box& b) { b.problem.mobile[0].sides[1].permeability = -1.0; }, "permeability");
  refused([](Box& b) { b.problem.mobile[0].sides[2].kind = space::SideKind::periodic; },
          "periodic");
  refused([](Box& b) { b.diffusivity[1] = -1.0; }, "diffusivity");
  refused([](Box& b) { b.diffusivity.push_back(1.0); }, "diffusivity");
  refused([](Box& b) { b.problem.axes = 2; }, "axes");
  refused([](Box& b) { b.fraction[0] = 0.0; }, "fraction");
  refused([](Box& b) { b.fraction[0] = 1.1; }, "fraction");
  refused([&](Box& b) { b.rates[7] = nan; }, "exchange_rates");
  refused([](Box& b) { b.problem.exchange[0].mobile = 1; }, "exchange");
  refused([](Box& b) { b.problem.exchange[0].input = 1; }, "exchange");
  refused([](Box& b) { b.parameters.pop_back(); }, "parameters");
  refused([](Box& b) { b.problem.field_parameters = {0}; }, "fields");
  refused([](Box& b) { b.problem.field_parameters = {2}; }, "field_parameters");
  refused([](Box& b) { b.problem.initial = b.rates; }, "initial");
  refused([](Box& b) { b.decay[0] = -1.0; }, "rates");
  refused([](Box& b) { b.amplitudes.push_back(1.0); }, "pulse_amplitudes");
  refused([](Box& b) { b.problem.table_values = b.rates; }, "table_values");
  refused([](Box& b) { b.records = {}; }, "record_times");
  refused([](Box& b) { b.records = {-1.0}; }, "record_times");
  refused([](Box& b) { b.options.rtol = 0.0; }, "rtol");
  refused([](Box& b) { b.options.linear_rtol = 1e-6; }, "linear_rtol");
  refused([](Box& b) { b.options.atol = {1.0}; }, "atol");
  refused([&](Box& b) { b.options.fixed_step = nan; }, "fixed_step");
  refused([](Box& b) { b.options.max_steps = 0; }, "max_steps");
  refused([](Box& b) { b.options.recorded = {1, 1}; }, "recorded");
  refused([](Box& b) { b.options.signed_states = {5}; }, "signed_states");
}

TEST_CASE("a payload that acts on nothing else is solved after what it comes from") {
  for (const bool acts_back : {false, true}) {
    model::ModelBuilder m;
    const auto c = m.state("c", 5.0);
    const auto b = m.state("b");
    const auto p = m.state("p");
    const auto bind = 1e-3 * c - 1e-4 * b;
    const auto leaves = 1e-4 * b;
    const auto back = acts_back ? 1e-5 * p : 0.0 * p;
    m.rate(c, back - bind);
    m.rate(b, bind - leaves);
    m.rate(p, leaves - back);
    const model::Program program = m.compile();
    Box box;
    std::vector<double> diffusivity{10.0, 3.0, 300.0, 100.0}, fraction{0.24, 0.4, 0.44, 0.44};
    box.problem.faces = {box.x, box.y, box.z};
    box.problem.regions = box.regions;
    box.problem.mobile = {{.state = 0}, {.state = 2}};
    box.problem.diffusivity = diffusivity;
    box.problem.fraction = fraction;
    box.problem.exchange.clear();
    box.problem.num_inputs = box.problem.num_terms = 0;
    box.problem.record_times = box.records;
    std::vector<double> start(90, 0.0);
    for (std::size_t k = 0; k < 30; ++k) start[k] = k < 15 ? 10.0 : 1.0;
    box.problem.initial = start;
    box.options = {.rtol = 1e-6, .linear_rtol = 1e-4, .recorded = {0, 1, 2}};
    box.options.atol = {1e-6, 1e-6, 1e-6};
    std::vector<double> values(180), contents(6), entered(24);
    const VolumeOutput output{.values = values, .contents = contents, .entered = entered};
    const VolumeResult result = simulate_volume(program, box.problem, box.options, output, {});
    REQUIRE(result.status == Status::success);
    const std::int64_t steps = result.stats.accepted + result.stats.rejected;
    CHECK(result.stats.linear_solves == (acts_back ? 4 : 8) * steps);
    double begun = 0.0;  // amounts at the begin
    for (std::size_t k = 0; k < 30; ++k) {
      const std::size_t i = k % 5, j = k / 5 % 3, l = k / 15;
      begun += start[k] * (box.x[i + 1] - box.x[i]) * (box.y[j + 1] - box.y[j]) *
               (box.z[l + 1] - box.z[l]);
    }
    for (std::size_t r = 0; r < 2; ++r) {
      const double there = contents[3 * r] + contents[3 * r + 1] + contents[3 * r + 2];
      CHECK(there == doctest::Approx(begun).epsilon(1e-12));
    }
    // The amounts follow the law without space, whichever way the voxels are coupled.
    double a[3] = {begun, 0.0, 0.0};
    constexpr int count = 60000;
    const double h = 600.0 / count;
    for (int step = 0; step < count; ++step) {
      const double bound = 1e-3 * a[0] - 1e-4 * a[1], left = 1e-4 * a[1];
      const double returned = acts_back ? 1e-5 * a[2] : 0.0;
      const double middle[3] = {a[0] + 0.5 * h * (returned - bound),
                                a[1] + 0.5 * h * (bound - left),
                                a[2] + 0.5 * h * (left - returned)};
      const double bound_m = 1e-3 * middle[0] - 1e-4 * middle[1], left_m = 1e-4 * middle[1];
      const double returned_m = acts_back ? 1e-5 * middle[2] : 0.0;
      a[0] += h * (returned_m - bound_m);
      a[1] += h * (bound_m - left_m);
      a[2] += h * (left_m - returned_m);
    }
    for (std::size_t i = 0; i < 3; ++i) CHECK(contents[i] == doctest::Approx(a[i]).epsilon(2e-5));
  }
}
