"""Level 3, engagement: targets on cells, drugs that compete for them, payloads in the cells.

SPDX-License-Identifier: BSD-3-Clause

Every function returns a partial `Model`; `drug` and `target` are labels behind every name.  All
concentrations are per total tissue volume unless a name says otherwise; drugs bind with their free
interstitial concentration, which `krogh.model.tissue.free_drug` defines::

    from krogh.model import Model, engagement, tissue

    model = Model(
        "antibody around a vessel",
        tissue.free_drug(
            "Ab",
            diffusivity="10 um^2/s",
            void_fraction=0.24,
            permeability="3e-7 cm/s",
        ),
        engagement.surface_target(
            "HER2", target_density="833 nM", internalization_rate="3.3e-5 1/s"
        ),
        engagement.binding(
            "Ab",
            "HER2",
            association_rate="7.1e-4 1/nM/s",
            dissociation_rate="3.5e-4 1/s",
            internalization_rate="3.3e-5 1/s",
        ),
        engagement.occupancy("HER2", ["Ab"]),
        tissue.total_drug("Ab"),
    )
"""

from krogh.model.engagement.binding import binding, occupancy, soluble_binding, uptake
from krogh.model.engagement.conjugate import conjugate_chain, deconjugation, ratio_labels
from krogh.model.engagement.epitopes import two_epitopes
from krogh.model.engagement.payload import payload
from krogh.model.engagement.target import (
    masking,
    soluble_target,
    steric_exclusion,
    surface_target,
)

__all__ = [
    "binding",
    "conjugate_chain",
    "deconjugation",
    "masking",
    "occupancy",
    "payload",
    "ratio_labels",
    "soluble_binding",
    "soluble_target",
    "steric_exclusion",
    "surface_target",
    "two_epitopes",
    "uptake",
]
