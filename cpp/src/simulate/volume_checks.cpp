// What a volume problem must be like.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/volume_checks.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace krogh::simulate {
namespace {

std::size_t idx(std::int64_t i) { return static_cast<std::size_t>(i); }

bool is_finite(double v) { return std::isfinite(v); }
bool is_not_negative(double v) { return std::isfinite(v) && v >= 0.0; }

void require_size(std::span<const double> values, const char* name, std::int64_t size) {
  if (static_cast<std::int64_t>(values.size()) != size)
    throw InvalidInput(std::string(name) + ": found " + std::to_string(values.size()) +
                       " values, expected " + std::to_string(size));
}

template <class Test>
void require_values(std::span<const double> values, const char* name, const char* condition,
                    const Test& is_valid) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!is_valid(values[i]))
      throw InvalidInput(std::string(name) + " must be " + condition + ", found " +
                         std::to_string(values[i]) + " at position " + std::to_string(i));
}

void require_increasing(std::span<const double> values, const char* name, bool strictly) {
  for (std::size_t i = 1; i < values.size(); ++i)
    if (!(strictly ? values[i] > values[i - 1] : values[i] >= values[i - 1]))
      throw InvalidInput(std::string(name) + " must increase, but position " + std::to_string(i) +
                         " has " + std::to_string(values[i]) + " after " +
                         std::to_string(values[i - 1]));
}

void require_indices(const std::vector<std::int32_t>& indices, const char* name,
                     std::int64_t limit) {
  std::vector<char> seen(idx(limit), 0);
  for (const std::int32_t i : indices) {
    if (i < 0 || i >= limit)
      throw InvalidInput(std::string(name) + " names item " + std::to_string(i) + " of " +
                         std::to_string(limit));
    if (seen[idx(i)] != 0)
      throw InvalidInput(std::string(name) + " names item " + std::to_string(i) + " twice");
    seen[idx(i)] = 1;
  }
}

/// Values by voxel or by region, `sets` of them one after the other; those of voxels outside are
/// not looked at.
template <class Test>
void require_places(const VolumeProblem& p, std::int64_t voxels, std::span<const double> values,
                    const char* name, std::int64_t sets, const char* condition,
                    const Test& is_valid) {
  const auto found = static_cast<std::int64_t>(values.size());
  if (found == sets * p.num_regions) {
    require_values(values, name, condition, is_valid);
    return;
  }
  if (found != sets * voxels)
    throw InvalidInput(std::string(name) + ": found " + std::to_string(found) +
                       " values, expected " + std::to_string(sets * p.num_regions) +
                       " (by region) or " + std::to_string(sets * voxels) + " (by voxel)");
  for (std::int64_t i = 0; i < found; ++i)
    if ((p.regions.empty() || p.regions[idx(i % voxels)] != space::outside_region) &&
        !is_valid(values[idx(i)]))
      throw InvalidInput(std::string(name) + " must be " + condition + ", found " +
                         std::to_string(values[idx(i)]) + " in voxel " +
                         std::to_string(i % voxels) + " of set " + std::to_string(i / voxels));
}

void validate_regions(const VolumeProblem& p, std::int64_t voxels) {
  if (p.num_regions < 1 || p.num_regions > 255)
    throw InvalidInput("num_regions must lie between 1 and 255, found " +
                       std::to_string(p.num_regions));
  if (p.regions.empty()) {
    if (p.num_regions != 1) throw InvalidInput("more than one region needs `regions`");
    return;
  }
  if (static_cast<std::int64_t>(p.regions.size()) != voxels)
    throw InvalidInput("regions: found " + std::to_string(p.regions.size()) + " voxels, expected " +
                       std::to_string(voxels));
  bool any = false;
  for (std::size_t k = 0; k < p.regions.size(); ++k) {
    if (p.regions[k] == space::outside_region) continue;
    any = true;
    if (p.regions[k] >= p.num_regions)
      throw InvalidInput("regions: voxel " + std::to_string(k) + " has region " +
                         std::to_string(p.regions[k]) + " of " + std::to_string(p.num_regions));
  }
  if (!any) throw InvalidInput("regions: every voxel lies outside (255)");
}

