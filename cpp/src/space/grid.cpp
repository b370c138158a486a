// Faces, areas and volumes of one-dimensional grids.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/space/grid.hpp>

#include <cmath>
#include <numbers>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::space {
namespace {

double area_at(Geometry geometry, double r) {
  switch (geometry) {
    case Geometry::cartesian: return 1.0;
    case Geometry::cylindrical: return 2.0 * std::numbers::pi * r;
    case Geometry::spherical: return 4.0 * std::numbers::pi * r * r;
  }
  return 1.0;
}

/// Differences of squares and cubes as products: thin shells far from the axis keep their digits.
double volume_between(Geometry geometry, double low, double high) {
  const double width = high - low;
  switch (geometry) {
    case Geometry::cartesian: return width;
    case Geometry::cylindrical: return std::numbers::pi * width * (high + low);
    case Geometry::spherical:
      return 4.0 / 3.0 * std::numbers::pi * width * (high * high + high * low + low * low);
  }
  return width;
}

}  // namespace

Geometry geometry_named(std::string_view name) {
  if (name == "cartesian") return Geometry::cartesian;
  if (name == "cylindrical") return Geometry::cylindrical;
  if (name == "spherical") return Geometry::spherical;
  throw InvalidInput("geometry must be cartesian, cylindrical or spherical, found '" +
                     std::string(name) + "'");
}

Grid make_grid(Geometry geometry, std::vector<double> faces) {
  if (faces.size() < 2)
    throw InvalidInput("faces: a grid needs at least 2, found " + std::to_string(faces.size()));
  for (std::size_t i = 0; i < faces.size(); ++i) {
    if (!std::isfinite(faces[i]))
      throw InvalidInput("faces: number " + std::to_string(i) + " is not finite");
    if (i > 0 && !(faces[i] > faces[i - 1]))
      throw InvalidInput("faces must increase, but number " + std::to_string(i) + " is " +
                         std::to_string(faces[i]) + " after " + std::to_string(faces[i - 1]));
  }
  if (geometry != Geometry::cartesian && faces.front() < 0.0)
    throw InvalidInput("faces: a radius may not be negative, found " +
                       std::to_string(faces.front()));
  Grid grid;
  grid.geometry = geometry;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    grid.areas.push_back(area_at(geometry, faces[i]));
    if (i == 0) continue;
    grid.centers.push_back(0.5 * (faces[i - 1] + faces[i]));
    grid.volumes.push_back(volume_between(geometry, faces[i - 1], faces[i]));
  }
  grid.faces = std::move(faces);
  return grid;
}

std::vector<double> graded_faces(double inner, double outer, int num_cells, double growth) {
  if (!(std::isfinite(inner) && std::isfinite(outer) && outer > inner))
    throw InvalidInput("outer must be finite and larger than inner, found " +
                       std::to_string(outer) + " and " + std::to_string(inner));
  if (num_cells < 1)
    throw InvalidInput("num_cells must be at least 1, found " + std::to_string(num_cells));
  if (!(growth > 0.0) || !std::isfinite(growth))
    throw InvalidInput("growth must be positive and finite, found " + std::to_string(growth));
  const double ratio = num_cells > 1 ? std::pow(growth, 1.0 / (num_cells - 1)) : 1.0;
  double width = 1.0, total = 0.0;
  std::vector<double> sums{0.0};
  for (int i = 0; i < num_cells; ++i) {
    total += width;
    sums.push_back(total);
    width *= ratio;
  }
  std::vector<double> faces;
  for (const double sum : sums) faces.push_back(inner + (outer - inner) * (sum / total));
  faces.back() = outer;
  return faces;
}

}  // namespace krogh::space
