// Exact propagators of a linear model for the lanes of a block.
// SPDX-License-Identifier: BSD-3-Clause
#include "simulate/propagator_cache.hpp"

namespace krogh::simulate {
PropagatorCache::PropagatorCache(const model::Program& program, int lanes)
    : program_(program), lanes_(lanes), n_(program.num_states()) {}
void PropagatorCache::advance(integrate::LaneBlock&) {}
bool PropagatorCache::rest(const double*, int, const ActiveDose&, std::vector<double>&) const { return false; }
bool PropagatorCache::periodic(const double*, int, const ActiveDose&, double, double,
                               std::vector<double>&) const { return false; }
}  // namespace krogh::simulate
