// Machine code for tapes: register allocation by farthest next use, then plain emission.
// SPDX-License-Identifier: BSD-3-Clause
#include "expr/native_code.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include <krogh/base/isa.hpp>

#include "expr/assembler.hpp"
#include "expr/executable_memory.hpp"

namespace krogh::expr {

class NativeTape::Memory : public ExecutableMemory {
 public:
  using ExecutableMemory::ExecutableMemory;
};

namespace {

constexpr std::int32_t never = std::numeric_limits<std::int32_t>::max();

constexpr std::uint32_t code_of(Op op) { return static_cast<std::uint32_t>(op); }
constexpr std::uint32_t code_of(Code code) { return static_cast<std::uint32_t>(code); }

bool is_fused(std::uint32_t code) {
  return code == code_of(Code::multiply_add) || code == code_of(Code::multiply_subtract) ||
         code == code_of(Code::negative_multiply_add);
}

bool has_three_operands(std::uint32_t code) {
  return is_fused(code) || code == code_of(Op::select) || code == code_of(Op::choose);
}

/// Instructions with a machine form.
bool is_native(std::uint32_t code) {
  if (is_fused(code) || code == code_of(Code::copy)) return true;
  switch (static_cast<Op>(code)) {
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::div:
    case Op::neg:
    case Op::min:
    case Op::max:
    case Op::abs:
    case Op::sqrt:
    case Op::pivot:
    case Op::select:
    case Op::choose: return true;
    default: return false;
  }
}

/// Tape registers that an instruction reads.
struct Sources {
  std::array<std::uint32_t, 3> numbers{};
  int count = 0;
};

Sources sources_of(const Instruction& ins) {
  Sources s{{ins.a, ins.b, ins.c}, 1};
  if (has_three_operands(ins.code)) {
    s.count = 3;
  } else if (ins.code < 64 && arity(static_cast<Op>(ins.code)) == 2) {
    s.count = 2;
  }
  return s;
}

/// Where every register is read and written along a tape.
class Liveness {
 public:
  explicit Liveness(const TapeView& tape) {
    for (std::int32_t i = 0; i < tape.size; ++i) {
      const Sources s = sources_of(tape.code[i]);
      for (int k = 0; k < s.count; ++k)
        events_[s.numbers[static_cast<std::size_t>(k)]].push_back({i, true});
      events_[tape.code[i].target].push_back({i, false});
    }
  }
  /// Next instruction after `i` that reads what register `r` holds once `i` is done, or never.
  std::int32_t next_read(std::uint32_t r, std::int32_t i) const {
    const auto it = events_.find(r);
    if (it == events_.end()) return never;
    for (const Event& e : it->second) {
      if (e.at <= i) continue;
      return e.is_read ? e.at : never;
    }
    return never;
  }

 private:
  struct Event {
    std::int32_t at;
    bool is_read;
  };
  std::unordered_map<std::uint32_t, std::vector<Event>> events_;
};

/// Emits one run of native instructions.
class SegmentEmitter {
 public:
  using Operand = Assembler::Operand;

  SegmentEmitter(Assembler& out, const TapeView& tape, const Liveness& liveness, int lanes,
                 RegisterRange temporaries, std::int32_t begin, std::int32_t end)
      : out_(out),
        tape_(tape),
        liveness_(liveness),
        lanes_(lanes),
        temporaries_(temporaries),
        begin_(begin),
        end_(end),
        holds_(static_cast<std::size_t>(out.num_registers()), nothing),
        dirty_(static_cast<std::size_t>(out.num_registers()), 0),
        pinned_(static_cast<std::size_t>(out.num_registers()), 0) {}

  void run() {
    reserve();
    const int groups = lanes_ / out_.elements();
    std::size_t loop = 0;
    if (groups > 1) {
      out_.append({0xb8});  // mov eax, groups
      out_.append_32(static_cast<std::uint32_t>(groups));
      loop = out_.size();
    }
    for (std::int32_t i = begin_; i < end_; ++i) emit(i);
    for (int v = 0; v < usable_; ++v)
      if (dirty_[at(v)] && liveness_.next_read(holds_[at(v)], end_ - 1) != never) store(v);
    if (groups > 1) {
      out_.append({0x48, 0x81, 0xc7});  // add rdi, bytes of a group
      out_.append_32(static_cast<std::uint32_t>(8 * out_.elements()));
      out_.append({0xff, 0xc8, 0x0f, 0x85});  // dec eax; jnz loop
      out_.append_32(static_cast<std::uint32_t>(loop - (out_.size() + 4)));
    }
    out_.append({0xc5, 0xf8, 0x77, 0xc3});  // vzeroupper; ret
  }

 private:
  static constexpr std::uint32_t nothing = std::numeric_limits<std::uint32_t>::max();
  static std::size_t at(int v) { return static_cast<std::size_t>(v); }

