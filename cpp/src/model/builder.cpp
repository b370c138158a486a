// Model builder: bookkeeping of names and rates over one expression graph.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/model/builder.hpp>

#include <algorithm>

#include <krogh/base/errors.hpp>

namespace krogh::model {
namespace {

using expr::no_node;
using expr::Node;
using expr::NodeId;
using expr::Op;

void require_new(const std::vector<std::string>& taken, const std::string& name) {
  if (name.empty()) throw InvalidInput("a name must not be empty");
  if (std::find(taken.begin(), taken.end(), name) != taken.end())
    throw InvalidInput("the name '" + name + "' is taken");
}

}  // namespace

/// The specification under construction; at a fixed address, which symbols point to.
struct ModelBuilder::Parts {
  ModelSpec spec;
  std::vector<double> nominal;

  Symbol symbol(NodeId node) { return {spec.graph, node}; }
  NodeId own(const Symbol& symbol) const {
    if (&symbol.graph() != &spec.graph)
      throw InvalidInput("a symbol of another model was given to this one");
    return symbol.node();
  }
  NodeId own_or_none(const std::optional<Symbol>& symbol) const {
    return symbol ? own(*symbol) : no_node;
  }
};

ModelBuilder::ModelBuilder() : parts_(std::make_unique<Parts>()) {}
ModelBuilder::~ModelBuilder() = default;
ModelBuilder::ModelBuilder(ModelBuilder&&) noexcept = default;
ModelBuilder& ModelBuilder::operator=(ModelBuilder&&) noexcept = default;

Symbol ModelBuilder::constant(double value) {
  return parts_->symbol(parts_->spec.graph.constant(value));
}

Symbol ModelBuilder::time() { return parts_->symbol(parts_->spec.graph.time()); }

Symbol ModelBuilder::parameter(std::string name, double nominal) {
  ModelSpec& spec = parts_->spec;
  require_new(spec.parameter_names, name);
  require_new(spec.state_names, name);
  spec.parameter_names.push_back(std::move(name));
  parts_->nominal.push_back(nominal);
  return parts_->symbol(spec.graph.parameter(static_cast<int>(spec.parameter_names.size()) - 1));
}

Symbol ModelBuilder::state(std::string name, double initial) {
  return state(std::move(name), constant(initial));
}

Symbol ModelBuilder::state(std::string name, const Symbol& initial) {
  ModelSpec& spec = parts_->spec;
  require_new(spec.state_names, name);
  require_new(spec.parameter_names, name);
  const NodeId start = parts_->own(initial);
  spec.state_names.push_back(std::move(name));
  spec.initial.push_back(start);
  spec.derivatives.push_back(spec.graph.constant(0.0));
  spec.doses.emplace_back();
  return parts_->symbol(spec.graph.state(static_cast<int>(spec.state_names.size()) - 1));
}

void ModelBuilder::rate(const Symbol& state, const Symbol& law) {
  NodeId& sum = parts_->spec.derivatives[static_cast<std::size_t>(state_index(state))];
  sum = parts_->spec.graph.add(sum, parts_->own(law));
}

void ModelBuilder::output(std::string name, const Symbol& expression) {
  require_new(parts_->spec.output_names, name);
  const NodeId node = parts_->own(expression);
  parts_->spec.output_names.push_back(std::move(name));
  parts_->spec.outputs.push_back(node);
}

void ModelBuilder::dose(const Symbol& state, const DoseInput& input) {
  DoseAttributes& dose = parts_->spec.doses[static_cast<std::size_t>(state_index(state))];
  dose.bioavailability = parts_->own_or_none(input.bioavailability);
  dose.lag = parts_->own_or_none(input.lag);
  dose.duration = parts_->own_or_none(input.duration);
  dose.rate = parts_->own_or_none(input.rate);
}

void ModelBuilder::event(const expr::Condition& when,
                         const std::vector<std::pair<Symbol, Symbol>>& assignments) {
  Event event{.trigger = parts_->own(when.difference), .direction = 1, .assignments = {}};
  for (const auto& [target, value] : assignments)
    event.assignments.emplace_back(state_index(target), parts_->own(value));
  parts_->spec.events.push_back(std::move(event));
}

const std::vector<double>& ModelBuilder::nominal() const { return parts_->nominal; }

std::int32_t ModelBuilder::parameter_index(std::string_view name) const {
  const auto& names = parts_->spec.parameter_names;
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) throw InvalidInput("unknown parameter '" + std::string(name) + "'");
  return static_cast<std::int32_t>(it - names.begin());
}

std::int32_t ModelBuilder::state_index(const Symbol& state) const {
  const Node& node = parts_->spec.graph.node(parts_->own(state));
  if (node.op != Op::state)
    throw InvalidInput("a state is needed here, found the operation '" +
                       std::string(expr::name_of(node.op)) + "'");
  return node.index;
}

Program ModelBuilder::compile() const { return Program(parts_->spec); }

}  // namespace krogh::model
