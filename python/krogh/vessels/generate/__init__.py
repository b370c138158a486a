"""Generated vessels: parallel and crossing lattices, Poisson lines, grown trees, percolation.

SPDX-License-Identifier: BSD-3-Clause

Every generator takes the size of the box, a target density (length per volume, which for parallel
vessels is the number per area), and a seed; the same seed gives the same network on every machine.
``network.statistics()`` reports density and distances.

>>> from krogh.vessels import generate
>>> network = generate.poisson("1 mm", "57 1/mm^2", diameter="16 um", seed=1)
>>> network.num_segments
57
"""

from krogh.vessels.generate.colonization import space_colonization
from krogh.vessels.generate.lattices import lattice
from krogh.vessels.generate.lines import poisson
from krogh.vessels.generate.percolate import percolation

__all__ = ["lattice", "percolation", "poisson", "space_colonization"]
