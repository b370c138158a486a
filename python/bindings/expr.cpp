// Expression graphs.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/expr/graph.hpp>

#include "bindings.hpp"

namespace krogh::bindings {

using expr::Graph;
using expr::NodeId;

namespace {

expr::Interpolation interpolation_named(const std::string& kind) {
  if (kind == "linear") return expr::Interpolation::linear;
  if (kind == "pchip") return expr::Interpolation::pchip;
  if (kind == "step") return expr::Interpolation::step;
  throw InvalidInput("table kind must be 'linear', 'pchip' or 'step', found '" + kind + "'");
}

}  // namespace

void register_expr(py::module_& module) {
  py::class_<Graph>(module, "Graph", "Expression graph; nodes are numbers.")
      .def(py::init<>())
      .def("constant", &Graph::constant)
      .def("state", &Graph::state)
      .def("parameter", &Graph::parameter)
      .def("time", &Graph::time)
      .def("unary",
           [](Graph& g, const std::string& op, NodeId a) { return g.unary(expr::op_named(op), a); })
      .def("binary", [](Graph& g, const std::string& op, NodeId a,
                        NodeId b) { return g.binary(expr::op_named(op), a, b); })
      .def("select", &Graph::select)
      .def("choose", &Graph::choose)
      .def("table",
           [](Graph& g, std::vector<double> x, std::vector<double> y, const std::string& kind,
              NodeId argument) {
             return g.lookup({.kind = interpolation_named(kind),
                              .x = std::move(x),
                              .y = std::move(y),
                              .slope = {}},
                             argument);
           })
      .def(
          "evaluate",
          [](const Graph& g, NodeId root, const Array<double>& states,
             const Array<double>& parameters,
             double time) { return g.evaluate(root, view(states), view(parameters), time); },
          py::arg("root"), py::arg("states").noconvert(), py::arg("parameters").noconvert(),
          py::arg("time") = 0.0)
      .def("__len__", &Graph::size);
}

}  // namespace krogh::bindings