void validate_mobile(const model::Program& program, const VolumeProblem& p,
                     const space::VoxelGrid& grid) {
  if (p.mobile.empty() || static_cast<std::int64_t>(p.mobile.size()) > max_volume_mobile)
    throw InvalidInput("mobile: a volume needs 1 to " + std::to_string(max_volume_mobile) +
                       " states that move, found " + std::to_string(p.mobile.size()));
  std::vector<std::int32_t> states;
  for (const VolumeMobile& m : p.mobile) states.push_back(m.state);
  require_indices(states, "mobile", program.num_states());
  for (const VolumeMobile& m : p.mobile) {
    const std::string& name = program.spec().state_names[idx(m.state)];
    for (std::size_t side = 0; side < 6; ++side) {
      const std::string which = "side " + std::to_string(side) + " of '" + name + "'";
      if (m.inputs[side] < -1 || m.inputs[side] >= p.num_inputs)
        throw InvalidInput(which + " names input " + std::to_string(m.inputs[side]) + " of " +
                           std::to_string(p.num_inputs));
      if (!is_not_negative(m.sides[side].permeability))
        throw InvalidInput(which + ": permeability must be finite and not negative, found " +
                           std::to_string(m.sides[side].permeability));
      const bool is_periodic = m.sides[side].kind == space::SideKind::periodic;
      if (is_periodic != (m.sides[side ^ 1].kind == space::SideKind::periodic))
        throw InvalidInput(which + ": both sides of a direction must be periodic, or none");
      if (is_periodic && grid.shape[side / 2] == 1)
        throw InvalidInput(which + ": a direction with one voxel cannot be periodic");
    }
  }
}

void validate_membranes(const VolumeProblem& p) {
  for (std::size_t i = 0; i < p.membranes.size(); ++i) {
    const VolumeMembrane& m = p.membranes[i];
    const std::string which = "membrane " + std::to_string(i);
    if (m.mobile < 0 || m.mobile >= static_cast<std::int64_t>(p.mobile.size()))
      throw InvalidInput(which + " names mobile state " + std::to_string(m.mobile) + " of " +
                         std::to_string(p.mobile.size()));
    if (m.between.first >= p.num_regions || m.between.second >= p.num_regions ||
        m.between.first == m.between.second)
      throw InvalidInput(which + " must lie between two of " + std::to_string(p.num_regions) +
                         " regions, found " + std::to_string(m.between.first) + " and " +
                         std::to_string(m.between.second));
    if (!is_not_negative(m.between.permeability))
      throw InvalidInput(which + ": permeability must be finite and not negative, found " +
                         std::to_string(m.between.permeability));
  }
}