  /// Sets aside vector registers for intermediate results and, in the narrow form, constants.
  void reserve() {
    usable_ = out_.num_registers();
    bool needs_scratch = false;
    std::vector<double> constants;
    for (std::int32_t i = begin_; i < end_; ++i) {
      const std::uint32_t code = tape_.code[i].code;
      if (code == code_of(Op::neg)) constants.push_back(-0.0);
      if (code == code_of(Op::abs)) constants.push_back(abs_mask());
      if (code == code_of(Op::pivot)) {
        needs_scratch = true;
        for (double c : {abs_mask(), 1e-10, 1.0, __builtin_nan("")}) constants.push_back(c);
      }
      if (code == code_of(Op::select) || code == code_of(Op::choose)) {
        needs_scratch = true;
        constants.push_back(0.0);
      }
    }
    if (needs_scratch) {
      usable_ -= 3;
      scratch_ = usable_;
    }
    if (out_.is_wide()) return;
    for (double c : constants) {
      if (reserved_.contains(bits_of(c))) continue;
      out_.emit(vector_op::broadcast, --usable_, 0, Assembler::constant(c));
      reserved_.emplace(bits_of(c), usable_);
    }
  }

  static double abs_mask() { return from_bits(0x7fffffffffffffffULL); }
  static std::uint64_t bits_of(double x) {
    std::uint64_t b = 0;
    std::memcpy(&b, &x, sizeof b);
    return b;
  }
  static double from_bits(std::uint64_t b) {
    double x = 0.0;
    std::memcpy(&x, &b, sizeof x);
    return x;
  }

  Operand constant(double value) const {
    if (out_.is_wide()) return Assembler::constant(value);
    return Assembler::vector(reserved_.at(bits_of(value)));
  }

  Operand home(std::uint32_t r) const {
    return Assembler::memory(7, static_cast<std::int32_t>(r) * lanes_ * 8);
  }

  int holder(std::uint32_t r) const {
    const auto it = where_.find(r);
    return it == where_.end() ? -1 : it->second;
  }

  void release(int v) {
    if (holds_[at(v)] == nothing) return;
    where_.erase(holds_[at(v)]);
    holds_[at(v)] = nothing;
    dirty_[at(v)] = 0;
  }

  void store(int v) {
    out_.emit(vector_op::store, v, 0, home(holds_[at(v)]));
    dirty_[at(v)] = 0;
  }

  /// A free vector register; the value needed last makes room. Pinned registers stay.
  int allocate(std::int32_t i) {
    int best = -1;
    std::int64_t farthest = -1;
    for (int v = 0; v < usable_; ++v) {
      if (pinned_[at(v)]) continue;
      if (holds_[at(v)] == nothing) return v;
      const std::int64_t next = liveness_.next_read(holds_[at(v)], i - 1);
      // A clean value costs a load at most, a dirty one a store as well.
      const std::int64_t score = 2 * next + (dirty_[at(v)] ? 0 : 1);
      if (score > farthest) {
        farthest = score;
        best = v;
      }
    }
    if (dirty_[at(best)] && liveness_.next_read(holds_[at(best)], i - 1) != never) store(best);
    release(best);
    return best;
  }

  void bind(std::uint32_t r, int v, bool is_dirty) {
    if (const int old = holder(r); old >= 0) release(old);
    holds_[at(v)] = r;
    dirty_[at(v)] = is_dirty ? 1 : 0;
    where_[r] = v;
  }

  /// The value of tape register `r` in a vector register, pinned until the instruction is done.
  int fetch(std::uint32_t r, std::int32_t i) {
    int v = holder(r);
    if (v < 0) {
      v = allocate(i);
      out_.emit(vector_op::load, v, 0, home(r));
      bind(r, v, false);
    }
    pinned_[at(v)] = 1;
    return v;
  }

  /// As fetch, but a value that is read only here may stay in memory.
  Operand fetch_last(std::uint32_t r, std::int32_t i) {
    if (holder(r) < 0 && liveness_.next_read(r, i) == never) return home(r);
    return Assembler::vector(fetch(r, i));
  }

  bool dies(std::uint32_t r, std::int32_t i) const { return liveness_.next_read(r, i) == never; }

  /// Frees what is read for the last time, and gives the register for the result.
  int target_after(const Instruction& ins, std::int32_t i) {
    const Sources s = sources_of(ins);
    for (int k = 0; k < s.count; ++k) {
      const std::uint32_t r = s.numbers[static_cast<std::size_t>(k)];
      if (const int v = holder(r); v >= 0 && (dies(r, i) || r == ins.target)) {
        release(v);
        pinned_[at(v)] = 0;
      }
    }
    return allocate(i);
  }

