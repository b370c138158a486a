// A few vector instructions of x86-64 as bytes: VEX (256 bits) and EVEX (512 bits) forms.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace krogh::expr {

/// Opcode of a packed-double instruction with the mandatory prefix 66.
struct VectorOp {
  std::uint8_t map;  ///< 1: 0F, 2: 0F38, 3: 0F3A
  std::uint8_t opcode;
};

namespace vector_op {
inline constexpr VectorOp load{1, 0x10}, store{1, 0x11}, move{1, 0x28}, sqrt{1, 0x51};
inline constexpr VectorOp bit_and{1, 0x54}, bit_xor{1, 0x57}, add{1, 0x58}, mul{1, 0x59};
inline constexpr VectorOp sub{1, 0x5c}, min{1, 0x5d}, div{1, 0x5e}, max{1, 0x5f};
inline constexpr VectorOp compare{1, 0xc2}, broadcast{2, 0x19}, blend_by_mask{2, 0x65};
inline constexpr VectorOp blend_by_sign{3, 0x4b};
/// d = d b + a (132), d = a d + b (213), d = a b + d (231), with a the second operand and b the
/// third, which may be memory. Intel SDM volume 2, VFMADD132PD and its relatives.
inline constexpr VectorOp fmadd132{2, 0x98}, fmadd213{2, 0xa8}, fmadd231{2, 0xb8};
inline constexpr VectorOp fmsub132{2, 0x9a}, fmsub213{2, 0xaa}, fmsub231{2, 0xba};
inline constexpr VectorOp fnmadd132{2, 0x9c}, fnmadd213{2, 0xac}, fnmadd231{2, 0xbc};
}  // namespace vector_op

/// Appends instructions to a buffer. Vector registers are numbers below `num_registers()`; memory
/// operands are [base + displacement] with base rdi or rsi, or constants behind the code.
class Assembler {
 public:
  /// Third operand: a vector register, a place in memory, or a constant for all elements.
  struct Operand {
    enum class Kind : std::uint8_t { vector, memory, constant } kind = Kind::vector;
    int number = 0;  ///< vector register, or base register: 7 rdi, 6 rsi
    std::int32_t displacement = 0;
    double value = 0.0;  ///< of a constant
  };
  static Operand vector(int number) { return {Operand::Kind::vector, number, 0, 0.0}; }
  static Operand memory(int base, std::int32_t displacement) {
    return {Operand::Kind::memory, base, displacement, 0.0};
  }
  static Operand constant(double value) { return {Operand::Kind::constant, 0, 0, value}; }

  explicit Assembler(bool is_wide) : is_wide_(is_wide) {}

  bool is_wide() const { return is_wide_; }
  int num_registers() const { return is_wide_ ? 32 : 16; }
  int elements() const { return is_wide_ ? 8 : 4; }

