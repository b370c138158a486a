// Counter-based random numbers.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/random.hpp>

#include <limits>

#include "bindings.hpp"

namespace krogh::bindings {
namespace {

/// Draws 0 .. count - 1 of every subject, shape (num_subjects, count).
py::array_t<double> draws(void (*fill)(const RandomStream&, std::span<double>), std::int64_t seed,
                          std::int64_t purpose, const Array<std::int64_t>& subjects,
                          py::ssize_t count) {
  if (seed < 0) throw InvalidInput("seed must not be negative, found " + std::to_string(seed));
  if (purpose < 0 || purpose > std::numeric_limits<std::uint32_t>::max())
    throw InvalidInput("purpose must lie between 0 and 2^32 - 1, found " + std::to_string(purpose));
  if (count < 0) throw InvalidInput("count must not be negative, found " + std::to_string(count));
  if (subjects.ndim() != 1) throw InvalidInput("subjects must have shape (num_subjects,)");
  const std::span<const std::int64_t> keys = view(subjects);
  py::array_t<double> result({subjects.size(), count});
  const std::span<double> values(result.mutable_data(), static_cast<std::size_t>(result.size()));
  const auto width = static_cast<std::size_t>(count);
  {
    const py::gil_scoped_release unlocked;
    for (std::size_t i = 0; i < keys.size(); ++i)
      fill({.seed = static_cast<std::uint64_t>(seed),
            .purpose = static_cast<std::uint32_t>(purpose),
            .subject = static_cast<std::uint64_t>(keys[i])},
           values.subspan(i * width, width));
  }
  return result;
}

}  // namespace

void register_random(py::module_& module) {
  module.def("philox", &philox, py::arg("counter"), py::arg("key"),
             "Philox4x32-10 of four counter words and two key words.");
  module.def("normal_quantile", &normal_quantile, py::arg("p"));
  module.def(
      "uniforms",
      [](std::int64_t seed, std::int64_t purpose, const Array<std::int64_t>& subjects,
         py::ssize_t count) { return draws(&fill_uniform, seed, purpose, subjects, count); },
      py::arg("seed"), py::arg("purpose"), py::arg("subjects").noconvert(), py::arg("count"));
  module.def(
      "standard_normals",
      [](std::int64_t seed, std::int64_t purpose, const Array<std::int64_t>& subjects,
         py::ssize_t count) { return draws(&fill_normal, seed, purpose, subjects, count); },
      py::arg("seed"), py::arg("purpose"), py::arg("subjects").noconvert(), py::arg("count"));
}

}  // namespace krogh::bindings
