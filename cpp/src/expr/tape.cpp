// Tape compiler: depth-first emission, fusion of products into sums, register reuse.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/expr/tape.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <krogh/base/errors.hpp>
#include <krogh/base/isa.hpp>

#include "expr/tape_kernel.hpp"

namespace krogh::expr {
namespace {

/// State of one compilation. Registers of temporaries return to `free_` when their last use is
/// past.
class Compiler {
 public:
  Compiler(const Graph& graph, const RegisterMap& available, std::uint32_t first_temporary)
      : graph_(graph), available_(available), next_(first_temporary) {}

  std::vector<Instruction> run(std::span<const TapeRoot> roots, std::uint32_t& high_water) {
    count_uses(roots);
    for (const TapeRoot& root : roots) targets_.try_emplace(root.node, root.target);
    for (const TapeRoot& root : roots) emit_below(root.node);
    for (const TapeRoot& root : roots)
      if (register_of(root.node) != root.target)
        code_.push_back({.code = static_cast<std::uint32_t>(Code::copy),
                         .target = root.target,
                         .a = register_of(root.node)});
    high_water = std::max(high_water, next_);
    return std::move(code_);
  }

 private:
  bool is_available(NodeId id) const { return available_.contains(id); }
  bool is_root(NodeId id) const { return targets_.contains(id); }

  void count_uses(std::span<const TapeRoot> roots) {
    std::vector<NodeId> stack;
    for (const TapeRoot& root : roots) {
      ++uses_[root.node];  // a root is never freed
      stack.push_back(root.node);
    }
    std::unordered_map<NodeId, bool> visited;
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      if (is_available(id) || visited[id]) continue;
      visited[id] = true;
      const Node& n = graph_.node(id);
      for (NodeId operand : {n.a, n.b, n.c})
        if (operand != no_node) {
          ++uses_[operand];
          stack.push_back(operand);
        }
    }
  }

  /// The product under a sum that can be fused into it: used once and not needed by itself.
  bool is_fusible(NodeId id) const {
    return id != no_node && graph_.node(id).op == Op::mul && !is_available(id) && !is_root(id) &&
           uses_.at(id) == 1 && !registers_.contains(id);
  }

  struct Fused {
    std::uint32_t code;
    std::array<NodeId, 3> operands;
  };

  Fused operands_of(NodeId id) const {
    const Node& n = graph_.node(id);
    auto fused = [this](Code code, NodeId product, NodeId other) {
      const Node& p = graph_.node(product);
      return Fused{static_cast<std::uint32_t>(code), {p.a, p.b, other}};
    };
    if (n.op == Op::add && is_fusible(n.b)) return fused(Code::multiply_add, n.b, n.a);
    if (n.op == Op::add && is_fusible(n.a)) return fused(Code::multiply_add, n.a, n.b);
    if (n.op == Op::sub && is_fusible(n.b)) return fused(Code::negative_multiply_add, n.b, n.a);
    if (n.op == Op::sub && is_fusible(n.a)) return fused(Code::multiply_subtract, n.a, n.b);
    return {static_cast<std::uint32_t>(n.op), {n.a, n.b, n.c}};
  }

  void emit_below(NodeId root) {
    std::vector<NodeId> stack{root};
    while (!stack.empty()) {
      const NodeId id = stack.back();
      if (is_available(id) || registers_.contains(id)) {
        stack.pop_back();
        continue;
      }
      const Fused shape = operands_of(id);
      bool ready = true;
      for (auto it = shape.operands.rbegin(); it != shape.operands.rend(); ++it)
        if (*it != no_node && !is_available(*it) && !registers_.contains(*it)) {
          stack.push_back(*it);
          ready = false;
        }
      if (!ready) continue;
      stack.pop_back();
      emit(id, shape);
    }
  }