/// Fluid may pass only where a state can go with it.
void validate_flow(const model::Program& program, const VolumeProblem& p,
                   const space::VoxelGrid& grid) {
  const std::int64_t m = static_cast<std::int64_t>(p.mobile.size()), n = grid.num_voxels();
  if (p.velocity[0].empty() && p.velocity[1].empty() && p.velocity[2].empty()) {
    if (!p.retardation.empty()) throw InvalidInput("retardation needs a velocity");
    return;
  }
  constexpr const char* names[] = {"velocity along x", "velocity along y", "velocity along z"};
  double largest = 0.0;
  for (std::size_t d = 0; d < 3; ++d) {
    require_size(p.velocity[d], names[d], n / grid.shape[d] * (grid.shape[d] + 1));
    require_values(p.velocity[d], names[d], "finite", is_finite);
    for (const double v : p.velocity[d]) largest = std::max(largest, std::abs(v));
  }
  if (!p.retardation.empty())
    require_places(p, n, p.retardation, "retardation", m, "finite and not negative",
                   is_not_negative);
  const double least = 1e-12 * largest;
  auto inside = [&](std::int64_t k) {
    return p.regions.empty() || p.regions[idx(k)] != space::outside_region;
  };
  for (std::size_t d = 0; d < 3; ++d) {
    const std::int64_t step =
        d == 0 ? 1 : (d == 1 ? grid.shape[0] : std::int64_t{grid.shape[0]} * grid.shape[1]);
    const std::int64_t count = grid.shape[d];
    for (std::int64_t k = 0; k < n; ++k) {
      const std::int64_t at = k / step % count;
      // Faces before k are numbered as voxels with one more along the direction.
      const std::int64_t face = k / (step * count) * (step * (count + 1)) + k % (step * count);
      const double low = p.velocity[d][idx(face)], high = p.velocity[d][idx(face + step)];
      if (at > 0 && std::abs(low) > least && inside(k) != inside(k - step))
        throw InvalidInput(std::string(names[d]) + ": fluid passes between voxel " +
                           std::to_string(k - step) + " and voxel " + std::to_string(k) +
                           ", of which one lies outside");
      if (!inside(k) || (at > 0 && at < count - 1)) continue;
      const double other = at == 0 ? p.velocity[d][idx(face + count * step)] : low;
      const bool is_periodic =
          std::any_of(p.mobile.begin(), p.mobile.end(), [d](const VolumeMobile& of) {
            return of.sides[2 * d].kind == space::SideKind::periodic;
          });
      if (is_periodic && std::abs(other - low) > least)
        throw InvalidInput(std::string(names[d]) + ": what leaves a periodic side must enter at " +
                           "the other, found " + std::to_string(low) + " and " +
                           std::to_string(other) + " at voxel " + std::to_string(k));
      for (std::size_t j = 0; j < p.mobile.size(); ++j)
        for (std::size_t side = 2 * d; side < 2 * d + 2; ++side) {
          const bool is_here = side % 2 == 0 ? at == 0 : at == count - 1;
          const double passes = side % 2 == 0 ? low : high;
          if (!is_here || std::abs(passes) <= least) continue;
          if (p.mobile[j].sides[side].kind == space::SideKind::closed)
            throw InvalidInput(std::string(names[d]) + ": fluid passes side " +
                               std::to_string(side) + " at voxel " + std::to_string(k) +
                               ", which is closed for '" +
                               program.spec().state_names[idx(p.mobile[j].state)] +
                               "'; it must be open, fixed or a membrane");
        }
    }
  }
}

void validate_inputs(const VolumeProblem& p) {
  if (p.num_inputs < 0 || p.num_terms < 0)
    throw InvalidInput("num_inputs and num_terms must not be negative");
  const std::int64_t terms = std::int64_t{p.num_inputs} * p.num_terms;
  require_size(p.rates, "rates", terms);
  require_values(p.rates, "rates", "finite and not negative", is_not_negative);
  require_values(p.pulse_times, "pulse_times", "finite", is_finite);
  require_increasing(p.pulse_times, "pulse_times", false);
  require_size(p.pulse_amplitudes, "pulse_amplitudes",
               static_cast<std::int64_t>(p.pulse_times.size()) * terms);
  require_values(p.pulse_amplitudes, "pulse_amplitudes", "finite", is_finite);
  if (p.table_times.empty()) {
    if (!p.table_values.empty()) throw InvalidInput("table_values need table_times");
    return;
  }
  const auto points = static_cast<std::int64_t>(p.table_times.size());
  if (points < 2) throw InvalidInput("table_times: a table needs at least 2 points, found 1");
  require_values(p.table_times, "table_times", "finite", is_finite);
  require_increasing(p.table_times, "table_times", true);
  require_size(p.table_values, "table_values", p.num_inputs * points);
  require_values(p.table_values, "table_values", "finite", is_finite);
  if (p.table_times.front() > p.begin || p.table_times.back() < p.record_times.back())
    throw InvalidInput("table_times must cover the run from " + std::to_string(p.begin) + " to " +
                       std::to_string(p.record_times.back()) + ", found " +
                       std::to_string(p.table_times.front()) + " to " +
                       std::to_string(p.table_times.back()));
}

