// Base: errors, aligned memory, threads on either backend, instruction sets.
// SPDX-License-Identifier: BSD-3-Clause
#include <atomic>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <krogh/base/aligned.hpp>
#include <krogh/base/errors.hpp>
#include <krogh/base/isa.hpp>
#include <krogh/base/parallel.hpp>
#include <krogh/base/thread_limits.hpp>
#include <krogh/base/version.hpp>

using namespace krogh;

TEST_CASE("every status has its own sentence") {
  std::set<std::string> sentences;
  for (int s = 0; s <= static_cast<int>(Status::steady_state_failed); ++s)
    sentences.insert(std::string(sentence(static_cast<Status>(s))));
  CHECK(sentences.size() == static_cast<std::size_t>(Status::steady_state_failed) + 1);
  CHECK(sentences.count("unknown status") == 0);
}

TEST_CASE("invalid input is an error of krogh and a runtime error") {
  try {
    throw InvalidInput("name, value, range");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "name, value, range");
  }
  CHECK_THROWS_AS(throw InvalidInput(""), std::runtime_error);
}

TEST_CASE("the version has three numbers") {
  int major = -1, minor = -1, patch = -1;
  CHECK(std::sscanf(KROGH_VERSION, "%d.%d.%d", &major, &minor, &patch) == 3);
}

TEST_CASE("aligned memory starts at zero on a cache line and moves without copies") {
  AlignedBuffer buffer(1001);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
  CHECK(buffer.size() == 1001);
  double sum = 0.0;
  for (std::size_t i = 0; i < buffer.size(); ++i) sum += buffer.data()[i] * buffer.data()[i];
  CHECK(sum == 0.0);
  buffer.data()[7] = 3.0;
  const double* const address = buffer.data();
  AlignedBuffer other(std::move(buffer));
  CHECK(other.data() == address);
  CHECK(other.data()[7] == 3.0);
  AlignedBuffer third;
  third = std::move(other);
  CHECK(third.data() == address);
  CHECK(AlignedBuffer(0).data() == nullptr);
}

TEST_CASE("each thread number runs exactly once, for any count") {
  for (int threads : {1, 2, 3, 7, 32}) {
    std::vector<std::atomic<int>> visits(static_cast<std::size_t>(threads));
    parallel_run(threads, [&](int thread) { ++visits[static_cast<std::size_t>(thread)]; });
    for (const auto& count : visits) CHECK(count == 1);
  }
}

TEST_CASE("the first exception reaches the caller with its type after all threads are done") {
  std::atomic<int> finished{0};
  CHECK_THROWS_AS(parallel_run(4,
                               [&](int thread) {
                                 if (thread == 2) throw std::out_of_range("thread two");
                                 ++finished;
                               }),
                  std::out_of_range);
  CHECK(finished == 3);
  CHECK_THROWS_AS(parallel_run(1, [](int) { throw std::bad_alloc(); }), std::bad_alloc);
  parallel_run(2, [&](int) { ++finished; });  // still usable afterwards
  CHECK(finished == 5);
}

TEST_CASE("a thread count below one is refused") {
  CHECK_THROWS_AS(parallel_run(0, [](int) {}), InvalidInput);
  CHECK_THROWS_AS(parallel_run(-3, [](int) {}), InvalidInput);
}

TEST_CASE("the calling thread takes part") {
  // Progress hooks rely on it: they run on the thread that called.
  thread_local int marker = 0;
  marker = 17;
  int seen = 0;
  parallel_run(2, [&](int thread) {
    if (thread == 0) seen = marker;
  });
  CHECK(seen == 17);
}

TEST_CASE("a request is granted as it is, and by default the smallest limit") {
  CHECK(granted_threads(5) == 5);
  CHECK(granted_threads(0) == thread_limits().smallest());
  CHECK(granted_threads(-1) == thread_limits().smallest());
  if (thread_backend() == "OpenMP") {
    std::vector<int> inside(2, 0);
    parallel_run(
        2, [&](int thread) { inside[static_cast<std::size_t>(thread)] = granted_threads(5); });
    CHECK(inside == std::vector<int>{1, 1});
  }
}

TEST_CASE("limits come from affinity and control group") {
  CHECK(ThreadLimits{.processors = 12, .cgroup = 0}.smallest() == 12);
  CHECK(ThreadLimits{.processors = 12, .cgroup = 3}.smallest() == 3);
  CHECK(ThreadLimits{.processors = 2, .cgroup = 3}.smallest() == 2);
  CHECK(ThreadLimits{.processors = 0, .cgroup = 0}.smallest() == 1);
  CHECK(thread_limits().processors >= 1);
}

TEST_CASE("the selected instruction set is available, and can be changed to any other that is") {
  const InstructionSet chosen = selected_instruction_set();
  CHECK(is_available(chosen));
  for (auto set : {InstructionSet::plain, InstructionSet::x86_v2, InstructionSet::x86_v3,
                   InstructionSet::x86_v4}) {
    if (is_available(set)) {
      select_instruction_set(set);
      CHECK(selected_instruction_set() == set);
    } else {
      CHECK_THROWS_AS(select_instruction_set(set), InvalidInput);
    }
  }
  select_instruction_set(chosen);
  CHECK(name_of(InstructionSet::x86_v3) == "x86-64-v3");
}