  void emit(NodeId id, const Fused& shape) {
    const Node& n = graph_.node(id);
    if (arity(n.op) == 0)
      throw InvalidInput("tape needs a value for symbol '" + std::string(name_of(n.op)) + " " +
                         std::to_string(n.index) + "' that is not available");
    Instruction instruction{.code = shape.code};
    std::array<std::uint32_t, 3> sources{};
    for (std::size_t k = 0; k < 3; ++k)
      if (shape.operands[k] != no_node) sources[k] = register_of(shape.operands[k]);
    for (NodeId operand : shape.operands)
      if (operand != no_node) release(operand);
    const auto target = targets_.find(id);
    instruction.target = target != targets_.end() ? target->second : allocate();
    instruction.a = sources[0];
    instruction.b = sources[1];
    instruction.c = (n.op == Op::lookup || n.op == Op::lookup_slope)
                        ? static_cast<std::uint32_t>(n.index)
                        : sources[2];
    registers_.emplace(id, instruction.target);
    code_.push_back(instruction);
  }

  std::uint32_t register_of(NodeId id) const {
    const auto it = available_.find(id);
    return it != available_.end() ? it->second : registers_.at(id);
  }

  void release(NodeId id) {
    if (is_available(id)) return;
    if (--uses_[id] == 0 && !is_root(id)) free_.push_back(registers_.at(id));
  }

  std::uint32_t allocate() {
    if (!free_.empty()) {
      const std::uint32_t r = free_.back();
      free_.pop_back();
      return r;
    }
    return next_++;
  }

  const Graph& graph_;
  const RegisterMap& available_;
  std::uint32_t next_;
  std::unordered_map<NodeId, int> uses_;
  std::unordered_map<NodeId, std::uint32_t> targets_;
  std::unordered_map<NodeId, std::uint32_t> registers_;
  std::vector<std::uint32_t> free_;
  std::vector<Instruction> code_;
};

}  // namespace

std::vector<Instruction> compile_tape(const Graph& graph, std::span<const TapeRoot> roots,
                                      const RegisterMap& available, std::uint32_t first_temporary,
                                      std::uint32_t& high_water) {
  return Compiler(graph, available, first_temporary).run(roots, high_water);
}

std::vector<Instruction> moved(std::vector<Instruction> tape, std::int32_t first,
                               std::int32_t count, std::int32_t to) {
  auto move = [=](std::uint32_t& r) {
    const auto offset = static_cast<std::int64_t>(r) - first;
    if (offset >= 0 && offset < count) r = static_cast<std::uint32_t>(to + offset);
  };
  for (Instruction& instruction : tape) {
    const bool has_table = instruction.code == static_cast<std::uint32_t>(Op::lookup) ||
                           instruction.code == static_cast<std::uint32_t>(Op::lookup_slope);
    for (std::uint32_t* r : {&instruction.target, &instruction.a, &instruction.b}) move(*r);
    if (!has_table) move(instruction.c);
  }
  return tape;
}

void run_tape(const TapeView& tape, double* registers, int lanes) {
  KROGH_DISPATCH(tape_run)(tape, registers, lanes);
}

std::int32_t first_failure(const TapeView& tape, double* registers, int lanes, int lane) {
  auto value = [&](std::uint32_t r) {
    return registers[static_cast<std::size_t>(r) * static_cast<std::size_t>(lanes) +
                     static_cast<std::size_t>(lane)];
  };
  for (std::int32_t i = 0; i < tape.size; ++i) {
    const Instruction& ins = tape.code[i];
    double operands[3] = {value(ins.a), 0.0, 0.0};
    const bool is_fused = ins.code >= static_cast<std::uint32_t>(Code::multiply_add);
    const int count = is_fused ? 3 : ins.code >= 64 ? 1 : arity(static_cast<Op>(ins.code));
    if (count > 1) operands[1] = value(ins.b);
    if (count > 2) operands[2] = value(ins.c);
    run_tape({.code = &ins, .size = 1, .tables = tape.tables}, registers, lanes);
    const bool finite_in =
        std::isfinite(operands[0]) && std::isfinite(operands[1]) && std::isfinite(operands[2]);
    if (finite_in && !std::isfinite(value(ins.target))) return i;
  }
  return -1;
}

}  // namespace krogh::expr