void require_kinetics(const model::Program& program, const std::string& initial, bool is_missing) {
  if (program.num_surfaces() > 0)
    throw InvalidInput(
        "a volume takes models without events and conditions (where, comparisons); " +
        (initial == "initial" ? std::string("this one") : "that of the plasma") + " has " +
        std::to_string(program.num_surfaces()));
  for (const char is_steady : program.spec().steady_initial)
    if (is_steady != 0 && is_missing)
      throw InvalidInput(initial +
                         ": a model that starts at its steady state needs given values here");
}

void validate_doses(const VolumeProblem& p) {
  const VolumePlasmaProblem& plasma = p.plasma;
  const std::size_t count = plasma.dose_times.size();
  if (plasma.dose_states.size() != count || plasma.dose_amounts.size() != count ||
      plasma.dose_kinds.size() != count)
    throw InvalidInput("dose_times, dose_states, dose_amounts and dose_kinds must have one length");
  for (std::size_t d = 0; d < count; ++d) {
    const std::string which = "dose " + std::to_string(d) + ": ";
    if (!std::isfinite(plasma.dose_times[d]) || !std::isfinite(plasma.dose_amounts[d]))
      throw InvalidInput(which + "time and amount must be finite");
    if (plasma.dose_times[d] < p.begin)
      throw InvalidInput(which + "its time " + std::to_string(plasma.dose_times[d]) +
                         " lies before the begin " + std::to_string(p.begin));
    if (d > 0 && plasma.dose_times[d] < plasma.dose_times[d - 1])
      throw InvalidInput(which + "its time lies before that of the dose before it");
    if (plasma.dose_states[d] < 0 || plasma.dose_states[d] >= plasma.program->num_states())
      throw InvalidInput(which + "there is no state " + std::to_string(plasma.dose_states[d]) +
                         " in the plasma's model of " +
                         std::to_string(plasma.program->num_states()));
    const DoseKind kind = plasma.dose_kinds[d];
    if (kind != DoseKind::bolus && kind != DoseKind::rate_change)
      throw InvalidInput(which + "its kind must be 0 (bolus) or 1 (change of the input rate)");
  }
}

void validate_plasma(const VolumeProblem& p) {
  const VolumePlasmaProblem& plasma = p.plasma;
  if (plasma.program == nullptr) {
    if (!plasma.exchange.empty() || !plasma.dose_times.empty() || !plasma.feeds.empty())
      throw InvalidInput("plasma_exchange, feeds and doses need a plasma model");
    return;
  }
  require_kinetics(*plasma.program, "plasma_initial", plasma.initial.empty());
  require_size(plasma.parameters, "plasma_parameters", plasma.program->num_parameters());
  require_values(plasma.parameters, "plasma_parameters", "finite", is_finite);
  if (!plasma.initial.empty())
    require_size(plasma.initial, "plasma_initial", plasma.program->num_states());
  require_values(plasma.initial, "plasma_initial", "finite", is_finite);
  const auto count = static_cast<std::int64_t>(plasma.exchange.size());
  std::vector<std::int32_t> exchanges;
  for (const VolumePlasmaExchange& e : plasma.exchange) {
    exchanges.push_back(e.exchange);
    if (e.state < 0 || e.state >= plasma.program->num_states())
      throw InvalidInput("plasma_exchange names state " + std::to_string(e.state) +
                         " of the plasma's " + std::to_string(plasma.program->num_states()));
  }
  require_indices(exchanges, "plasma_exchange", static_cast<std::int64_t>(p.exchange.size()));
  for (const std::int32_t e : exchanges)
    if (p.exchange[idx(e)].input >= 0)
      throw InvalidInput("plasma_exchange: exchange " + std::to_string(e) +
                         " has an input already");
  require_size(plasma.outside_factor, "outside_factor", count);
  require_values(plasma.outside_factor, "outside_factor", "finite and not negative",
                 is_not_negative);
  require_size(plasma.uptake_factor, "uptake_factor", count);
  require_values(plasma.uptake_factor, "uptake_factor", "finite and not negative", is_not_negative);
  validate_doses(p);
}

