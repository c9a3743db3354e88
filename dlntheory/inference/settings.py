"""The checked options of inference, and whether they are stable."""

import inspect
import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from ..equilibria.problem import Problem
from ..numerics.algebra import Array
from ..numerics.checks import as_real, nan_unless
from ..numerics.kinds import is_concrete
from .methods import CONJUGATE, STEPWISE
from .relaxation import FreeChain, free_chain
from .spectrum import RESIDUAL, ROUGH, largest_eigenvalue, stability_limit


def as_step_size(step_size: Any, method: str, dtype: Any) -> Array:
    """Check a step size; the methods that need none have 1."""
    if step_size is None and (method in CONJUGATE or method == "newton"):
        return dtype.type(1)
    if step_size is None:
        raise ValueError(f"`step_size` is None with {method!r}; wanted a positive number, see inference_spectrum.")
    return as_real("step_size", step_size, dtype, positive=True)


def as_momentum(momentum: Any, dtype: Any) -> Array:
    """Check a momentum."""
    array = as_real("momentum", momentum, dtype)
    if is_concrete(array) and not 0 <= array < 1:
        raise ValueError(f"`momentum` is {float(array)}; wanted a number from 0 to below 1.")
    return nan_unless((array >= 0) & (array < 1), array)


def warn_unstable(problem: Problem, step_size: Array, momentum: Any, method: str = "gradient") -> bool:
    """Tell whether a step size exceeds the stability limit, and warn; traced programs cannot."""
    if not is_concrete((problem, step_size, momentum)) or len(free_chain(problem).layers) == 1:
        return False
    limit_of = partial(_stability_limit, free_chain(problem), 0.0 if momentum is None else float(momentum), method)
    if float(step_size) <= (1 - ROUGH) * limit_of(ROUGH):
        return False
    limit = limit_of(RESIDUAL)
    if float(step_size) <= limit:
        return False
    message = f"`step_size` is {float(step_size):.6g}, above the stability limit {limit:.6g}: inference diverges."
    warn_caller(message)
    return True


def warn_caller(message: str) -> None:
    """Warn at the line that called this package, past the libraries that wrap its classes and functions."""
    wrappers = [sys.modules[name] for name in ("equinox", "jaxtyping") if name in sys.modules]
    folders = [Path(__file__).parents[1], *(Path(str(module.__file__)).parent for module in wrappers)]
    inside = tuple(str(folder) + os.sep for folder in folders)
    files = [frame.filename for frame in inspect.stack(context=0)]
    level = next((level for level, file in enumerate(files) if not file.startswith(inside)), len(files))
    warnings.warn(message, UserWarning, stacklevel=level + 1)


def _stability_limit(chain: FreeChain, momentum: float, method: str, missed: float) -> float:
    """The step size above which a method diverges: 2 for Newton's, whatever the spectrum."""
    if method == "newton":
        return 2.0
    largest = largest_eigenvalue(chain, STEPWISE[method].coordinates, missed)
    return stability_limit(largest, momentum, method == "nesterov")