  /// op target, first, second. Instructions with two operands leave `first` at 0. Constants are for
  /// the wide form and for `broadcast` only.
  void emit(VectorOp op, int target, int first, Operand second) {
    encode(op, target, first, second, 0, 0);
  }
  /// Compare `first` with `second` by predicate; wide form: into mask register 1.
  void compare(int target, int first, Operand second, std::uint8_t predicate) {
    encode(vector_op::compare, is_wide_ ? 1 : target, first, second, 0, 1);
    bytes_.push_back(predicate);
  }
  /// target = mask ? if_true : if_false, with mask register 1 or the vector `mask`.
  void blend(int target, int if_false, int if_true, int mask) {
    if (is_wide_) {
      encode(vector_op::blend_by_mask, target, if_false, vector(if_true), 1, 0);
    } else {
      encode(vector_op::blend_by_sign, target, if_false, vector(if_true), 0, 1);
      bytes_.push_back(static_cast<std::uint8_t>(mask << 4));
    }
  }
  void append(std::initializer_list<std::uint8_t> raw) { bytes_.insert(bytes_.end(), raw); }
  void append_32(std::uint32_t value) {
    for (int k = 0; k < 4; ++k) bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * k)));
  }
  std::size_t size() const { return bytes_.size(); }
  void align(std::size_t boundary) {
    while (bytes_.size() % boundary != 0) bytes_.push_back(0xcc);
  }
  /// Puts the constants behind the code and fills in their places.
  void finish() {
    align(8);
    for (const Patch& patch : patches_) {
      const auto offset = static_cast<std::int64_t>(constant_place(patch.bits)) -
                          static_cast<std::int64_t>(patch.end);
      const auto stored = static_cast<std::int32_t>(offset);
      std::memcpy(bytes_.data() + patch.place, &stored, sizeof stored);
    }
    patches_.clear();
  }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  struct Patch {
    std::size_t place;  ///< of the displacement
    std::size_t end;    ///< of the instruction, which rip points to
    std::uint64_t bits;
  };

  std::size_t constant_place(std::uint64_t bits) {
    for (std::size_t k = 0; k < constants_.size(); ++k)
      if (constants_[k].first == bits) return constants_[k].second;
    constants_.emplace_back(bits, bytes_.size());
    for (int k = 0; k < 8; ++k) bytes_.push_back(static_cast<std::uint8_t>(bits >> (8 * k)));
    return constants_.back().second;
  }

  /// Intel SDM volume 2, 2.3 (VEX) and 2.7 (EVEX). `immediate_size` bytes follow the operand.
  void encode(VectorOp op, int target, int first, Operand second, int mask,
              std::size_t immediate_size) {
    const bool is_vector = second.kind == Operand::Kind::vector;
    const auto t = static_cast<unsigned>(target);
    const auto f = static_cast<unsigned>(first);
    const auto s = is_vector ? static_cast<unsigned>(second.number) : 0u;
    const bool is_constant = second.kind == Operand::Kind::constant;
    if (is_wide_) {
      const unsigned p0 = (((~t >> 3) & 1u) << 7) | (((~s >> 4) & 1u) << 6) |
                          (((~s >> 3) & 1u) << 5) | (((~t >> 4) & 1u) << 4) | op.map;
      const unsigned p1 = 0x80u | ((~f & 15u) << 3) | 4u | 1u;
      const bool is_broadcast_operand = is_constant && op.opcode != vector_op::broadcast.opcode;
      const unsigned p2 = (2u << 5) | (is_broadcast_operand ? 16u : 0u) | (((~f >> 4) & 1u) << 3) |
                          static_cast<unsigned>(mask);
      bytes_.push_back(0x62);
      for (unsigned p : {p0, p1, p2}) bytes_.push_back(static_cast<std::uint8_t>(p));
    } else {
      const unsigned wide_element = op.map == 2 && op.opcode != vector_op::broadcast.opcode;
      const unsigned p1 = (((~t >> 3) & 1u) << 7) | 0x40u | (((~s >> 3) & 1u) << 5) | op.map;
      const unsigned p2 = (wide_element << 7) | ((~f & 15u) << 3) | 4u | 1u;
      bytes_.push_back(0xc4);
      for (unsigned p : {p1, p2}) bytes_.push_back(static_cast<std::uint8_t>(p));
    }
    bytes_.push_back(op.opcode);
    const unsigned reg = (t & 7u) << 3;
    if (is_vector) {
      bytes_.push_back(static_cast<std::uint8_t>(0xc0u | reg | (s & 7u)));
    } else if (is_constant) {
      bytes_.push_back(static_cast<std::uint8_t>(reg | 5u));
      std::uint64_t bits = 0;
      std::memcpy(&bits, &second.value, sizeof bits);
      patches_.push_back({bytes_.size(), bytes_.size() + 4 + immediate_size, bits});
      append_32(0);
    } else {
      bytes_.push_back(
          static_cast<std::uint8_t>(0x80u | reg | static_cast<unsigned>(second.number)));
      append_32(static_cast<std::uint32_t>(second.displacement));
    }
  }

  bool is_wide_;
  std::vector<std::uint8_t> bytes_;
  std::vector<Patch> patches_;
  std::vector<std::pair<std::uint64_t, std::size_t>> constants_;
};

}  // namespace krogh::expr