void validate_jumps(const model::Program& program, const VolumeProblem& p) {
  require_values(p.jump_times, "jump_times", "finite", is_finite);
  require_increasing(p.jump_times, "jump_times", true);
  require_indices(p.jump_states, "jump_states", program.num_states());
  if (p.jump_times.empty()) return;
  if (!p.jump || p.jump_states.empty())
    throw InvalidInput("jump_times need jump_states and a jump");
  if (p.jump_times.front() < p.begin)
    throw InvalidInput("jump_times may not lie before the begin, found " +
                       std::to_string(p.jump_times.front()) + " before " + std::to_string(p.begin));
}

void validate_changes(const model::Program& program, const VolumeProblem& p,
                      const space::VoxelGrid& grid) {
  VolumeProblem then = p;
  const std::int64_t n = grid.num_voxels();
  const auto exchanges = static_cast<std::int64_t>(p.exchange.size());
  const auto moves = [](const space::FaceVelocity& velocity) {
    return std::any_of(velocity.begin(), velocity.end(),
                       [](std::span<const double> v) { return !v.empty(); });
  };
  for (std::size_t i = 0; i < p.changes.size(); ++i) {
    const VolumeChange& change = p.changes[i];
    if (!std::isfinite(change.time) || (i > 0 && !(change.time > p.changes[i - 1].time)))
      throw InvalidInput("changes must have finite times that increase, found " +
                         std::to_string(change.time) + " at position " + std::to_string(i));
    if (moves(change.velocity)) {
      if (!moves(p.velocity))
        throw InvalidInput("a change brings a velocity, but the problem has none");
      then.velocity = change.velocity;
      validate_flow(program, then, grid);
    }
    if (!change.exchange_rates.empty())
      require_places(p, n, change.exchange_rates, "exchange_rates of a change", exchanges,
                     "finite and not negative", is_not_negative);
    if (change.exchange_out_rates.empty()) continue;
    if (p.exchange_out_rates.empty())
      throw InvalidInput("a change brings exchange_out_rates, but the problem has none");
    require_places(p, n, change.exchange_out_rates, "exchange_out_rates of a change", exchanges,
                   "finite and not negative", is_not_negative);
  }
}

}  // namespace

