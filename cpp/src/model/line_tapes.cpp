// The tapes of a model along a line as native code.
// SPDX-License-Identifier: BSD-3-Clause
#include "model/line_tapes.hpp"

namespace krogh::model {

LineTapes::LineTapes(const Program& program, const LineProgram& of_line, int of_width)
    : line(of_line),
      native(program.native_cache().get(program, of_width, 0)),
      width(of_width),
      y_row(of_line.num_registers) {
  const int n = program.num_states();
  const expr::RegisterRange temporaries{static_cast<std::uint32_t>(line.first_temporary),
                                        static_cast<std::uint32_t>(line.num_registers)};
  auto ready = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(program.view(tape), width, temporaries);
  };
  prologue = ready(line.prologue);
  first = ready(line.first);
  again = ready(line.again);
  stage = ready(line.stage);
  for (std::size_t s = 0; s < 4; ++s) {
    stage_rows[s] = line.num_registers + static_cast<int>(s + 1) * n;
    expand_code_[s] = expr::moved(line.expand, line.solution, n, stage_rows[s]);
    expand[s] = ready(expand_code_[s]);
  }
  file_rows = line.num_registers + 5 * n;
}

LineTangentTapes::LineTangentTapes(const Program& model, const LineTapes& line,
                                   const std::vector<std::int32_t>& parameters, int num_slots)
    : program(model, line.line, integrate::ros34pw2(), parameters, num_slots, line.y_row,
              line.stage_rows[0], line.file_rows) {
  const expr::RegisterRange temporaries{static_cast<std::uint32_t>(program.first_temporary),
                                        static_cast<std::uint32_t>(program.num_registers)};
  auto ready = [&](const std::vector<expr::Instruction>& tape) {
    return expr::NativeTape(model.view(tape), line.width, temporaries);
  };
  auto ready_all = [&](const std::vector<std::vector<expr::Instruction>>& tapes) {
    std::vector<expr::NativeTape> made;
    for (const auto& tape : tapes) made.push_back(ready(tape));
    return made;
  };
  prologue = ready(program.prologue);
  start_entries = ready(program.start_entries);
  for (std::size_t i = 0; i < 4; ++i) {
    curvatures[i] = ready(program.curvatures[i]);
    entries[i] = ready(program.entries[i]);
  }
  linear = ready_all(program.linear);
  begin = ready_all(program.begin);
  for (std::size_t i = 0; i < 3; ++i) advance[i] = ready_all(program.advance[i]);
  end = ready_all(program.end);
}

const LineProgram& LineCache::program_locked(const Program& program,
                                             const std::vector<std::int32_t>& kept) {
  auto& made = programs_[kept];
  if (!made) made = std::make_unique<const LineProgram>(program, kept);
  return *made;
}

const LineProgram& LineCache::program(const Program& program,
                                      const std::vector<std::int32_t>& kept) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return program_locked(program, kept);
}

const LineTapes& LineCache::tapes(const Program& program, const std::vector<std::int32_t>& kept,
                                  int width) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& made = tapes_[{kept, width, selected_instruction_set()}];
  if (!made)
    made = std::make_unique<const LineTapes>(program, program_locked(program, kept), width);
  return *made;
}

const LineTangentTapes& LineCache::tangents(const Program& program,
                                            const std::vector<std::int32_t>& kept, int width,
                                            const std::vector<std::int32_t>& parameters,
                                            int num_slots) {
  const LineTapes& line = tapes(program, kept, width);
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& made = tangents_[{kept, width, parameters, num_slots, selected_instruction_set()}];
  if (!made) made = std::make_unique<const LineTangentTapes>(program, line, parameters, num_slots);
  return *made;
}

}  // namespace krogh::model
