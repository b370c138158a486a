// What a volume problem must be like.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/simulate/volume.hpp>

namespace krogh::simulate {

/// Mobile states that a volume may have.
inline constexpr int max_volume_mobile = 6;

/// @throws InvalidInput, with the argument's name and what was found.
void validate_volume_problem(const model::Program& program, const VolumeProblem& problem,
                             const space::VoxelGrid& grid);
void validate_volume_options(const model::Program& program, const VolumeProblem& problem,
                             const VolumeOptions& options, const VolumeOutput& output,
                             std::int64_t num_voxels);
void validate_volume_state(const model::Program& program, const VolumeProblem& problem,
                           const VolumeState& state, std::int64_t num_voxels);

}  // namespace krogh::simulate
