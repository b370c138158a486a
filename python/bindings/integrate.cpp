// Coefficients of the integration methods, for the tests of their order conditions.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/integrate/tableau.hpp>

#include "bindings.hpp"

namespace krogh::bindings {
namespace {

template <std::size_t Rows>
py::array_t<double> matrix(const double (&values)[Rows][8], int rows, int columns) {
  py::array_t<double> result({rows, columns});
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) result.mutable_at(i, j) = values[i][j];
  return result;
}

py::array_t<double> vector(const double (&values)[8], int size) {
  py::array_t<double> result(size);
  for (int i = 0; i < size; ++i) result.mutable_at(i) = values[i];
  return result;
}

template <class Tableau>
py::dict common(const Tableau& t) {
  py::dict d;
  d["name"] = t.name;
  d["source"] = t.source;
  d["order"] = t.order;
  d["embedded_order"] = t.embedded_order;
  d["dense_order"] = t.dense_order;
  d["a"] = matrix(t.a, t.stages, t.stages);
  d["alpha"] = vector(t.alpha, t.stages);
  d["e"] = vector(t.e, t.stages);
  d["h"] = matrix(t.h, 3, t.stages);
  return d;
}

py::dict tableau(const std::string& method) {
  if (method == "explicit5") return common(integrate::tsit5());
  if (method != "rodas4" && method != "rodas5p" && method != "ros34pw2")
    throw InvalidInput("no table of coefficients for method '" + method + "'");
  const integrate::RosenbrockTableau& t = method == "rodas4"    ? integrate::rodas4()
                                          : method == "rodas5p" ? integrate::rodas5p()
                                                                : integrate::ros34pw2();
  py::dict d = common(t);
  d["is_w_method"] = t.is_w_method;
  d["gamma"] = t.gamma;
  d["c"] = matrix(t.c, t.stages, t.stages);
  d["gamma_i"] = vector(t.gamma_i, t.stages);
  d["m"] = vector(t.m, t.stages);
  return d;
}

}  // namespace

void register_integrate(py::module_& module) {
  module.def("tableau", &tableau, py::arg("method"),
             "Coefficients of a method, in the transformed form for Rosenbrock methods.");
}

}  // namespace krogh::bindings