void validate_volume_problem(const model::Program& program, const VolumeProblem& p,
                             const space::VoxelGrid& grid) {
  require_kinetics(program, "initial", p.initial.empty());
  const std::int64_t n = grid.num_voxels();
  for (const int size : grid.shape)
    if (size > (1 << 15))
      throw InvalidInput("a direction may have at most 32768 voxels, found " +
                         std::to_string(size));
  validate_regions(p, n);
  validate_mobile(program, p, grid);
  const auto m = static_cast<std::int64_t>(p.mobile.size());
  if (p.axes != 1 && p.axes != 3)
    throw InvalidInput("axes of the diffusivity must be 1 or 3, found " + std::to_string(p.axes));
  require_places(p, n, p.diffusivity, "diffusivity", m * p.axes, "finite and not negative",
                 is_not_negative);
  require_places(p, n, p.fraction, "fraction", m, "larger than 0 and at most 1",
                 [](double v) { return v > 0.0 && v <= 1.0; });
  for (const VolumeExchange& e : p.exchange) {
    if (e.mobile < 0 || e.mobile >= m)
      throw InvalidInput("exchange names mobile state " + std::to_string(e.mobile) + " of " +
                         std::to_string(m));
    if (e.input < -1 || e.input >= p.num_inputs)
      throw InvalidInput("exchange names input " + std::to_string(e.input) + " of " +
                         std::to_string(p.num_inputs));
    if (e.factor_state < -1 || e.factor_state >= program.num_states())
      throw InvalidInput("exchange names factor state " + std::to_string(e.factor_state) + " of " +
                         std::to_string(program.num_states()));
    for (const VolumeMobile& mobile : p.mobile)
      if (mobile.state == e.factor_state)
        throw InvalidInput("exchange: the factor '" +
                           program.spec().state_names[idx(e.factor_state)] +
                           "' is a state that moves");
  }
  require_places(p, n, p.exchange_rates, "exchange_rates",
                 static_cast<std::int64_t>(p.exchange.size()), "finite and not negative",
                 is_not_negative);
  if (!p.exchange_out_rates.empty())
    require_places(p, n, p.exchange_out_rates, "exchange_out_rates",
                   static_cast<std::int64_t>(p.exchange.size()), "finite and not negative",
                   is_not_negative);
  if (!p.partition.empty())
    require_places(p, n, p.partition, "partition", m, "finite and larger than 0",
                   [](double v) { return std::isfinite(v) && v > 0.0; });
  validate_membranes(p);
  validate_flow(program, p, grid);
  require_size(p.parameters, "parameters", program.num_parameters());
  require_values(p.parameters, "parameters", "finite", is_finite);
  require_indices(p.field_parameters, "field_parameters", program.num_parameters());
  require_places(p, n, p.fields, "fields", static_cast<std::int64_t>(p.field_parameters.size()),
                 "finite", is_finite);
  if (!p.initial.empty()) {
    require_size(p.initial, "initial", program.num_states() * n);
    require_places(p, n, p.initial, "initial", program.num_states(), "finite", is_finite);
  }
  if (p.record_times.empty()) throw InvalidInput("record_times: at least one is needed");
  require_values(p.record_times, "record_times", "finite", is_finite);
  require_increasing(p.record_times, "record_times", true);
  if (!std::isfinite(p.begin) || p.record_times.front() < p.begin)
    throw InvalidInput("record_times may not lie before the begin, found " +
                       std::to_string(p.record_times.front()) + " before " +
                       std::to_string(p.begin));
  validate_inputs(p);
  validate_plasma(p);
  for (const VolumePlasmaFeed& f : p.plasma.feeds) {
    if (f.state < 0 || f.state >= p.plasma.program->num_states() || f.tissue_state < 0 ||
        f.tissue_state >= program.num_states())
      throw InvalidInput("feeds name state " + std::to_string(f.state) + " of the plasma's " +
                         std::to_string(p.plasma.program->num_states()) + " and state " +
                         std::to_string(f.tissue_state) + " of the tissue's " +
                         std::to_string(program.num_states()));
    if (!std::isfinite(f.factor)) throw InvalidInput("feeds: a factor is not finite");
  }
  validate_jumps(program, p);
  validate_changes(program, p, grid);
}

