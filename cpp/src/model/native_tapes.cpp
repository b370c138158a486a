// Tapes of a model as native code, made once per shape of block.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/native_tapes.hpp"

namespace krogh::model {

NativeTapes::NativeTapes(const Program& program, const TangentProgram* tangents, int lanes,
                         int num_stages) {
  const RegisterLayout& layout = program.layout();
  const ModelTapes& tapes = program.tapes();
  const int n = program.num_states();
  const expr::RegisterRange temporaries{static_cast<std::uint32_t>(layout.first_temporary),
                                        static_cast<std::uint32_t>(layout.count)};
  auto ready = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(program.view(tape), lanes, temporaries);
  };
  prologue = ready(tapes.prologue);
  initial = ready(tapes.initial);
  rhs = ready(tapes.rhs);
  rhs_jacobian = ready(tapes.rhs_jacobian);
  solve = ready(tapes.solve);
  outputs = ready(tapes.outputs);
  surfaces = ready(tapes.surfaces);
  const int first_stage = tangents != nullptr ? tangents->num_registers : layout.count;
  for (int s = 0; s < num_stages; ++s)
    stage_tapes_.push_back(
        expr::moved(s == 0 ? tapes.factor : tapes.stage, layout.solution, n, first_stage + s * n));
  for (const auto& tape : stage_tapes_) stages.push_back(ready(tape));
  if (tangents == nullptr) return;
  const expr::RegisterRange tangent_temporaries{
      static_cast<std::uint32_t>(tangents->first_temporary),
      static_cast<std::uint32_t>(tangents->num_registers)};
  auto ready_tangent = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(program.view(tape), lanes, tangent_temporaries);
  };
  tangent_prologue = ready_tangent(tangents->prologue);
  first_order = ready_tangent(tangents->first_order);
  second_order = ready_tangent(tangents->second_order);
  tangent_outputs = ready_tangent(tangents->outputs);
  crossings = ready_tangent(tangents->crossings);
}

const NativeTapes& NativeCache::get(const Program& program, int lanes, int num_stages) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& made = made_[{lanes, num_stages, selected_instruction_set()}];
  if (!made) made = std::make_unique<NativeTapes>(program, nullptr, lanes, num_stages);
  return *made;
}

}  // namespace krogh::model