  void finish(const Instruction& ins, int v) {
    std::fill(pinned_.begin(), pinned_.end(), 0);
    const bool is_temporary = temporaries_.contains(ins.target);
    bind(ins.target, v, is_temporary);
    if (!is_temporary) store(v);
  }

  void emit(std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    switch (ins.code) {
      case code_of(Op::add): emit_binary(vector_op::add, i); return;
      case code_of(Op::sub): emit_binary(vector_op::sub, i); return;
      case code_of(Op::mul): emit_binary(vector_op::mul, i); return;
      case code_of(Op::div): emit_binary(vector_op::div, i); return;
      case code_of(Op::min): emit_binary(vector_op::min, i); return;
      case code_of(Op::max): emit_binary(vector_op::max, i); return;
      case code_of(Op::neg): emit_with_constant(vector_op::bit_xor, -0.0, i); return;
      case code_of(Op::abs): emit_with_constant(vector_op::bit_and, abs_mask(), i); return;
      case code_of(Op::sqrt): {
        const Operand a = fetch_last(ins.a, i);
        const int d = target_after(ins, i);
        out_.emit(vector_op::sqrt, d, 0, a);
        finish(ins, d);
        return;
      }
      case code_of(Code::copy): {
        const Operand a = fetch_last(ins.a, i);
        const int d = target_after(ins, i);
        if (a.kind == Operand::Kind::memory)
          out_.emit(vector_op::load, d, 0, a);
        else if (a.number != d)
          out_.emit(vector_op::move, d, 0, a);
        finish(ins, d);
        return;
      }
      case code_of(Op::pivot): emit_pivot(i); return;
      case code_of(Op::select):
      case code_of(Op::choose): emit_choice(i); return;
      case code_of(Code::multiply_add):
        emit_fused(vector_op::fmadd213, vector_op::fmadd231, i);
        return;
      case code_of(Code::multiply_subtract):
        emit_fused(vector_op::fmsub213, vector_op::fmsub231, i);
        return;
      default: emit_fused(vector_op::fnmadd213, vector_op::fnmadd231, i);
    }
  }

  void emit_binary(VectorOp op, std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    const int a = fetch(ins.a, i);
    const Operand b = ins.b == ins.a ? Assembler::vector(a) : fetch_last(ins.b, i);
    const int d = target_after(ins, i);
    out_.emit(op, d, a, b);
    finish(ins, d);
  }

  void emit_with_constant(VectorOp op, double value, std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    const int a = fetch(ins.a, i);
    const int d = target_after(ins, i);
    out_.emit(op, d, a, constant(value));
    finish(ins, d);
  }

  /// a b + c and its relatives. The form with 213 puts the result where a factor was, the one with
  /// 231 where the summand was; a value that is still needed is copied first.
  void emit_fused(VectorOp form_213, VectorOp form_231, std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    auto is_spent = [&](std::uint32_t r) {
      const bool is_once = (ins.a == r) + (ins.b == r) + (ins.c == r) == 1;
      return is_once && holder(r) >= 0 && (dies(r, i) || r == ins.target);
    };
    int d = -1;
    if (is_spent(ins.c)) {
      d = fetch(ins.c, i);
      const int a = fetch(ins.a, i);
      const Operand b = ins.b == ins.a ? Assembler::vector(a) : fetch_last(ins.b, i);
      out_.emit(form_231, d, a, b);
    } else if (is_spent(ins.a) || is_spent(ins.b)) {
      const std::uint32_t spent = is_spent(ins.a) ? ins.a : ins.b;
      d = fetch(spent, i);
      const int other = fetch(spent == ins.a ? ins.b : ins.a, i);
      out_.emit(form_213, d, other, fetch_last(ins.c, i));
    } else {
      const int a = fetch(ins.a, i);
      const Operand b = ins.b == ins.a ? Assembler::vector(a) : fetch_last(ins.b, i);
      const int c = holder(ins.c);
      if (c >= 0) pinned_[at(c)] = 1;
      d = allocate(i);
      if (c >= 0)
        out_.emit(vector_op::move, d, 0, Assembler::vector(c));
      else
        out_.emit(vector_op::load, d, 0, home(ins.c));
      out_.emit(form_231, d, a, b);
    }
    const Sources s = sources_of(ins);
    for (int k = 0; k < s.count; ++k) {
      const std::uint32_t r = s.numbers[static_cast<std::size_t>(k)];
      if (const int v = holder(r); v >= 0 && (v == d || dies(r, i))) release(v);
    }
    finish(ins, d);
  }

