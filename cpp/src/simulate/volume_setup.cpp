// Memory and constants of a volume run.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <set>

#include "simulate/volume_engine.hpp"

namespace krogh::simulate {
namespace {

/// Doubles per tape row: wide rows amortize the tape, as long as the file of a block stays in the
/// first-level cache.
int width_of(const model::LineProgram& line, int num_states) {
  const int rows = line.num_registers + 5 * num_states;
  constexpr int budget = 32 * 1024;
  for (const int width : {32, 16})
    if (rows * width * 8 <= budget) return width;
  return 8;
}

}  // namespace

VolumeEngine::VolumeEngine(const model::Program& program, const VolumeProblem& problem,
                           const VolumeOptions& options, const VolumeOutput& output,
                           const VolumeHooks& hooks, const std::function<bool()>& report,
                           space::VoxelGrid grid)
    : program_(program),
      problem_(problem),
      options_(options),
      output_(output),
      hooks_(hooks),
      report_(report),
      grid_(std::move(grid)) {
  for (const VolumeMobile& m : problem.mobile) mobile_.push_back(m.state);
  for (int i = 0; i < program.num_states(); ++i)
    if (std::find(mobile_.begin(), mobile_.end(), i) == mobile_.end()) hidden_.push_back(i);
  block_.num_states = program.num_states();
  block_.num_mobile = static_cast<int>(mobile_.size());
  block_.num_hidden = static_cast<int>(hidden_.size());
  block_.mobile = mobile_.data();
  block_.hidden = hidden_.data();
  block_.num_voxels = grid_.num_voxels();
  block_.stride = (grid_.num_voxels() + 7) / 8 * 8 + 8;
  block_.rtol = options.rtol;
  block_.gamma = integrate::ros34pw2().gamma;
  peak_ = std::min(100.0, 0.1 / options.rtol);
  atol_ = options.atol;
  if (atol_.empty()) atol_.assign(idx(program.num_states()), 0.1 * options.rtol);
  block_.atol = atol_.data();
  may_be_negative_.assign(idx(program.num_states()), 0);
  for (const std::int32_t s : options.signed_states) may_be_negative_[idx(s)] = 1;
  for (const double t : program.time_knots())
    if (t > problem.begin) knots_.push_back(t);
  std::sort(knots_.begin(), knots_.end());
  span_ = problem.record_times.back() - problem.begin;
  now_ = {.time = problem.begin,
          .velocity = problem.velocity,
          .exchange_rates = problem.exchange_rates,
          .exchange_out_rates = problem.exchange_out_rates};
  place_voxels();
  look();
  place_tapes();
  look();
  place_transport();
  look();
  number_pieces();
  look();
  place_fields();
  look();
  place_states();
  look();
  place_followed();
  if (problem.plasma.program != nullptr) place_plasma();
  if (options.method == VolumeMethod::rkc2) {
    place_stabilized();
  } else {
    place_adi();
  }
  is_setting_up_ = false;
}

/// One number per voxel from values by voxel or by region; `outside` where there is no tissue.
std::vector<double> VolumeEngine::spread(std::span<const double> values, std::int64_t set,
                                         std::int64_t sets, double outside) const {
  look();
  const std::int64_t n = grid_.num_voxels();
  std::vector<double> found(idx(n));
  const bool by_region = static_cast<std::int64_t>(values.size()) == sets * problem_.num_regions;
  for (std::int64_t k = 0; k < n; ++k) {
    const std::int64_t region = problem_.regions.empty() ? 0 : problem_.regions[idx(k)];
    if (inside_[idx(k)] == 0) {
      found[idx(k)] = outside;
    } else {
      found[idx(k)] =
          by_region ? values[idx(set * problem_.num_regions + region)] : values[idx(set * n + k)];
    }
  }
  return found;
}

void VolumeEngine::place_voxels() {
  const std::int64_t n = grid_.num_voxels();
  for (std::size_t d = 0; d < 3; ++d) {
    block_.shape[d] = grid_.shape[d];
    block_.widths[d] = grid_.widths[d].data();
  }
  inside_.assign(idx(n), 1);
  for (std::size_t k = 0; k < problem_.regions.size(); ++k)
    inside_[k] = problem_.regions[k] != space::outside_region ? 1 : 0;
  num_inside_ = std::count(inside_.begin(), inside_.end(), 1);
  zeros_.assign(idx(grid_.shape[0]), 0.0);
  closed_.assign(idx(grid_.shape[0]), 0.0F);
  block_.zeros = zeros_.data();
  block_.closed = closed_.data();
}

void VolumeEngine::place_tapes() {
  const std::vector<std::int32_t> kept(mobile_.begin(), mobile_.end());
  const model::LineProgram& line = program_.line_cache().program(program_, kept);
  const int width = width_of(line, program_.num_states());
  tapes_ = &program_.line_cache().tapes(program_, kept, width);
  const model::RegisterLayout& layout = program_.layout();
  VolumeBlock& b = block_;
  b.width = width;
  b.time_row = layout.time;
  b.state_row = layout.states;
  b.inverse_step_row = layout.inverse_step;
  b.sum_row = layout.sums;
  b.slope_row = layout.slopes;
  b.time_slope_row = layout.time_slopes;
  b.schur_row = line.schur;
  b.reduced_row = line.reduced;
  b.hidden_row = line.hidden;
  b.rhs = &tapes_->native.rhs;
  b.rhs_jacobian = &tapes_->native.rhs_jacobian;
  b.first = &tapes_->first;
  b.again = &tapes_->again;
  b.stage = &tapes_->stage;
  for (std::size_t s = 0; s < 4; ++s) {
    b.stage_rows[s] = tapes_->stage_rows[s];
    b.expand[s] = &tapes_->expand[s];
  }
  b.program_prologue = &tapes_->native.prologue;
  b.line_prologue = &tapes_->prologue;
}

void VolumeEngine::number_pieces() {
  const linalg::Level& level = systems_.front().multigrid->finest();
  const std::int64_t per_piece = linalg::rows_per_piece(level), rows = level.num_rows();
  const std::int64_t m = block_.num_mobile;
  VolumeBlock& b = block_;
  b.piece_voxels = std::min(per_piece, rows) * grid_.shape[0];
  b.piece_groups = (b.piece_voxels + b.width - 1) / b.width;
  std::int64_t offset = 0;
  for (std::int64_t first = 0; first < rows; first += per_piece) {
    VolumePiece piece{.first_row = first, .end_row = std::min(first + per_piece, rows)};
    piece.first_group = static_cast<std::int64_t>(pieces_.size()) * b.piece_groups;
    const std::int64_t voxels = (piece.end_row - piece.first_row) * grid_.shape[0];
    num_groups_ = piece.first_group + (voxels + b.width - 1) / b.width;
    if (num_connected_ > 1) {
      std::set<std::int32_t> found(connected_.begin() + first * grid_.shape[0],
                                   connected_.begin() + first * grid_.shape[0] + voxels);
      found.erase(-1);
      piece_regions_.emplace_back(found.begin(), found.end());
      piece.num_regions = static_cast<std::int64_t>(piece_regions_.back().size());
    }
    solution_offsets_.push_back(offset);
    offset += (piece.num_regions * (m + m * m) + 7) / 8 * 8 + 8;
    pieces_.push_back(piece);
  }
  for (std::size_t p = 0; p < piece_regions_.size(); ++p)
    pieces_[p].regions = piece_regions_[p].data();
  const auto count = static_cast<std::int64_t>(pieces_.size());
  auto sums = [&](std::int64_t per) { return AlignedBuffer(idx(count * ((per + 7) / 8 * 8 + 8))); };
  const std::int64_t states = block_.num_states;
  size_sums_ = sums(2);
  entering_sums_ = sums(num_entries_);
  leaving_sums_ = sums(num_entries_);
  finish_sums_ = sums(2 + 2 * states);
  content_sums_ = sums(states);
  extract_sums_ = sums(block_.num_exchanges);
  solution_sums_ = AlignedBuffer(idx(offset));
  operators_.assign(idx(num_connected_ * m * m), 0.0);
  constants_.assign(idx(num_connected_ * m), 0.0);
}

void VolumeEngine::place_fields() {
  VolumeBlock& b = block_;
  b.num_fields = static_cast<int>(problem_.field_parameters.size());
  if (b.num_fields == 0) return;
  for (const std::int32_t p : problem_.field_parameters)
    field_rows_.push_back(program_.layout().parameters + p);
  b.field_rows = field_rows_.data();
  const std::int64_t n = grid_.num_voxels();
  const std::int64_t first = std::find(inside_.begin(), inside_.end(), 1) -
                             inside_.begin();  // stands in for those outside
  b.fields_by_region = static_cast<std::int64_t>(problem_.fields.size()) ==
                       std::int64_t{b.num_fields} * problem_.num_regions;
  if (b.fields_by_region && !problem_.regions.empty()) {
    field_table_.assign(idx(256 * b.num_fields), 0.0);
    for (std::int64_t f = 0; f < b.num_fields; ++f)
      for (std::int64_t r = 0; r < 256; ++r)
        field_table_[idx(f * 256 + r)] =
            problem_.fields[idx(f * problem_.num_regions +
                                (r < problem_.num_regions ? r : problem_.regions[idx(first)]))];
    b.fields = field_table_.data();
    b.region_of = problem_.regions.data();
    return;
  }
  b.fields_by_region = false;
  field_values_ = AlignedBuffer(idx(b.num_fields * n));
  for (std::int64_t f = 0; f < b.num_fields; ++f) {
    const std::vector<double> values = spread(problem_.fields, f, b.num_fields, 0.0);
    for (std::int64_t k = 0; k < n; ++k)
      field_values_.data()[f * n + k] = values[idx(inside_[idx(k)] != 0 ? k : first)];
  }
  b.fields = field_values_.data();
}

void VolumeEngine::place_states() {
  VolumeBlock& b = block_;
  const std::int64_t all = num_groups_ * b.num_states * b.width, m = b.num_mobile;
  const std::int64_t hidden = b.num_hidden;
  state_offset_.assign(idx(b.num_states), 0);
  state_step_.assign(idx(b.num_states), b.width);
  for (std::int64_t j = 0; j < m; ++j)
    state_offset_[idx(mobile_[idx(j)])] = j * num_groups_ * b.width;
  for (std::int64_t h = 0; h < hidden; ++h) {
    state_offset_[idx(hidden_[idx(h)])] = (m * num_groups_ + h) * b.width;
    state_step_[idx(hidden_[idx(h)])] = hidden * b.width;
  }
  b.state_offset = state_offset_.data();
  b.state_step = state_step_.data();
  states_ = FreshPages(idx(5 * all));
  b.y = states_.data();
  for (std::int64_t s = 0; s < 4; ++s) b.stages[s] = states_.data() + (s + 1) * all;
  if (b.time_slope_row >= 0) {
    slopes_ = FreshPages(idx(all));
    b.time_slopes = slopes_.data();
  }
  // In a stage of Rosenbrock's method the values that move are done with before the solution is
  // known, and a voxel's change by transport before its reduced right-hand side is.
  const bool apart = is_stabilized() || wants_adi();
  const std::int64_t vectors = apart ? 4 : 2;
  mobile_values_ = FreshPages(idx((vectors * m + m * m) * b.stride));
  double* next = mobile_values_.data();
  auto take = [&] {
    double* const start = next;
    next += m * b.stride;
    return start;
  };
  b.moving = take();
  b.carried = take();
  b.reduced = apart ? take() : b.carried;
  b.free = apart ? take() : b.moving;
  b.schur = next;
}

/// What follows states of the tissue: rates of exchange, feeds of the plasma.
void VolumeEngine::place_followed() {
  VolumeBlock& b = block_;
  followed_.clear();
  factor_of_.clear();
  feed_of_.clear();
  feed_factors_.clear();
  const auto place_of = [&](std::int32_t state) {
    const auto found = std::find(followed_.begin(), followed_.end(), state);
    const auto place = static_cast<int>(found - followed_.begin());
    if (found == followed_.end()) followed_.push_back(state);
    return place;
  };
  for (const VolumeExchange& e : problem_.exchange) {
    factor_of_.push_back(e.factor_state < 0 ? -1 : place_of(e.factor_state));
    b.has_factors = b.has_factors || e.factor_state >= 0;
  }
  for (const VolumePlasmaFeed& f : problem_.plasma.feeds) {
    feed_of_.push_back(place_of(f.tissue_state));
    feed_factors_.push_back(f.factor);
  }
  b.factor_of = factor_of_.data();
  b.num_feeds = static_cast<int>(feed_of_.size());
  b.feed_of = feed_of_.data();
  b.feed_factors = feed_factors_.data();
  b.followed = followed_.data();
  b.num_followed = static_cast<int>(followed_.size());
  if (followed_.empty()) return;
  feed_sums_ = AlignedBuffer(pieces_.size() * idx(sum_stride(b.num_feeds)));
  const std::int64_t exchanges = b.num_exchanges * b.stride, mobile = b.num_mobile * b.stride;
  const int ways = b.has_two_rates ? 2 : 1;
  const std::int64_t moved = b.has_factors ? 2 * ways * exchanges + mobile : 0;
  follow_ = AlignedBuffer(idx(b.num_followed * b.stride + moved));
  b.follow = follow_.data();
  if (!b.has_factors) return;
  double* next = b.follow + b.num_followed * b.stride;
  for (int way = 0; way < ways; ++way) {
    b.rest_exchange[way] = way == 0 ? b.exchange : b.exchange_out;
    b.own_exchange[way] = next;
    b.own_exchange_now[way] = next + exchanges;
    for (double* to : {b.own_exchange[way], b.own_exchange_now[way]})
      std::copy_n(b.rest_exchange[way], exchanges, to);
    next += 2 * exchanges;
  }
  b.rest_loss = b.loss;
  b.own_loss = next;
  b.exchange = b.own_exchange[0];
  b.exchange_now = b.own_exchange_now[0];
  b.exchange_out = b.own_exchange[ways - 1];
  b.exchange_out_now = b.own_exchange_now[ways - 1];
  b.loss = b.own_loss;
  b.has_loss = true;
  // Beside a flow the local blocks keep the part at rest: less implicit, of the same order.
  if (!b.has_flow) b.row_loss = b.own_loss;
}

void VolumeEngine::place_plasma() {
  VolumeBlock& b = block_;
  const std::int64_t m = b.num_mobile;
  num_kept_ = VolumePlasma(problem_, options_).num_kept();
  is_two_way_ = std::any_of(problem_.plasma.uptake_factor.begin(),
                            problem_.plasma.uptake_factor.end(), [](double v) { return v > 0.0; });
  b.has_change = true;
  if (!is_two_way_) return;
  b.num_responses = num_kept_;
  responses_ = AlignedBuffer(idx(num_kept_ * m * b.stride));
  b.responses = responses_.data();
  supplied_views_ = system_views_;
  for (std::size_t s = 0; s < systems_.size(); ++s) {
    systems_[s].supply = AlignedArray<float>(systems_[s].right.size());
    supplied_views_[s].right = systems_[s].supply.data();
  }
  plasma_shift_.assign(idx(num_kept_), 0.0);
  exchange_sums_.assign(idx(2 * std::int64_t{num_connected_} * b.num_exchanges), 0.0);
  for (std::int64_t e = 0; e < b.num_exchanges; ++e)
    for (std::int64_t k = 0; k < b.num_voxels; ++k)
      if (inside_[idx(k)] != 0)
        for (std::int64_t out = 0; out < 2; ++out)
          exchange_sums_[idx((out * num_connected_ + connected_[idx(k)]) * b.num_exchanges + e)] +=
              (out == 0 ? b.exchange : b.exchange_out)[e * b.stride + k];
  if (b.has_factors) rate_sums_.assign(pieces_.size() * exchange_sums_.size(), 0.0);
}

}  // namespace krogh::simulate
