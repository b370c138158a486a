// Volume solver: checks, threads, progress.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/volume.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <krogh/base/parallel.hpp>

#include "simulate/volume_checks.hpp"
#include "simulate/volume_engine.hpp"

namespace krogh::simulate {

VolumeResult simulate_volume(const model::Program& program, const VolumeProblem& problem,
                             const VolumeOptions& options, const VolumeOutput& output,
                             const RunControl& control, const VolumeHooks& hooks) {
  space::VoxelGrid grid = space::make_voxels(problem.faces);
  validate_volume_problem(program, problem, grid);
  validate_volume_options(program, problem, options, output, grid.num_voxels());
  if (hooks.resume != nullptr)
    validate_volume_state(program, problem, *hooks.resume, grid.num_voxels());
  for (const std::span<double> out : {output.values, output.contents, output.exchanged,
                                      output.entered, output.plasma, output.fed})
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
  std::optional<VolumeEngine> engine;
  constexpr std::int64_t parts = 1000;  // of the time that is simulated
  const auto start = std::chrono::steady_clock::now();
  bool is_stopped = false;
  const std::function<bool()> report = [&]() -> bool {
    if (!control.keep_going || is_stopped) return !is_stopped;
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto done =
        engine
            ? static_cast<std::int64_t>(std::floor(engine->progress() * static_cast<double>(parts)))
            : 0;
    is_stopped = !control.keep_going({.done = done, .total = parts, .elapsed_seconds = elapsed});
    return !is_stopped;
  };
  try {
    engine.emplace(program, problem, options, output, hooks, report, std::move(grid));
  } catch (const SetupStopped&) {
    VolumeResult result;
    result.status = Status::stopped;
    result.time = problem.begin;
    result.num_threads = granted_threads(control.num_threads);
    return result;
  }
  run_team(granted_threads(control.num_threads),
           [&](Team& team, int member) { engine->run(team, member, report); });
  return engine->take_result();
}

}  // namespace krogh::simulate
