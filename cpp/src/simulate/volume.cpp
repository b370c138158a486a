// Volume solver: checks, threads, progress.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/volume.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include <krogh/base/parallel.hpp>

#include "simulate/volume_checks.hpp"
#include "simulate/volume_engine.hpp"

namespace krogh::simulate {

VolumeResult simulate_volume(const model::Program& program, const VolumeProblem& problem,
                             const VolumeOptions& options, const VolumeOutput& output,
                             const RunControl& control) {
  space::VoxelGrid grid = space::make_voxels(problem.faces);
  validate_volume_problem(program, problem, grid);
  validate_volume_options(program, problem, options, output, grid.num_voxels());
  for (const std::span<double> out : {output.values, output.contents, output.exchanged,
                                      output.entered, output.plasma, output.fed})
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
  VolumeEngine engine(program, problem, options, output, std::move(grid));
  constexpr std::int64_t parts = 1000;  // of the time that is simulated
  const auto start = std::chrono::steady_clock::now();
  const std::function<bool()> report = [&]() -> bool {
    if (!control.keep_going) return true;
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto done =
        static_cast<std::int64_t>(std::floor(engine.progress() * static_cast<double>(parts)));
    return control.keep_going({.done = done, .total = parts, .elapsed_seconds = elapsed});
  };
  run_team(granted_threads(control.num_threads),
           [&](Team& team, int member) { engine.run(team, member, report); });
  return engine.result();
}

}  // namespace krogh::simulate
