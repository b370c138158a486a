// What the parts of the extension module share: registration functions and array arguments.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <span>
#include <string>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <krogh/base/errors.hpp>

namespace krogh::bindings {

namespace py = pybind11;

/// C-contiguous array argument; `.noconvert()` on the argument refuses other types and layouts.
template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> view(const Array<T>& array) {
  return {array.data(), static_cast<std::size_t>(array.size())};
}

/// Moves a vector into an array that owns it.
template <class T>
py::array_t<T> as_array(std::vector<T>&& values, std::vector<py::ssize_t> shape) {
  auto* owner = new std::vector<T>(std::move(values));
  py::capsule release(owner, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(std::move(shape), owner->data(), release);
}

void register_base(py::module_& module);
void register_expr(py::module_& module);
void register_model(py::module_& module);
void register_simulate(py::module_& module);
void register_line(py::module_& module);
void register_volume(py::module_& module);
void register_elliptic(py::module_& module);
void register_diffuse(py::module_& module);
void register_random(py::module_& module);
void register_integrate(py::module_& module);

}  // namespace krogh::bindings
