// Linear systems of a stage, and what is added up by connected region; included by stepper kernels.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "simulate/volume_transport.kernel.hpp"

namespace krogh::KROGH_ISA {
namespace {

/// A row of voxels as the two rows of the multigrid, by color, that hold every other of them.
struct RowHalves {
  long first;    ///< number of the row's first voxel
  long row;      ///< of the level
  int color[2];  ///< of the voxels at even and at odd x
};

KROGH_INLINE RowHalves row_halves(const VolumeBlock& b, long r) {
  const long y = r % b.shape[1], z = r / b.shape[1];
  const int even = static_cast<int>((y + z) & 1);
  return {r * b.shape[0], (z + 1) * (b.shape[1] + 2) + y + 1, {even, 1 - even}};
}

/// Numbers of the voxels at even and at odd x in an array of a level.
template <class Number>
struct Halves {
  Number* half[2];
};

/// Number `j` of these points in an array of a system with `per_point` numbers.
template <class Number>
KROGH_INLINE Halves<Number> halves_of(const simulate::VolumeSystem& system, const RowHalves& c,
                                      Number* array, long j, long per_point) {
  const auto at = [&](int color) {
    return array + ((color * system.level.all_rows() + c.row) * per_point + j) * system.level.pitch;
  };
  return {{at(c.color[0]), at(c.color[1])}};
}

/// The system of mobile state j, and its points in a vector of the system.
KROGH_INLINE const simulate::VolumeSystem& system_of(const VolumeBlock& b, int j) {
  return b.systems[b.system_of[j]];
}
template <class Number>
KROGH_INLINE Halves<Number> halves_in_vector(const VolumeBlock& b, const RowHalves& c,
                                             Number* vector, int j) {
  const simulate::VolumeSystem& system = system_of(b, j);
  return halves_of(system, c, vector, b.component_of[j], system.count);
}

/// Calls `work(x, number of the half, place in it)` along a row, both halves side by side.
template <class Work>
KROGH_INLINE void each_pair(const VolumeBlock& b, const Work& work) {
  const long pairs = b.shape[0] / 2;
  KROGH_SIMD
  for (long i = 0; i < pairs; ++i) {
    work(2 * i, 0, i);
    work(2 * i + 1, 1, i);
  }
  if (b.shape[0] % 2 != 0) work(2 * pairs, 0, pairs);
}

/// Local blocks of the linear system, -V S eps and what exchanges and sides take; one outside.
void assemble_operator(const VolumeBlock& b, const VolumePiece& p) {
  const int m = b.num_mobile;
  for (long r = p.first_row; r < p.end_row; ++r) {
    const RowHalves c = row_halves(b, r);
    for (int j = 0; j < m; ++j)
      for (int l = 0; l < m; ++l) {
        if (b.system_of[l] != b.system_of[j]) continue;
        const simulate::VolumeSystem& system = system_of(b, j);
        const long count = system.count;
        const Halves<float> to =
            halves_of(system, c, system.level.local, b.component_of[j] * count + b.component_of[l],
                      count * count);
        const double* schur = b.schur + (j * m + l) * b.stride + c.first;
        const double* fraction = b.fraction + l * b.fraction_stride + c.first;
        const double* volume = b.volume + c.first;
        const double* loss = b.row_loss + j * b.stride + c.first;
        const double scale = b.unit[l] / b.unit[j];
        const double one = j == l ? 1.0 : 0.0;
        if (j == l && (b.has_loss || b.has_flow)) {
          each_pair(b, [&](long x, int half, long i) {
            const double value = fma_(-volume[x] * schur[x], fraction[x], loss[x]);
            to.half[half][i] = static_cast<float>(volume[x] > 0.0 ? value * scale : one);
          });
        } else {
          each_pair(b, [&](long x, int half, long i) {
            const double value = -volume[x] * schur[x] * fraction[x];
            to.half[half][i] = static_cast<float>(volume[x] > 0.0 ? value * scale : one);
          });
        }
      }
  }
}

/// Adds what exchanges bring for concentrations outside to a row of right-hand sides.
KROGH_INLINE void add_supply(const VolumeBlock& b, const RowHalves& c, const double* outside) {
  for (int e = 0; e < b.num_exchanges; ++e) {
    const int j = b.exchange_mobile[e];
    const Halves<float> to = halves_in_vector(b, c, system_of(b, j).right, j);
    const double* rate = b.exchange + e * b.stride + c.first;
    const double given = outside[e] / b.unit[j];
    each_pair(b, [&](long x, int half, long i) {
      to.half[half][i] += static_cast<float>(rate[x] * given);
    });
  }
}

/// Right-hand side of the linear system.
void assemble_right(const VolumeBlock& b, const VolumePiece& p) {
  for (long r = p.first_row; r < p.end_row; ++r) {
    const RowHalves c = row_halves(b, r);
    for (int j = 0; j < b.num_mobile; ++j) {
      const Halves<float> to = halves_in_vector(b, c, system_of(b, j).right, j);
      const double* reduced = b.reduced + j * b.stride + c.first;
      const double* volume = b.volume + c.first;
      const double scale = 1.0 / b.unit[j];
      each_pair(b, [&](long x, int half, long i) {
        to.half[half][i] = static_cast<float>(-volume[x] * reduced[x] * scale);
      });
    }
    if (b.has_change) add_supply(b, c, b.change);
  }
}

/// Calls `visit(value, is_first)` with functions of (half, place) whose sum is a row of the
/// solution for mobile state j, times `factor`. Two parts at a time: rarely are there more.
template <class Visit>
KROGH_INLINE void each_part(const VolumeBlock& b, const RowHalves& c, int j, double factor,
                            const Visit& visit) {
  const linalg::Combination& of = b.solutions[b.system_of[j]];
  if (of.count == 0) visit([](int, long) { return 0.0; }, true);
  for (int k = 0; k < of.count; k += 2) {
    const int next = k + 1 < of.count ? k + 1 : k;
    const Halves<const float> one = halves_in_vector(b, c, of.parts[k], j);
    const Halves<const float> other = halves_in_vector(b, c, of.parts[next], j);
    const double f = of.factors[k] * factor, g = next > k ? of.factors[next] * factor : 0.0;
    visit(
        [=](int half, long i) {
          return fma_(f, static_cast<double>(one.half[half][i]),
                      g * static_cast<double>(other.half[half][i]));
        },
        k == 0);
  }
}

/// Takes what earlier systems have found into the right-hand sides of one.
void couple(const VolumeBlock& b, const VolumePiece& p, int number) {
  for (int f = 0; f < b.num_links; ++f) {
    const int j = b.links[f].to, l = b.links[f].from;
    if (b.system_of[j] != number) continue;
    const double scale = b.unit[l] / b.unit[j];
    for (long r = p.first_row; r < p.end_row; ++r) {
      const RowHalves c = row_halves(b, r);
      const Halves<float> to = halves_in_vector(b, c, system_of(b, j).right, j);
      const double* schur = b.schur + (j * b.num_mobile + l) * b.stride + c.first;
      const double* fraction = b.fraction + l * b.fraction_stride + c.first;
      const double* volume = b.volume + c.first;
      each_part(b, c, l, scale, [&](const auto& value, bool) {
        each_pair(b, [&](long x, int half, long i) {
          to.half[half][i] +=
              static_cast<float>(volume[x] * schur[x] * fraction[x] * value(half, i));
        });
      });
    }
  }
}

/// Right-hand side of what exchanges bring for given concentrations outside.
void supply(const VolumeBlock& b, const VolumePiece& p, const double* outside) {
  for (long r = p.first_row; r < p.end_row; ++r) {
    const RowHalves c = row_halves(b, r);
    for (int j = 0; j < b.num_mobile; ++j) {
      const Halves<float> to = halves_in_vector(b, c, system_of(b, j).right, j);
      each_pair(b, [&](long, int half, long i) { to.half[half][i] = 0.0F; });
    }
    add_supply(b, c, outside);
  }
}

/// Position of a connected region among those of a piece.
KROGH_INLINE long slot_of(const VolumePiece& p, std::int32_t region) {
  long low = 0, high = p.num_regions - 1;
  while (low < high) {
    const long middle = (low + high) / 2;
    if (p.regions[middle] < region) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Calls `visit(first, end, region)` for the runs of voxels of one connected region, -1 outside.
template <class Visit>
KROGH_INLINE void each_run(const VolumeBlock& b, const VolumePiece& p, const Visit& visit) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  if (b.regions == nullptr) {
    visit(first, end, 0);
    return;
  }
  for (long k = first; k < end;) {
    const std::int32_t region = b.regions[k];
    long until = k + 1;
    while (until < end && b.regions[until] == region) ++until;
    visit(k, until, region);
    k = until;
  }
}

/// The solution in double precision.
void extract(const VolumeBlock& b, const VolumePiece& p, double* target) {
  for (long r = p.first_row; r < p.end_row; ++r) {
    const RowHalves c = row_halves(b, r);
    for (int j = 0; j < b.num_mobile; ++j) {
      double* to = target + j * b.stride + c.first;
      each_part(b, c, j, b.unit[j], [&](const auto& value, bool is_first) {
        if (is_first) {
          each_pair(b, [&](long x, int half, long i) { to[x] = value(half, i); });
        } else {
          each_pair(b, [&](long x, int half, long i) { to[x] += value(half, i); });
        }
      });
    }
  }
}

/// What exchanges let out of (mobile, n) values of C/eps.
void add_exchanged(const VolumeBlock& b, const VolumePiece& p, const double* values, double* sums) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int e = 0; e < b.num_exchanges; ++e) {
    const double* rate = b.exchange_out + e * b.stride;
    const double* x = values + b.exchange_mobile[e] * b.stride;
    sums[e] += sum_of(first, end, [&](long k) { return rate[k] * x[k]; });
  }
}

/// Rates that follow a state of their voxel; at the start of a step also those of its linear
/// systems.
void follow_rates(const VolumeBlock& b, const VolumePiece& p, int s) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int j = 0; j < b.num_mobile && s == 0; ++j) {
    const double* rest = b.rest_loss + j * b.stride;
    double* loss = b.own_loss + j * b.stride;
    KROGH_SIMD
    for (long k = first; k < end; ++k) loss[k] = rest[k];
  }
  for (int e = 0; e < b.num_exchanges; ++e) {
    if (b.factor_of[e] < 0) continue;
    const double* factor = b.follow + b.factor_of[e] * b.stride;
    for (int way = 0; way < (b.has_two_rates ? 2 : 1); ++way) {  // of what enters, and of C/eps
      const double* rest = b.rest_exchange[way] + e * b.stride;
      double* now = b.own_exchange_now[way] + e * b.stride;
      double* rate = b.own_exchange[way] + e * b.stride;
      KROGH_SIMD
      for (long k = first; k < end; ++k) now[k] = rest[k] * factor[k];
      if (s > 0) continue;
      KROGH_SIMD
      for (long k = first; k < end; ++k) rate[k] = now[k];
    }
    if (s > 0) continue;
    const double* out = b.exchange_out + e * b.stride;
    double* loss = b.own_loss + b.exchange_mobile[e] * b.stride;
    KROGH_SIMD
    for (long k = first; k < end; ++k) loss[k] += out[k];
  }
}

