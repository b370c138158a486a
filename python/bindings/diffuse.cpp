// Plain diffusion in a box of equal voxels.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/linalg/diffuse.hpp>

#include "bindings.hpp"

namespace krogh::bindings {

void register_diffuse(py::module_& module) {
  module.def(
      "diffuse_adi",
      [](py::array_t<double, py::array::c_style> values, std::array<double, 3> spacing,
         double diffusivity, double decay, double step, std::int64_t num_steps, int num_threads) {
        if (values.ndim() != 3) throw InvalidInput("values must have the axes (z, y, x)");
        const std::array<int, 3> shape{static_cast<int>(values.shape(2)),
                                       static_cast<int>(values.shape(1)),
                                       static_cast<int>(values.shape(0))};
        const std::span<double> all(values.mutable_data(), static_cast<std::size_t>(values.size()));
        const py::gil_scoped_release unlocked;
        linalg::diffuse_adi(all, shape, spacing, diffusivity, decay, step, num_steps, num_threads);
      },
      py::arg("values").noconvert(), py::arg("spacing"), py::arg("diffusivity"), py::arg("decay"),
      py::arg("step"), py::arg("num_steps"), py::kw_only(), py::arg("num_threads") = 0,
      "Implicit diffusion steps by directions in turn, in place; see krogh/linalg/diffuse.hpp.");
}

}  // namespace krogh::bindings
