// Engines on threads: all take from one queue, one of them listens to the caller.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/engine_threads.hpp"

#include <thread>

#include <krogh/base/parallel.hpp>

namespace krogh::simulate {

void run_engines(int num_threads, std::atomic<bool>& stop, const std::function<bool()>& report,
                 const std::function<void(const std::function<bool()>&)>& work) {
  std::atomic<int> working{0};  // who has not begun when the queue is empty has nothing to do
  parallel_run(num_threads, [&](int thread) {
    struct Presence {
      std::atomic<int>& count;
      explicit Presence(std::atomic<int>& c) : count(c) { ++count; }
      ~Presence() { --count; }
      Presence(const Presence&) = delete;
      Presence& operator=(const Presence&) = delete;
    };
    try {
      {
        const Presence presence(working);
        work(thread == 0 ? report : std::function<bool()>());
      }
      while (thread == 0 && working.load() > 0 && !stop.load()) {
        if (!report()) stop.store(true);
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    } catch (...) {  // an interrupt, for instance: nobody goes on alone
      stop.store(true);
      throw;
    }
  });
}

}  // namespace krogh::simulate