/// What feeds of the plasma bring per time.
void add_feeds(const VolumeBlock& b, const VolumePiece& p, double* fed) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int f = 0; f < b.num_feeds; ++f) {
    const double* value = b.follow + b.feed_of[f] * b.stride;
    fed[f] +=
        b.feed_factors[f] * sum_of(first, end, [&](long k) { return b.volume[k] * value[k]; });
  }
}

/// Sums of rate V by connected region, of what enters, then of what leaves.
void add_rates(const VolumeBlock& b, const VolumePiece& p, double* sums) {
  each_run(b, p, [&](long first, long end, std::int32_t region) {
    if (region < 0) return;
    double* own = sums + (b.regions == nullptr ? 0 : slot_of(p, region)) * 2 * b.num_exchanges;
    for (int e = 0; e < b.num_exchanges; ++e) {
      const double* rate = b.exchange + e * b.stride;
      const double* out = b.exchange_out + e * b.stride;
      own[e] += sum_of(first, end, [&](long k) { return rate[k]; });
      own[b.num_exchanges + e] += sum_of(first, end, [&](long k) { return out[k]; });
    }
  });
}

/// Adds the answers to the unknowns of the plasma.
void add_responses(const VolumeBlock& b, const VolumePiece& p) {
  const long first = p.first_row * b.shape[0], end = p.end_row * b.shape[0];
  for (int q = 0; q < b.num_responses; ++q)
    for (int j = 0; j < b.num_mobile; ++j) {
      const double* response = b.responses + (static_cast<long>(q) * b.num_mobile + j) * b.stride;
      const double weight = b.kept[q];
      double* x = b.free + j * b.stride;
      KROGH_SIMD
      for (long k = first; k < end; ++k) x[k] = fma_(weight, response[k], x[k]);
    }
}

