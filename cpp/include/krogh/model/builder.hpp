// Model builder: states, rates, outputs, doses and events of a model written with C++ operators.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <krogh/base/export.hpp>
#include <krogh/expr/symbol.hpp>
#include <krogh/model/program.hpp>

namespace krogh::model {

using expr::Symbol;

/// Attributes of doses into one state; expressions of parameters.
struct DoseInput {
  std::optional<Symbol> bioavailability;  ///< F, default 1
  std::optional<Symbol> lag;              ///< time between record and entry, default 0
  std::optional<Symbol> duration;         ///< for doses with rate -2
  std::optional<Symbol> rate;             ///< for doses with rate -1
};

/// Collects a model and compiles it:
///
///     ModelBuilder m;
///     const auto k = m.parameter("k", 0.1);
///     const auto a = m.state("a");
///     m.rate(a, -k * a);
///     m.output("a", a);
///     const Program program = m.compile();
///
/// Units are the caller's: choose one time, one length and one amount, and keep to them.
/// @note Symbols stay valid while the builder lives, also when it is moved. Not safe to share by
/// threads while it is being changed.
class KROGH_EXPORT ModelBuilder {
 public:
  ModelBuilder();
  ~ModelBuilder();
  ModelBuilder(ModelBuilder&&) noexcept;
  ModelBuilder& operator=(ModelBuilder&&) noexcept;
  ModelBuilder(const ModelBuilder&) = delete;
  ModelBuilder& operator=(const ModelBuilder&) = delete;

  /// A constant of the model.
  Symbol constant(double value);
  /// The time, in the unit of the records.
  Symbol time();
  /// A new parameter; its place in the parameter vector is the order of these calls.
  /// @throws InvalidInput if the name is empty or taken.
  Symbol parameter(std::string name, double nominal);
  /// A new state that starts at `initial`, a number or an expression of parameters.
  /// @throws InvalidInput if the name is empty or taken.
  Symbol state(std::string name, double initial = 0.0);
  Symbol state(std::string name, const Symbol& initial);

  /// Adds `law` to the derivative of `state` (amount or concentration of the state per time).
  /// @throws InvalidInput if `state` is not a state of this model.
  void rate(const Symbol& state, const Symbol& law);
  /// Something to report at observations.
  /// @throws InvalidInput if the name is empty or taken by another output.
  void output(std::string name, const Symbol& expression);
  /// Attributes of doses into `state`. @throws InvalidInput if it is not a state of this model.
  void dose(const Symbol& state, const DoseInput& input);
  /// When the condition becomes true, each state takes its new value.
  /// @throws InvalidInput if a target is not a state of this model.
  void event(const expr::Condition& when,
             const std::vector<std::pair<Symbol, Symbol>>& assignments);

  /// Nominal values of the parameters, shape (num_parameters,).
  const std::vector<double>& nominal() const;
  /// Place of a parameter in the parameter vector. @throws InvalidInput for an unknown name.
  std::int32_t parameter_index(std::string_view name) const;
  /// Number of a state, as the target of dose records. @throws InvalidInput as above.
  std::int32_t state_index(const Symbol& state) const;

  /// Compiles the model as it stands; the builder may go on being used.
  /// @throws InvalidInput as Program does.
  Program compile() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace krogh::model
