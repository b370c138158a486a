// The tapes of a model made ready to run on blocks of a number of lanes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include <krogh/base/isa.hpp>
#include <krogh/model/program.hpp>

#include "expr/native_code.hpp"
#include "model/tangent_program.hpp"

namespace krogh::model {

/// Tapes of a program and, where there are directions, of its derivatives. The values of the stages
/// of a step stand behind all other registers: `num_stages` regions of one row per state each.
struct NativeTapes {
  NativeTapes(const Program& program, const TangentProgram* tangents, int lanes, int num_stages);

  expr::NativeTape prologue, initial, rhs, rhs_jacobian, solve, outputs, surfaces;
  std::vector<expr::NativeTape> stages;  ///< the first factorizes and solves, the others solve
  expr::NativeTape tangent_prologue, first_order, second_order, tangent_outputs, crossings;

 private:
  std::vector<std::vector<expr::Instruction>> stage_tapes_;
};

/// Tapes made so far, by lanes, number of stages and instruction set; safe to share by threads.
class NativeCache {
 public:
  const NativeTapes& get(const Program& program, int lanes, int num_stages);

 private:
  std::mutex mutex_;
  std::map<std::tuple<int, int, InstructionSet>, std::unique_ptr<NativeTapes>> made_;
};

}  // namespace krogh::model
