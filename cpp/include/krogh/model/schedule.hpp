// What happens to each subject and when: doses, resets, covariate changes and observations.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <vector>

#include <krogh/base/export.hpp>

namespace krogh::model {

/// Kind of a record. The first five are NONMEM's EVID 0 to 4.
enum class RecordKind : std::int8_t {
  observe = 0,        ///< record the outputs
  dose = 1,           ///< bolus or infusion into state `target`
  other = 2,          ///< nothing happens; the integrator stops exactly here
  reset = 3,          ///< states to their initial values, doses under way are cancelled
  reset_dose = 4,     ///< reset, then dose
  set_parameter = 5,  ///< parameter `target` takes the value `amount` from here on
  turn_off = 6,       ///< state `target` becomes 0 and stays 0
  turn_on = 7,        ///< state `target` moves again
};

/// One record with NONMEM's meaning. `rate` > 0 is an infusion rate, 0 a bolus, -1 takes the rate
/// and -2 the duration from the model; `duration` > 0 (with rate 0) is an infusion over that time,
/// whose rate bioavailability changes. `steady` 1 replaces the state by the periodic steady state
/// of dosing every `interval`, 2 adds it.
struct Record {
  double time = 0.0;
  RecordKind kind = RecordKind::observe;
  std::int8_t steady = 0;
  std::int32_t target = 0;
  double amount = 0.0;
  double rate = 0.0;
  double interval = 0.0;
  std::int32_t additional = 0;
  double duration = 0.0;

  /// Whether the dose runs in over time.
  bool is_infusion() const { return rate != 0.0 || duration > 0.0; }
};

/// Records of all subjects. With `is_shared` one list serves every subject.
class KROGH_EXPORT Schedule {
 public:
  /// @param records  of all subjects, one after the other, in time order except at resets.
  /// @param offsets  first record of each subject and the end, shape (num_subjects + 1,), or (2,).
  /// @throws InvalidInput naming record and value where a record is not valid.
  Schedule(std::vector<Record> records, std::vector<std::int64_t> offsets, bool is_shared);

  bool is_shared() const { return is_shared_; }
  /// Number of lists: subjects, or 1 if shared.
  std::int64_t num_lists() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  const Record* begin(std::int64_t subject) const { return records_.data() + first(subject); }
  const Record* end(std::int64_t subject) const { return records_.data() + last(subject); }
  /// Position of the subject's first observation among all observations of its list order.
  std::int64_t first_observation(std::int64_t subject) const {
    return observations_[static_cast<std::size_t>(is_shared_ ? 0 : subject)];
  }
  std::int64_t num_observations(std::int64_t subject) const {
    const auto s = static_cast<std::size_t>(is_shared_ ? 0 : subject);
    return observations_[s + 1] - observations_[s];
  }
  std::int64_t total_observations() const { return observations_.back(); }
  const std::vector<Record>& records() const { return records_; }
  /// Largest target of a dose and of a parameter change, -1 if none: checked against the model.
  std::int32_t largest_state() const { return largest_state_; }
  std::int32_t largest_parameter() const { return largest_parameter_; }

 private:
  std::int64_t first(std::int64_t s) const {
    return offsets_[static_cast<std::size_t>(is_shared_ ? 0 : s)];
  }
  std::int64_t last(std::int64_t s) const {
    return offsets_[static_cast<std::size_t>(is_shared_ ? 1 : s + 1)];
  }

  std::vector<Record> records_;
  std::vector<std::int64_t> offsets_;
  std::vector<std::int64_t> observations_;
  bool is_shared_;
  std::int32_t largest_state_ = -1;
  std::int32_t largest_parameter_ = -1;
};

}  // namespace krogh::model
