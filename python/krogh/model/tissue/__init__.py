"""Level 2, tissue: passage through vessel walls, movement, unspecific binding, cells, oxygen.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.model.tissue.extravasation import free_drug, total_drug
from krogh.model.tissue.naming import FORMS

__all__ = ["FORMS", "free_drug", "total_drug"]
