// Steppers through the point solver: agreement of all methods, counters, stops, bits, allocations.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/model/builder.hpp>

#include "point_kit.hpp"

using namespace krogh;
using namespace krogh_tests;
using model::ModelBuilder;
using model::Program;

namespace {

std::atomic<std::int64_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Every allocation of the test program is counted, those of the library included.
void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t a) {
  return counted(size, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t size, std::align_val_t a) {
  return counted(size, static_cast<std::size_t>(a));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return counted(size, alignof(std::max_align_t));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace {

constexpr Method all_methods[] = {Method::rodas4, Method::rodas5p, Method::ros34pw2,
                                  Method::explicit5, Method::rkc2};

/// Binding of a drug to a receptor; `speed` sets how stiff it is.
Program binding() {
  ModelBuilder m;
  const auto ka = m.parameter("ka", 0.3), ke = m.parameter("ke", 0.1);
  const auto speed = m.parameter("speed", 5.0);
  const auto a = m.state("A"), c = m.state("C"), r = m.state("R", 2.0), b = m.state("B");
  const auto bound = speed * (c * r - 0.1 * b);
  m.rate(a, -ka * a);
  m.rate(c, ka * a - ke * c - bound);
  m.rate(r, 0.2 - 0.1 * r - bound);
  m.rate(b, bound - 0.2 * b);
  m.output("C", c);
  m.output("B", b);
  return m.compile();
}

std::vector<Record> three_doses() {
  std::vector<Record> records;
  for (int day = 0; day < 36; ++day) {
    if (day % 12 == 0) records.push_back(bolus(day, 0, 10.0));
    records.push_back(observe(day + 0.7));
  }
  return records;
}

std::vector<double> population(int subjects, double speed) {
  std::vector<double> parameters;
  for (int s = 0; s < subjects; ++s)
    for (const double value : {0.3 + 0.01 * s, 0.1 + 0.003 * s, speed * (1.0 + 0.02 * s)})
      parameters.push_back(value);
  return parameters;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("all methods agree within their tolerances") {
  const Program program = binding();
  const auto parameters = population(5, 3.0);
  PointOptions tight;
  tight.method = Method::rodas5p;
  tight.rtol = 1e-11;
  const Run exact = run(program, parameters, three_doses(), tight);
  for (const Method method : all_methods) {
    CAPTURE(static_cast<int>(method));
    PointOptions options;
    options.method = method;
    options.rtol = method == Method::rkc2 ? 1e-8 : 1e-7;
    const Run found = run(program, parameters, three_doses(), options);
    CHECK(found.result.method == method);
    for (const Method each : found.result.methods) CHECK(each == method);
    double largest = 0.0;
    for (std::size_t k = 0; k < exact.values.size(); ++k)
      largest = std::max(largest, std::abs(found.values[k] - exact.values[k]));
    CHECK(largest < 3e-5);
    CHECK(largest > 0.0);
  }
}

TEST_CASE("bits do not depend on lanes, threads or company, for any method") {
  const Program program = binding();
  const auto parameters = population(70, 3.0);
  for (const Method method : all_methods) {
    CAPTURE(static_cast<int>(method));
    PointOptions options;
    options.method = method;
    options.rtol = 1e-5;
    options.sensitivities = {{Direction::Kind::parameter, 2}, {Direction::Kind::amount, 1}};
    options.windows = {{0.0, 12.0}, {12.0, 36.0}};
    options.lanes = 8;
    const Run first = run(program, parameters, three_doses(), options);
    for (const int lanes : {16, 32})
      for (const int threads : {1, 3}) {
        options.lanes = lanes;
        const Run second = run(program, parameters, three_doses(), options,
                               {.num_threads = threads, .keep_going = {}});
        CHECK(same_bits(first.values, second.values));
        CHECK(same_bits(first.sensitivities, second.sensitivities));
        CHECK(same_bits(first.metrics, second.metrics));
      }
    const Run alone =
        run(program, {parameters.end() - 3, parameters.end()}, three_doses(), options);
    CHECK(std::equal(alone.values.begin(), alone.values.end(),
                     first.values.end() - static_cast<std::ptrdiff_t>(alone.values.size())));
  }
}

TEST_CASE("a step allocates nothing") {
  // The hook is called every few iterations of the step loop; between two calls of one long
  // stretch without records nothing may be allocated. Refilling lanes and events may.
  ModelBuilder m;
  const auto w = m.parameter("w", 3.0);
  const auto x = m.state("x", 1.0), y = m.state("y");
  m.rate(x, w * y);
  m.rate(y, -w * x * (1.0 + 0.1 * x * x));
  m.output("x", x);
  const Program program = m.compile();
  std::vector<Record> records;
  for (int k = 0; k <= 400; ++k) records.push_back(observe(k * 0.5));
  std::vector<double> parameters;
  for (int s = 0; s < 32; ++s) parameters.push_back(3.0 + 0.001 * s);
  for (const Method method : all_methods)
    for (const bool has_extras : {false, true}) {
      CAPTURE(static_cast<int>(method));
      CAPTURE(has_extras);
      PointOptions options;
      options.method = method;
      options.rtol = method == Method::rkc2 ? 1e-4 : 1e-8;
      if (has_extras) {
        options.sensitivities = {{Direction::Kind::parameter, 0}};
        options.windows = {{0.0, 200.0}};
        options.thresholds = {0.5};
      }
      std::int64_t before = -1;
      std::int64_t calls = 0;
      std::int64_t quiet = 0;
      const RunControl control{.num_threads = 1, .keep_going = [&](const Progress& progress) {
                                 const std::int64_t now = allocations.load();
                                 // The first stretch starts the lanes, the last ones finish them.
                                 if (calls >= 1 && progress.done == 0) {
                                   CHECK(now == before);
                                   ++quiet;
                                 }
                                 ++calls;
                                 before = allocations.load();
                                 return true;
                               }};
      const Run found = run(program, parameters, records, options, control);
      CHECK(found.result.status.front() == Status::success);
      CHECK(quiet >= 3);
    }
}

TEST_CASE("the hook can stop a run, and what it throws arrives") {
  const Program program = binding();
  std::vector<Record> records{bolus(0.0, 0, 10.0), observe(1e6)};
  for (int threads : {1, 2}) {
    PointOptions options;
    options.method = Method::explicit5;
    options.max_steps = 1'000'000'000'000;
    const auto parameters = population(200, 1e4);
    const auto start = std::chrono::steady_clock::now();
    auto elapsed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    const Run stopped = run(
        program, parameters, records, options,
        {.num_threads = threads, .keep_going = [&](const Progress&) { return elapsed() < 0.05; }});
    CHECK(elapsed() < 5.0);
    CHECK(stopped.result.status.front() == Status::stopped);
    CHECK(std::isnan(stopped.values.front()));
    const RunControl throwing{.num_threads = threads, .keep_going = [](const Progress&) -> bool {
                                throw std::runtime_error("enough");
                              }};
    CHECK_THROWS_WITH(run(program, parameters, records, options, throwing), "enough");
  }
}

TEST_CASE("a method that is not up to the problem says so and never changes to another") {
  const Program program = binding();
  PointOptions options;
  options.method = Method::explicit5;
  options.max_steps = 2000;
  const Run found = run(program, population(1, 1e5), three_doses(), options);
  CHECK(found.result.status.front() == Status::max_steps_reached);
  CHECK(found.result.methods.front() == Method::explicit5);
  CHECK(found.result.stats.front().switches == 0);
  REQUIRE(found.result.failures.size() == 1);
  CHECK(found.result.failures.front().time < 36.0);
  options.method = Method::automatic;
  const Run chosen = run(program, population(1, 1e5), three_doses(), options);
  CHECK(chosen.result.status.front() == Status::success);
  CHECK(chosen.result.methods.front() == Method::rodas5p);
}

TEST_CASE("starts, tiny and huge scales of time") {
  // y' = -k y over 30 time constants, for time constants far apart; no step of zero length, no
  // endless rejection, relative accuracy kept while y is above the absolute tolerance.
  ModelBuilder m;
  const auto k = m.parameter("k", 1.0);
  const auto y = m.state("y", 1.0), z = m.state("z");
  m.rate(y, -k * y * (1.0 + 0.0 * z));
  m.rate(z, k * y * y);
  m.output("y", y);
  const Program program = m.compile();
  for (const Method method : all_methods)
    for (const double rate : {1e-12, 1.0, 1e12}) {
      CAPTURE(static_cast<int>(method));
      CAPTURE(rate);
      PointOptions options;
      options.method = method;
      options.rtol = 1e-5;
      options.atol = {1e-20, 1e-20};
      const Run found =
          run(program, {rate}, {observe(0.0), observe(1.0 / rate), observe(30.0 / rate)}, options);
      REQUIRE(found.result.status.front() == Status::success);
      CHECK(found.values[0] == 1.0);
      CHECK(relative(found.values[1], std::exp(-1.0)) < 3e-4);
      CHECK(relative(found.values[2], std::exp(-30.0)) < 1e-2);
      CHECK(found.result.stats.front().accepted < 5000);
    }
}

TEST_CASE("steps that end outside the domain are rejected, not accepted as not finite") {
  // y' = -sqrt(y) - 1e-3 reaches zero with a slope; the exact solution ends there. Before, all
  // methods must keep away from negative arguments by shorter steps.
  ModelBuilder m;
  const auto k = m.parameter("k", 1.0);
  const auto y = m.state("y", 1.0);
  m.rate(y, -k * expr::sqrt(y));
  m.output("y", y);
  const Program program = m.compile();
  for (const Method method : {Method::rodas4, Method::rodas5p, Method::explicit5}) {
    CAPTURE(static_cast<int>(method));
    PointOptions options;
    options.method = method;
    options.rtol = 1e-6;
    const Run found = run(program, {1.0}, {observe(0.0), observe(1.9)}, options);
    REQUIRE(found.result.status.front() == Status::success);
    CHECK(found.values[1] == doctest::Approx(0.0025).epsilon(1e-3));
    const Run failed = run(program, {1.0}, {observe(0.0), observe(1.9), observe(5.0)}, options);
    CHECK(failed.result.status.front() != Status::success);
    CHECK(std::isnan(failed.values[1]));
    REQUIRE(failed.result.failures.size() == 1);
    CHECK(failed.result.failures.front().time == doctest::Approx(2.0).epsilon(0.05));
  }
}