void validate_volume_options(const model::Program& program, const VolumeProblem& p,
                             const VolumeOptions& options, const VolumeOutput& output,
                             std::int64_t num_voxels) {
  if (!(options.rtol > 0.0 && options.rtol < 1.0))
    throw InvalidInput("rtol must lie between 0 and 1, found " + std::to_string(options.rtol));
  if (!(options.linear_rtol >= 1e-5 && options.linear_rtol < 1.0))
    throw InvalidInput("linear_rtol must lie between 1e-5 (single precision) and 1, found " +
                       std::to_string(options.linear_rtol));
  if (!options.atol.empty()) {
    require_size(options.atol, "atol", program.num_states());
    require_values(options.atol, "atol", "finite and positive",
                   [](double v) { return std::isfinite(v) && v > 0.0; });
  }
  for (const double v : {options.max_step, options.first_step, options.fixed_step})
    if (!is_not_negative(v))
      throw InvalidInput("max_step, first_step and fixed_step must be finite and not negative");
  if (options.max_steps < 1) throw InvalidInput("max_steps must be at least 1");
  require_indices(options.signed_states, "signed_states", program.num_states());
  for (const VolumeExchange& e : p.exchange)
    for (const std::int32_t s : options.signed_states)
      if (s == e.factor_state)
        throw InvalidInput("signed_states: '" + program.spec().state_names[idx(s)] +
                           "' is the factor of an exchange, which may not be negative");
  require_indices(options.recorded, "recorded", program.num_states());
  const std::int64_t blood =
      p.plasma.program != nullptr ? p.plasma.program->num_states() : std::int64_t{0};
  if (!options.plasma_atol.empty()) {
    require_size(options.plasma_atol, "plasma_atol", blood);
    require_values(options.plasma_atol, "plasma_atol", "finite and positive",
                   [](double v) { return std::isfinite(v) && v > 0.0; });
  }
  require_indices(options.plasma_signed, "plasma_signed_states", blood);
  const auto records = static_cast<std::int64_t>(p.record_times.size());
  require_size(output.plasma, "output plasma", records * blood);
  require_size(output.fed, "output fed",
               records * static_cast<std::int64_t>(p.plasma.feeds.size()));
  const auto recorded = static_cast<std::int64_t>(options.recorded.size());
  require_size(output.values, "output values",
               (output.one_record ? 1 : records) * recorded * num_voxels);
  require_size(output.contents, "output contents", records * program.num_states());
  require_size(output.exchanged, "output exchanged",
               records * static_cast<std::int64_t>(p.exchange.size()));
  require_size(output.entered, "output entered",
               records * static_cast<std::int64_t>(p.mobile.size()) * 6);
}

void validate_volume_state(const model::Program& program, const VolumeProblem& p,
                           const VolumeState& s, std::int64_t num_voxels) {
  const auto exchanges = static_cast<std::int64_t>(p.exchange.size());
  const auto mobiles = static_cast<std::int64_t>(p.mobile.size());
  const std::int64_t blood =
      p.plasma.program != nullptr ? 1 + 3 * std::int64_t{p.plasma.program->num_states()} : 0;
  require_size(s.voxels, "state voxels", program.num_states() * num_voxels);
  require_size(s.scale, "state scale", program.num_states());
  require_size(s.ledger, "state ledger",
               exchanges + 6 * mobiles + static_cast<std::int64_t>(p.plasma.feeds.size()));
  require_size(s.inputs, "state inputs",
               1 + std::int64_t{p.num_inputs} * (std::int64_t{p.num_terms} + 2));
  require_size(s.plasma, "state plasma", blood);
  require_values(s.voxels, "state voxels", "finite", is_finite);
  require_values(s.scale, "state scale", "finite", is_finite);
  require_values(s.ledger, "state ledger", "finite", is_finite);
  require_values(s.inputs, "state inputs", "finite", is_finite);
  require_values(s.plasma, "state plasma", "finite", is_finite);
  require_values(s.method, "state method", "finite", is_finite);
  if (!(s.time >= p.begin && s.time <= p.record_times.back()))
    throw InvalidInput("state time must lie within the run, found " + std::to_string(s.time));
  if (!(std::isfinite(s.step) && s.step > 0.0))
    throw InvalidInput("state step must be finite and positive, found " + std::to_string(s.step));
  if (!(s.stop_time >= s.time))
    throw InvalidInput("state stop_time may not lie before its time, found " +
                       std::to_string(s.stop_time));
  const auto require_number = [](std::int64_t value, const char* name, std::size_t most) {
    if (value < 0 || value > static_cast<std::int64_t>(most))
      throw InvalidInput(std::string("state ") + name + " must lie between 0 and " +
                         std::to_string(most) + ", found " + std::to_string(value));
  };
  require_number(s.next_record, "next_record", p.record_times.size());
  require_number(s.next_knot, "next_knot", program.time_knots().size());
  require_number(s.next_jump, "next_jump", p.jump_times.size());
  require_number(s.next_pulse, "next_pulse", p.pulse_times.size());
  require_number(s.next_dose, "next_dose", p.plasma.dose_times.size());
}

}  // namespace krogh::simulate
