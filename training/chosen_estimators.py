"""Finds the estimators that a user names as ``package.module:make``; they replace a forest."""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratecast.errors import UsageError
from training.bounded_regressor import BoundedRegressor

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

FOREST = "forest"  # names the default instead of an estimator
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Purpose:
    """What an estimator forecasts.

    Attributes:
        option: option of the command line that names it.
        outputs: number of outputs.
        bounds: lowest and highest output; others are clipped.
    """

    option: str
    outputs: int
    bounds: tuple[float, float]


# On the ECB's rates the forest's outputs are 0.49 to 1.10: these bounds only keep a linear model's worst within reason.
WIDTH = Purpose("--estimator", 2, (0.2, 4.0))
CENTRE = Purpose("--centre-estimator", 1, (-5.0, 5.0))


@dataclass(frozen=True)
class ChosenEstimator:
    """An estimator that replaces a forest; name and parameters are part of the version of a model.

    Attributes:
        purpose: what it forecasts.
        name: as the user wrote it, ``package.module:make``.
        parameters: its class and parameters as text.
        prototype: the unfitted estimator; each fit uses a copy.
    """

    purpose: Purpose
    name: str
    parameters: str
    prototype: Any = field(repr=False, compare=False)

    @property
    def where(self) -> str:
        """The option as the user gave it, for messages."""
        return f"{self.purpose.option} {self.name}"

    def fit(self, inputs: NDArray[np.float32], wanted: NDArray[np.float64], seed: int) -> BoundedRegressor:
        """Returns a copy that is fitted.

        Args:
            inputs: ``(n, inputs)``.
            wanted: what to forecast, ``(n, 2)`` for widths and ``(n,)`` for the centre.
            seed: used for every ``random_state`` that is not set, so that a training can be repeated.

        Raises:
            UsageError: it cannot be fitted.
        """
        from sklearn.base import clone

        estimator = clone(self.prototype)
        unset = [
            name
            for name, value in estimator.get_params().items()
            if value is None and name.rpartition("__")[2] == "random_state"
        ]
        estimator.set_params(**dict.fromkeys(unset, seed))
        try:
            return BoundedRegressor(estimator.fit(inputs, wanted), self.purpose.bounds)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            raise UsageError(
                f"{self.where}: it cannot be fitted to {len(inputs):,} rows: {reason(error)}"
            ) from None


def choose(purpose: Purpose, name: str | None) -> ChosenEstimator | None:
    """Returns the estimator of a name, or None for the forest.

    Args:
        purpose: what it is for.
        name: ``package.module:make``, a callable without arguments that returns an estimator; ``forest`` or None for
            the forest. The module is searched where Python searches, and then in the current directory.

    Raises:
        UsageError: it cannot be imported or called, or does not return a regressor; the message is one line.
    """
    if name is None or name == FOREST:
        return None
    where = f"{purpose.option} {name}"
    if not (found := _NAME.fullmatch(name)):
        raise UsageError(f"{where}: write package.module:make, or {FOREST} for the forest")
    make = _maker(where, *found.groups())
    try:
        estimator = make()
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        raise UsageError(f"{where}: calling it failed: {reason(error)}") from None
    prototype = _regressor(where, estimator, purpose.outputs)
    return ChosenEstimator(purpose, name, description(prototype), prototype)


def reason(error: Exception) -> str:
    r"""Returns an error of foreign code as one short line.

    >>> reason(ValueError("no\nmore"))
    'ValueError: no more'
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= 200 else f"{text[:199]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def description(estimator: Any) -> str:
    """Returns the class and all parameters of an estimator as text that is the same in every process.

    >>> from sklearn.linear_model import Ridge
    >>> description(Ridge(alpha=2.0))[:40]
    'Ridge(alpha=2.0, copy_X=True, fit_interc'
    """
    parameters = sorted(estimator.get_params().items())
    # An object's address differs from process to process.
    text = ", ".join(f"{name}={re.sub(r' at 0x[0-9a-fA-F]+', '', repr(value))}" for name, value in parameters)
    return " ".join(f"{type(estimator).__name__}({text})".split())


def _maker(where: str, module_name: str, attribute: str) -> Any:
    module = _module(where, module_name)
    make = getattr(module, attribute, None)
    if make is None:
        raise UsageError(f"{where}: {module.__file__} has no {attribute}")
    if not callable(make):
        raise UsageError(
            f"{where}: {attribute} is no callable, it must return an estimator when it is called"
        )
    return make


def _module(where: str, name: str) -> ModuleType:
    here = str(Path.cwd())
    # At the end: a file of the user must hide neither our modules nor installed ones, which are imported later.
    if here not in sys.path:
        sys.path.append(here)
    importlib.invalidate_caches()
    top = name.partition(".")[0]
    try:
        package = importlib.import_module(top)
        _require_not_hidden(where, top, package)
        return importlib.import_module(name)
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(f"{missing}."):
            raise UsageError(f"{where}: there is no module {missing} in {here} or on PYTHONPATH") from None
        raise UsageError(f"{where}: importing it failed: {reason(error)}") from None
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        raise UsageError(f"{where}: importing it failed: {reason(error)}") from None


def _require_not_hidden(where: str, top: str, found: ModuleType) -> None:
    """Check that a file or folder in the current directory is what was imported under its name."""
    mine = next((path for path in (Path(f"{top}.py"), Path(top) / "__init__.py") if path.is_file()), None)
    file = getattr(found, "__file__", None)
    if mine is not None and file is not None and Path(file).resolve() != mine.resolve():
        raise UsageError(f"{where}: {file} hides {mine.resolve()}: rename yours")


def _regressor(where: str, estimator: Any, outputs: int) -> Any:
    """Returns an unfitted regressor with the wanted number of outputs."""
    from sklearn.base import clone, is_regressor
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.utils import get_tags

    try:
        known = not isinstance(estimator, type) and is_regressor(estimator)
        prototype = clone(estimator) if known else None
        several = known and get_tags(estimator).target_tags.multi_output
    except Exception:  # noqa: BLE001 - scikit-learn raises several errors on what is no estimator
        known = False
    if not known:
        raise UsageError(
            f"{where}: it returned {_kind(estimator)}, which is no scikit-learn regressor or pipeline of one"
        )
    return MultiOutputRegressor(prototype) if outputs > 1 and not several else prototype


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
