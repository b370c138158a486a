"""Fitting: parameters of a model at a point from measurements of one or several subjects.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.fit import fit
>>> result = fit(model, table, parameters={"CL": "5 L/h", "V": "50 L"}, error="proportional")
>>> result.converged
True
"""

from krogh.fit.parameters import Free
from krogh.fit.result import FitResult
from krogh.fit.run import fit

__all__ = ["FitResult", "Free", "fit"]
