// Limits on threads: affinity and control-group quota (Linux).
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/thread_limits.hpp>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace krogh {
namespace {

int processors() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

#if defined(__linux__)
/// Processors that quota / period come to; infinite for a negative or unreadable quota.
double share(double quota, double period) {
  return quota > 0.0 && period > 0.0 ? quota / period : std::numeric_limits<double>::infinity();
}

double version_two(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0.0;
  if (!(file >> quota >> period) || quota == "max") return share(-1.0, 1.0);
  return share(std::strtod(quota.c_str(), nullptr), period);
}

double version_one(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  double quota = -1.0;
  double period = 0.0;
  if (!(quota_file >> quota) || !(period_file >> period)) return share(-1.0, 1.0);
  return share(quota, period);
}

/// Smallest quota of the group and of all groups above it (Linux kernel documentation,
/// admin-guide/cgroup-v2, "cpu.max", and scheduler/sched-bwc).
int control_group_quota() {
  double smallest = std::numeric_limits<double>::infinity();
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers(1, ',');
    controllers.append(line, first + 1, second - first - 1).push_back(',');
    const bool is_second_version = controllers == ",,";
    if (!is_second_version && controllers.find(",cpu,") == std::string::npos) continue;
    std::string path = line.substr(second + 1);
    while (true) {
      if (path == "/") path.clear();
      smallest = std::min(smallest, is_second_version ? version_two("/sys/fs/cgroup" + path)
                                                      : version_one("/sys/fs/cgroup/cpu" + path));
      const auto slash = path.rfind('/');
      if (path.empty() || slash == std::string::npos) break;
      path.erase(slash);
    }
  }
  if (!std::isfinite(smallest) || smallest > 1e6) return 0;
  return std::max(1, static_cast<int>(std::ceil(smallest)));
}
#else
int control_group_quota() { return 0; }
#endif

}  // namespace

int ThreadLimits::smallest() const {
  const int least = std::max(1, processors);
  return cgroup > 0 ? std::min(least, cgroup) : least;
}

ThreadLimits thread_limits() {
  static const int quota = control_group_quota();
  return {.processors = processors(), .cgroup = quota};
}

}  // namespace krogh