  /// 1/a, or NaN where |a| < 1e-10 |b|.
  void emit_pivot(std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    const int a = fetch(ins.a, i);
    const int b = fetch(ins.b, i);
    const int size = scratch_;
    const int limit = scratch_ + 1;
    const int inverse = scratch_ + 2;
    out_.emit(vector_op::bit_and, size, a, constant(abs_mask()));
    out_.emit(vector_op::bit_and, limit, b, constant(abs_mask()));
    out_.emit(vector_op::mul, limit, limit, constant(1e-10));
    out_.compare(size, size, Assembler::vector(limit), 0x11);  // less, ordered, quiet
    broadcast(inverse, 1.0);
    out_.emit(vector_op::div, inverse, inverse, Assembler::vector(a));
    broadcast(limit, __builtin_nan(""));
    const int d = target_after(ins, i);
    out_.blend(d, inverse, limit, size);
    finish(ins, d);
  }

  void broadcast(int v, double value) {
    if (out_.is_wide())
      out_.emit(vector_op::broadcast, v, 0, Assembler::constant(value));
    else
      out_.emit(vector_op::move, v, 0, constant(value));
  }

  /// a where c > 0, else b.
  void emit_choice(std::int32_t i) {
    const Instruction& ins = tape_.code[i];
    const int c = fetch(ins.c, i);
    const int a = fetch(ins.a, i);
    const int b = fetch(ins.b, i);
    out_.compare(scratch_, c, constant(0.0), 0x1e);  // greater, ordered, quiet
    const int d = target_after(ins, i);
    out_.blend(d, b, a, scratch_);
    finish(ins, d);
  }

  Assembler& out_;
  const TapeView& tape_;
  const Liveness& liveness_;
  int lanes_;
  RegisterRange temporaries_;
  std::int32_t begin_;
  std::int32_t end_;
  int usable_ = 0;
  int scratch_ = 0;
  std::vector<std::uint32_t> holds_;  ///< tape register in each vector register
  std::vector<char> dirty_;           ///< not yet in memory
  std::vector<char> pinned_;
  std::unordered_map<std::uint32_t, int> where_;
  std::unordered_map<std::uint64_t, int> reserved_;
};

/// Whether the selected instruction set has a machine form, and whether it is the wide one.
bool can_emit(bool& is_wide) {
#if defined(__x86_64__)
  const InstructionSet set = selected_instruction_set();
  is_wide = set == InstructionSet::x86_v4;
  return set == InstructionSet::x86_v4 || set == InstructionSet::x86_v3;
#else
  is_wide = false;
  return false;
#endif
}

}  // namespace

NativeTape::NativeTape(const TapeView& tape, int lanes, RegisterRange temporaries) : lanes_(lanes) {
  // Runs shorter than this are not worth the loads and stores at their borders.
  constexpr std::int32_t shortest = 3;
  bool is_wide = false;
  const bool is_able = can_emit(is_wide) && ExecutableMemory::is_available();
  const Liveness liveness(tape);
  Assembler out(is_wide);
  std::vector<std::size_t> starts;
  auto interpret = [&](std::int32_t begin, std::int32_t end) {
    if (begin == end) return;
    if (!segments_.empty() && segments_.back().interpreted.size > 0) {
      segments_.back().interpreted.size += end - begin;
      return;
    }
    segments_.push_back({nullptr, {tape.code + begin, end - begin, tape.tables}});
    starts.push_back(0);
  };
  for (std::int32_t i = 0; i < tape.size;) {
    std::int32_t end = i;
    while (end < tape.size && is_native(tape.code[end].code)) ++end;
    if (is_able && end - i >= shortest) {
      out.align(64);
      starts.push_back(out.size());
      segments_.push_back({});
      SegmentEmitter(out, tape, liveness, lanes, temporaries, i, end).run();
      num_native_ += end - i;
    } else {
      interpret(i, end);
    }
    std::int32_t next = end;
    while (next < tape.size && !is_native(tape.code[next].code)) ++next;
    interpret(end, next);
    i = next;
  }
  if (num_native_ == 0) return;
  out.finish();
  memory_ = std::make_unique<Memory>(out.bytes());
  for (std::size_t k = 0; k < segments_.size(); ++k)
    if (segments_[k].interpreted.size == 0)
      segments_[k].function = reinterpret_cast<Function>(const_cast<void*>(memory_->at(starts[k])));
}

NativeTape::NativeTape() = default;
NativeTape::~NativeTape() = default;
NativeTape::NativeTape(NativeTape&&) noexcept = default;
NativeTape& NativeTape::operator=(NativeTape&&) noexcept = default;

void NativeTape::run(double* registers) const {
  for (const Segment& segment : segments_) {
    if (segment.function != nullptr)
      segment.function(registers);
    else
      run_tape(segment.interpreted, registers, lanes_);
  }
}

bool has_native_code() {
  bool is_wide = false;
  return can_emit(is_wide) && ExecutableMemory::is_available();
}

}  // namespace krogh::expr
