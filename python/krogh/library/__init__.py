"""Published models as data files, each number with unit, range and source; what to cite.

SPDX-License-Identifier: BSD-3-Clause

>>> import krogh as kg
>>> print(kg.library.models())                               # doctest: +SKIP
>>> model = kg.library.model("trastuzumab_quartino_2019")    # doctest: +SKIP
>>> print(model.info)                                        # doctest: +SKIP
>>> print(kg.cite(model))                                    # doctest: +SKIP
"""

from krogh.citations import cite
from krogh.library.loading import info, load_file, model, models, names
from krogh.library.published import ModelInfo, PublishedModel

__all__ = ["ModelInfo", "PublishedModel", "cite", "info", "load_file", "model", "models", "names"]
