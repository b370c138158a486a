// Validation of records before any work is done.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/model/schedule.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <krogh/base/errors.hpp>

namespace krogh::model {
namespace {

void validate(const Record& r, std::int64_t position) {
  auto fail = [position](const std::string& what) {
    throw InvalidInput("record " + std::to_string(position) + ": " + what);
  };
  auto number = [](double v) { return std::to_string(v); };
  for (double v : {r.time, r.amount, r.rate, r.interval, r.duration})
    if (!std::isfinite(v)) fail("time, amount, rate, interval and duration must be finite");
  if (r.kind < RecordKind::observe || r.kind > RecordKind::turn_on)
    fail("unknown kind " + std::to_string(static_cast<int>(r.kind)));
  if (r.kind != RecordKind::observe && r.target < 0)
    fail("target must not be negative, found " + std::to_string(r.target));
  if (r.kind != RecordKind::dose && r.kind != RecordKind::reset_dose) return;
  if (r.steady < 0 || r.steady > 2)
    fail("steady must be 0, 1 or 2, found " + std::to_string(r.steady));
  if (r.amount < 0.0) fail("amount must not be negative, found " + number(r.amount));
  if (r.rate < 0.0 && r.rate != -1.0 && r.rate != -2.0)
    fail("rate must be positive, 0, -1 or -2, found " + number(r.rate));
  if (r.duration < 0.0) fail("duration must not be negative, found " + number(r.duration));
  if (r.duration > 0.0 && r.rate != 0.0) fail("an infusion has a rate or a duration, not both");
  if (r.interval < 0.0) fail("interval must not be negative, found " + number(r.interval));
  if (r.additional < 0) fail("additional must not be negative");
  if (r.additional > 0 && r.interval <= 0.0) fail("additional doses need an interval");
  const bool is_constant_infusion = r.steady > 0 && r.interval == 0.0;
  if (is_constant_infusion && !(r.amount == 0.0 && r.rate > 0.0))
    fail("steady state needs an interval, or amount 0 with a positive rate");
  if (r.amount == 0.0 && (r.rate > 0.0 || r.duration > 0.0) && !is_constant_infusion)
    fail("an infusion needs an amount");
}

}  // namespace

Schedule::Schedule(std::vector<Record> records, std::vector<std::int64_t> offsets, bool is_shared)
    : records_(std::move(records)), offsets_(std::move(offsets)), is_shared_(is_shared) {
  const auto total = static_cast<std::int64_t>(records_.size());
  if (offsets_.size() < 2 || offsets_.front() != 0 || offsets_.back() != total ||
      !std::is_sorted(offsets_.begin(), offsets_.end()))
    throw InvalidInput("offsets must run from 0 to the number of records (" +
                       std::to_string(total) + ") without going back");
  if (is_shared_ && offsets_.size() != 2)
    throw InvalidInput("a shared schedule has exactly two offsets");
  observations_.push_back(0);
  for (std::size_t s = 0; s + 1 < offsets_.size(); ++s) {
    std::int64_t count = 0;
    for (std::int64_t i = offsets_[s]; i < offsets_[s + 1]; ++i) {
      const Record& r = records_[static_cast<std::size_t>(i)];
      validate(r, i);
      const bool is_reset = r.kind == RecordKind::reset || r.kind == RecordKind::reset_dose;
      if (i > offsets_[s] && !is_reset && r.time < records_[static_cast<std::size_t>(i - 1)].time)
        throw InvalidInput("record " + std::to_string(i) + ": time goes back without a reset");
      if (r.kind == RecordKind::observe) {
        ++count;
      } else if (r.kind == RecordKind::set_parameter) {
        largest_parameter_ = std::max(largest_parameter_, r.target);
      } else if (r.kind != RecordKind::other && r.kind != RecordKind::reset) {
        largest_state_ = std::max(largest_state_, r.target);
      }
    }
    observations_.push_back(observations_.back() + count);
  }
}

}  // namespace krogh::model
