// Transport of a volume run as arrays over voxels: conductances, exchanges, sides, flow.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "simulate/volume_engine.hpp"

namespace krogh::simulate {

void VolumeEngine::place_transport() {
  VolumeBlock& b = block_;
  const std::int64_t n = grid_.num_voxels(), m = b.num_mobile;
  const auto num_exchanges = static_cast<std::int64_t>(problem_.exchange.size());
  b.num_exchanges = static_cast<int>(num_exchanges);
  num_entries_ = static_cast<int>(num_exchanges + 6 * m);
  faces_ = AlignedArray<float>(idx(3 * m * b.stride));
  b.has_two_rates = !now_.exchange_out_rates.empty();
  const std::int64_t num_out = b.has_two_rates ? num_exchanges : 0;
  constants_of_voxels_ = AlignedBuffer(idx((m + num_exchanges + num_out) * b.stride));
  volumes_ = AlignedBuffer(idx(b.stride));
  fractions_ = AlignedBuffer(idx(2 * m * b.stride));
  has_even_volumes_ = has_even_fractions_ = false;
  double* next = constants_of_voxels_.data();
  auto take = [&](std::int64_t count) {
    double* const start = next;
    next += count * b.stride;
    return start;
  };
  double* volume = volumes_.data();
  double* fraction = fractions_.data();
  double* inverse = fraction + m * b.stride;
  double* loss = take(m);
  double* exchange = take(num_exchanges);
  double* exchange_out = b.has_two_rates ? take(num_out) : exchange;
  for (std::int64_t k = 0; k < n; ++k) {
    if (inside_[idx(k)] == 0) continue;
    const std::int64_t x = k % b.shape[0], r = k / b.shape[0];
    volume[k] = b.widths[0][x] * b.widths[1][r % b.shape[1]] * b.widths[2][r / b.shape[1]];
  }
  outside_inputs_.assign(idx(num_entries_), -1);
  exchange_mobile_.clear();
  for (std::int64_t e = 0; e < num_exchanges; ++e) {
    const VolumeExchange& of = problem_.exchange[idx(e)];
    exchange_mobile_.push_back(of.mobile);
    outside_inputs_[idx(e)] = of.input;
    const std::vector<double> rate = spread(now_.exchange_rates, e, num_exchanges, 0.0);
    for (std::int64_t k = 0; k < n; ++k) exchange[e * b.stride + k] = rate[idx(k)] * volume[k];
    if (b.has_two_rates) {
      const std::vector<double> out = spread(now_.exchange_out_rates, e, num_exchanges, 0.0);
      for (std::int64_t k = 0; k < n; ++k) exchange_out[e * b.stride + k] = out[idx(k)] * volume[k];
    }
    for (std::int64_t k = 0; k < n && of.factor_state < 0; ++k)
      loss[of.mobile * b.stride + k] += exchange_out[e * b.stride + k];
  }
  sides_.resize(idx(m));
  side_pointers_.assign(idx(6 * m), nullptr);
  side_out_pointers_.assign(idx(6 * m), nullptr);
  b.has_flow = std::any_of(now_.velocity.begin(), now_.velocity.end(),
                           [](std::span<const double> v) { return !v.empty(); });
  if (b.has_flow) {
    convection_ = AlignedBuffer(idx(3 * m * b.stride));
    corrections_ = AlignedArray<float>(idx(3 * m * b.stride));
  }
  std::vector<space::VoxelConductances> conductances;
  std::array<bool, 3> periodic{};
  for (std::int64_t j = 0; j < m; ++j) {
    const VolumeMobile& mobile = problem_.mobile[idx(j)];
    std::array<std::vector<double>, 3> diffusivity;
    std::array<std::span<const double>, 3> views;
    for (std::int64_t d = 0; d < 3; ++d) {
      const std::int64_t axis = problem_.axes == 3 ? d : 0;
      diffusivity[idx(d)] =
          spread(problem_.diffusivity, j * problem_.axes + axis, m * problem_.axes, 0.0);
      views[idx(d)] = diffusivity[idx(d)];
      periodic[idx(d)] =
          periodic[idx(d)] || mobile.sides[idx(2 * d)].kind == space::SideKind::periodic;
    }
    std::vector<double> eps = spread(problem_.fraction, j, m, 1.0);
    if (!problem_.partition.empty()) {
      const std::vector<double> partition = spread(problem_.partition, j, m, 1.0);
      for (std::size_t k = 0; k < eps.size(); ++k) eps[k] *= partition[k];
    }
    for (std::int64_t k = 0; k < n; ++k) {
      if (inside_[idx(k)] == 0) continue;
      fraction[j * b.stride + k] = eps[idx(k)];
      inverse[j * b.stride + k] = 1.0 / eps[idx(k)];
    }
    look();
    std::vector<space::RegionMembrane> membranes;
    for (const VolumeMembrane& membrane : problem_.membranes)
      if (membrane.mobile == j) membranes.push_back(membrane.between);
    conductances.push_back(space::voxel_conductances(grid_, inside_, views, eps, mobile.sides,
                                                     problem_.regions, membranes));
    if (b.has_flow) {
      look();
      const std::vector<double> retardation = problem_.retardation.empty()
                                                  ? std::vector<double>(idx(n), 1.0)
                                                  : spread(problem_.retardation, j, m, 1.0);
      space::add_flow(grid_, inside_, now_.velocity, retardation, mobile.sides, problem_.regions,
                      membranes, conductances.back());
      for (std::size_t d = 0; d < 3; ++d) {
        const std::int64_t at = (static_cast<std::int64_t>(d) * m + j) * b.stride;
        std::copy(conductances.back().convection[d].begin(),
                  conductances.back().convection[d].end(), convection_.data() + at);
        if (problem_.is_corrected)
          std::copy(conductances.back().correction[d].begin(),
                    conductances.back().correction[d].end(), corrections_.data() + at);
      }
    }
    for (std::size_t d = 0; d < 3; ++d)
      std::transform(conductances.back().faces[d].begin(), conductances.back().faces[d].end(),
                     faces_.data() + (static_cast<std::int64_t>(d) * m + j) * b.stride,
                     [](double g) { return static_cast<float>(g); });
    sides_[idx(j)][0] = conductances.back().sides;
    sides_[idx(j)][1] = b.has_flow ? conductances.back().sides_out : conductances.back().sides;
    for (std::size_t side = 0; side < 6; ++side) {
      const std::vector<double>& out = sides_[idx(j)][1][side];
      if (out.empty()) continue;
      look();
      side_pointers_[idx(6 * j) + side] = sides_[idx(j)][0][side].data();
      side_out_pointers_[idx(6 * j) + side] = out.data();
      outside_inputs_[idx(num_exchanges + 6 * j) + side] = mobile.inputs[side];
      std::size_t at = 0;
      for (std::int64_t k = 0; k < n; ++k) {
        const std::int64_t r = k / b.shape[0];
        const std::int64_t position[3] = {k % b.shape[0], r % b.shape[1], r / b.shape[1]};
        const std::int64_t last = b.shape[side / 2] - 1;
        if (position[side / 2] == (side % 2 == 0 ? 0 : last)) loss[j * b.stride + k] += out[at++];
      }
    }
  }
  b.volume = volume;
  b.fraction = fraction;
  b.inverse_fraction = inverse;
  b.fraction_stride = b.stride;
  b.loss = b.row_loss = loss;
  b.has_loss = std::any_of(loss, loss + m * b.stride, [](double v) { return v > 0.0; });
  b.exchange = b.exchange_now = exchange;
  b.exchange_out = b.exchange_out_now = exchange_out;
  b.exchange_mobile = exchange_mobile_.data();
  b.sides = side_pointers_.data();
  b.sides_out = side_out_pointers_.data();
  for (std::int64_t d = 0; d < 3; ++d) {
    b.faces[d] = faces_.data() + d * m * b.stride;
    b.periodic[d] = periodic[idx(d)];
    if (!b.has_flow) continue;
    b.convection[d] = convection_.data() + d * m * b.stride;
    b.correction[d] = corrections_.data() + d * m * b.stride;
    place_slopes(d);
    b.upstream[d] = upstream_[idx(d)].data();
  }
  look();
  connected_ = space::connected_regions(grid_, inside_, conductances);
  look();
  num_connected_ = 1 + *std::max_element(connected_.begin(), connected_.end());
  b.regions = num_connected_ > 1 ? connected_.data() : nullptr;

  if (b.has_flow) place_row_loss();
  place_systems(periodic);
  place_even();
}

/// Keeps volumes and fractions for one piece where they are the same everywhere, and no voxel is
/// outside: they then come from the cache.
void VolumeEngine::place_even() {
  VolumeBlock& b = block_;
  const std::int64_t n = grid_.num_voxels(), sets = 2 * std::int64_t{b.num_mobile};
  const linalg::Level& level = systems_.front().multigrid->finest();
  const std::int64_t rows = std::min(linalg::rows_per_piece(level), level.num_rows());
  const std::int64_t length = (rows * grid_.shape[0] + 7) / 8 * 8 + 8;
  if (length >= n || num_inside_ < n) return;
  auto compress = [&](AlignedBuffer& of, std::int64_t count) {
    for (std::int64_t s = 0; s < count; ++s)
      for (std::int64_t k = 1; k < n; ++k)
        if (of.data()[s * b.stride + k] != of.data()[s * b.stride]) return false;
    AlignedBuffer one(idx(count * length));
    for (std::int64_t s = 0; s < count; ++s)
      std::fill_n(one.data() + s * length, length, of.data()[s * b.stride]);
    of = std::move(one);
    return true;
  };
  has_even_volumes_ = compress(volumes_, 1);
  has_even_fractions_ = compress(fractions_, sets);
  b.volume = volumes_.data();
  b.even_volume = has_even_volumes_ ? volumes_.data()[0] : 0.0;
  b.fraction = fractions_.data();
  if (has_even_fractions_) b.fraction_stride = length;
  b.inverse_fraction = b.fraction + b.num_mobile * b.fraction_stride;
}

/// What leaves a voxel per C/eps beyond what comes in where all voxels hold the same.
void VolumeEngine::place_row_loss() {
  VolumeBlock& b = block_;
  const std::int64_t m = b.num_mobile;
  row_loss_ = AlignedBuffer(idx(m * b.stride));
  double* rows = row_loss_.data();
  std::copy_n(b.loss, m * b.stride, rows);
  std::int64_t step = 1;
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t count = b.shape[d];
    for (std::int64_t j = 0; j < m; ++j)
      for (std::int64_t k = 0; k < b.num_voxels; ++k) {
        const double flow = b.convection[d][j * b.stride + k];
        const std::int64_t before = k / step % count > 0 ? k - step : k + (count - 1) * step;
        rows[j * b.stride + k] -= flow;
        rows[j * b.stride + before] += flow;
      }
    step *= count;
  }
  b.row_loss = rows;
}

/// How slopes upstream compare with those at faces along a direction: distances of centers.
void VolumeEngine::place_slopes(std::int64_t direction) {
  const std::vector<double>& widths = grid_.widths[idx(direction)];
  const auto count = static_cast<std::int64_t>(widths.size());
  auto distance = [&](std::int64_t face) {
    const std::int64_t before = (face + 2 * count - 1) % count, here = (face + count) % count;
    return 0.5 * (widths[idx(before)] + widths[idx(here)]);
  };
  std::vector<double>& found = upstream_[idx(direction)];
  found.clear();
  for (const std::int64_t step : {-1, 1})
    for (std::int64_t i = 0; i < count; ++i) found.push_back(distance(i) / distance(i + step));
}

}  // namespace krogh::simulate
