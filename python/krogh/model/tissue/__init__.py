"""Level 2, tissue: passage through vessel walls, movement, unspecific binding, cells, oxygen.

SPDX-License-Identifier: BSD-3-Clause

Blocks return partial models with a transport for what moves; plain functions tell what size and
geometry decide.  Concentrations of species are per total tissue volume; ``free_<drug>`` is the
free interstitial concentration.
"""

from krogh.model.tissue.by_size import transport_by_size
from krogh.model.tissue.carrier import carrier_release, nanoparticle
from krogh.model.tissue.cells import cell_uptake, macrophage_uptake
from krogh.model.tissue.extravasation import free_drug, total_drug
from krogh.model.tissue.fluid import (
    channel,
    darcy_velocity,
    interstitial_pressure,
    residence_time,
)
from krogh.model.tissue.geometry import (
    distance_to_vessel,
    extravasation_rate,
    krogh_radius,
    oxygen_cylinder,
    oxygen_reach,
    share_beyond,
    surface_per_volume,
    vessel_density,
)
from krogh.model.tissue.naming import FORMS
from krogh.model.tissue.numbers import (
    binding_length,
    biot_number,
    bystander_fraction,
    bystander_range,
    clearance_modulus,
    damkoehler_number,
    hydraulic_modulus,
    patlak_factor,
    peclet_number,
    permeability_surface_over_flow,
    thiele_modulus,
)
from krogh.model.tissue.oxygen import metabolism, oxygen
from krogh.model.tissue.size import (
    free_diffusivity,
    glomerular_sieving,
    hindrance,
    hydrodynamic_radius,
    nanoparticle_diffusivity,
    pore_radius,
    pore_reflection,
    single_pore_permeability,
    two_pore_permeability,
    void_fraction_of,
)
from krogh.model.tissue.tracer import label
from krogh.model.tissue.unspecific import (
    linear_tissue_binding,
    protein_binding,
    saturable_tissue_binding,
)

__all__ = [
    "FORMS",
    "binding_length",
    "biot_number",
    "bystander_fraction",
    "bystander_range",
    "carrier_release",
    "cell_uptake",
    "channel",
    "clearance_modulus",
    "damkoehler_number",
    "darcy_velocity",
    "distance_to_vessel",
    "extravasation_rate",
    "free_diffusivity",
    "free_drug",
    "glomerular_sieving",
    "hindrance",
    "hydraulic_modulus",
    "hydrodynamic_radius",
    "interstitial_pressure",
    "krogh_radius",
    "label",
    "linear_tissue_binding",
    "macrophage_uptake",
    "metabolism",
    "nanoparticle",
    "nanoparticle_diffusivity",
    "oxygen",
    "oxygen_cylinder",
    "oxygen_reach",
    "patlak_factor",
    "peclet_number",
    "permeability_surface_over_flow",
    "pore_radius",
    "pore_reflection",
    "protein_binding",
    "residence_time",
    "saturable_tissue_binding",
    "share_beyond",
    "single_pore_permeability",
    "surface_per_volume",
    "thiele_modulus",
    "total_drug",
    "transport_by_size",
    "two_pore_permeability",
    "vessel_density",
    "void_fraction_of",
]
