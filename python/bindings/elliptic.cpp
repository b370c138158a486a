// The steady solver: arrays to spans, interpreter lock released, Ctrl-C and progress.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/simulate/elliptic.hpp>

#include <optional>

#include "bindings.hpp"
#include "watcher.hpp"

namespace krogh::bindings {

using simulate::EllipticProblem;
using simulate::EllipticResult;
using simulate::EllipticSolver;

namespace {

/// Kind and permeability of a side.
using SideArgument = std::tuple<std::string, double>;

std::span<double> room(py::array_t<double>& array) {
  return {array.mutable_data(), static_cast<std::size_t>(array.size())};
}

}  // namespace

void register_elliptic(py::module_& module) {
  py::class_<EllipticSolver>(module, "EllipticSolver",
                             "-div(K grad p) + a p = f in voxels; see "
                             "krogh/simulate/elliptic.hpp.")
      .def(py::init([](const Array<double>& faces_x, const Array<double>& faces_y,
                       const Array<double>& faces_z, const Array<double>& conductivity,
                       std::int32_t axes, const std::vector<SideArgument>& sides,
                       const std::optional<Array<std::uint8_t>>& regions) {
             EllipticProblem problem;
             problem.faces = {view(faces_x), view(faces_y), view(faces_z)};
             problem.conductivity = view(conductivity);
             problem.axes = axes;
             if (!sides.empty() && sides.size() != 6)
               throw InvalidInput("sides: six are needed, found " + std::to_string(sides.size()));
             for (std::size_t s = 0; s < sides.size(); ++s)
               problem.sides[s] = {.kind = space::side_named(std::get<0>(sides[s])),
                                   .permeability = std::get<1>(sides[s])};
             if (regions) problem.regions = view(*regions);
             const py::gil_scoped_release unlocked;
             return EllipticSolver(problem);
           }),
           py::arg("faces_x").noconvert(), py::arg("faces_y").noconvert(),
           py::arg("faces_z").noconvert(), py::arg("conductivity").noconvert(), py::kw_only(),
           py::arg("axes") = 1, py::arg("sides") = std::vector<SideArgument>{},
           py::arg("regions").noconvert() = py::none())
      .def_property_readonly("num_voxels", &EllipticSolver::num_voxels)
      .def_property_readonly("num_floating", &EllipticSolver::num_floating)
      .def(
          "set_absorption",
          [](EllipticSolver& solver, const Array<double>& absorption, int num_threads) {
            const std::span<const double> values = view(absorption);
            const py::gil_scoped_release unlocked;
            solver.set_absorption(values, num_threads);
          },
          py::arg("absorption").noconvert(), py::kw_only(), py::arg("num_threads") = 0)
      .def(
          "solve",
          [](EllipticSolver& solver, const Array<double>& source,
             const std::array<double, 6>& outside, const std::optional<Array<double>>& guess,
             double tolerance, std::int32_t max_cycles, int num_threads, py::object progress) {
            py::array_t<double> values(solver.num_voxels());
            if (guess && guess->size() != values.size())
              throw InvalidInput("guess: found " + std::to_string(guess->size()) +
                                 " values, expected " + std::to_string(values.size()));
            double* target = values.mutable_data();
            if (guess)
              std::copy_n(guess->data(), values.size(), target);
            else
              std::fill_n(target, values.size(), 0.0);
            const std::span<const double> given = view(source);
            const std::span<double> found = room(values);
            Watcher watcher(std::move(progress));
            const RunControl control{
                .num_threads = num_threads,
                .keep_going = [&watcher](const Progress& s) { return watcher(s); }};
            EllipticResult result;
            {
              const py::gil_scoped_release unlocked;
              result = solver.solve(given, outside, found,
                                    {.tolerance = tolerance, .max_cycles = max_cycles}, control);
            }
            return py::make_tuple(values, static_cast<int>(result.status), result.cycles,
                                  result.residual, result.num_threads);
          },
          py::arg("source").noconvert(), py::kw_only(),
          py::arg("outside") = std::array<double, 6>{}, py::arg("guess").noconvert() = py::none(),
          py::arg("tolerance") = 1e-10, py::arg("max_cycles") = 200, py::arg("num_threads") = 0,
          py::arg("progress") = py::none())
      .def(
          "apply",
          [](EllipticSolver& solver, const Array<double>& values, int num_threads) {
            py::array_t<double> out(solver.num_voxels());
            const std::span<const double> given = view(values);
            const std::span<double> found = room(out);
            const py::gil_scoped_release unlocked;
            solver.apply(given, found, num_threads);
            return out;
          },
          py::arg("values").noconvert(), py::kw_only(), py::arg("num_threads") = 0)
      .def(
          "precondition",
          [](EllipticSolver& solver, const Array<double>& values, int num_threads) {
            py::array_t<double> out(solver.num_voxels());
            const std::span<const double> given = view(values);
            const std::span<double> found = room(out);
            const py::gil_scoped_release unlocked;
            solver.precondition(given, found, num_threads);
            return out;
          },
          py::arg("values").noconvert(), py::kw_only(), py::arg("num_threads") = 0)
      .def(
          "fluxes",
          [](const EllipticSolver& solver, const Array<double>& values,
             const std::array<double, 6>& outside, std::array<py::ssize_t, 3> shape) {
            const auto [nz, ny, nx] = shape;
            py::array_t<double> x({nz, ny, nx + 1}), y({nz, ny + 1, nx}), z({nz + 1, ny, nx});
            const std::span<const double> given = view(values);
            const std::array<std::span<double>, 3> found{room(x), room(y), room(z)};
            {
              const py::gil_scoped_release unlocked;
              solver.fluxes(given, outside, found);
            }
            return py::make_tuple(x, y, z);
          },
          py::arg("values").noconvert(), py::arg("outside"), py::arg("shape"));
}

}  // namespace krogh::bindings