/// Residuals of the solution region by region. What passes between voxels adds up to zero in a
/// region, so the local parts are all there is to sum.
void residual(const VolumeBlock& b, const VolumePiece& p, bool with_operator, double* sums) {
  const int m = b.num_mobile;
  const int per_region = m + m * m;
  each_run(b, p, [&](long first, long end, std::int32_t region) {
    if (region < 0) return;
    double* own = sums + (b.regions == nullptr ? 0 : slot_of(p, region)) * per_region;
    for (int j = 0; j < m; ++j) {
      const double* reduced = b.reduced + j * b.stride;
      const double* loss = b.loss + j * b.stride;
      const double* mine = b.free + j * b.stride;
      const double* own_schur = b.schur + (j * m + j) * b.stride;
      const double* own_fraction = b.fraction + j * b.fraction_stride;
      const double* volume = b.volume;
      own[j] += b.has_loss
                    ? sum_of(first, end,
                             [&](long k) {
                               const double local = own_schur[k] * own_fraction[k] * mine[k];
                               return fma_(volume[k], local - reduced[k], -(loss[k] * mine[k]));
                             })
                    : sum_of(first, end, [&](long k) {
                        const double local = own_schur[k] * own_fraction[k] * mine[k];
                        return volume[k] * (local - reduced[k]);
                      });
      for (int l = 0; l < m; ++l) {
        const double* schur = b.schur + (j * m + l) * b.stride;
        const double* fraction = b.fraction + l * b.fraction_stride;
        const double* x = b.free + l * b.stride;
        if (l != j)
          own[j] +=
              sum_of(first, end, [&](long k) { return volume[k] * schur[k] * fraction[k] * x[k]; });
        if (!with_operator) continue;
        double& sum = own[m + j * m + l];
        sum += sum_of(first, end, [&](long k) { return -b.volume[k] * schur[k] * fraction[k]; });
        if (j == l && b.has_loss) sum += sum_of(first, end, [&](long k) { return loss[k]; });
      }
    }
    for (int e = 0; e < b.num_exchanges && b.has_change; ++e) {
      const double* rate = b.exchange + e * b.stride;
      const double change = b.change[e];
      own[b.exchange_mobile[e]] += sum_of(first, end, [&](long k) { return rate[k] * change; });
    }
  });
}

/// Adds the constants of the regions and stores the unknowns of a stage.
void correct(const VolumeBlock& b, const VolumePiece& p, const double* constants, int s) {
  const int m = b.num_mobile;
  const long start = p.first_row * b.shape[0];
  each_run(b, p, [&](long first, long end, std::int32_t region) {
    for (int j = 0; j < m; ++j) {
      const double constant = region < 0 ? 0.0 : constants[static_cast<long>(region) * m + j];
      const double* fraction = b.fraction + j * b.fraction_stride;
      double* x = b.free + j * b.stride;
      double* u = b.stages[s] + place_of_state(b, b.mobile[j], p.first_group) - start;
      KROGH_SIMD
      for (long k = first; k < end; ++k) {
        x[k] += constant;
        u[k] = x[k] * fraction[k];
      }
    }
  });
}

}  // namespace
}  // namespace krogh::KROGH_ISA
