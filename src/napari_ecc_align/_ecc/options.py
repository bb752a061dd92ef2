"""What is asked of a search: which motion model, by which estimator, and how exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

import numpy as np

from .._common.errors import InputError
from .._transform.matrices import MOTION_MODELS, MotionModel, check_model
from .._transform.models import MODELS, Model

ModelChoice: TypeAlias = MotionModel | Literal["auto"]
AnyModel: TypeAlias = ModelChoice | Literal["smooth"]
MODEL_CHOICES: tuple[ModelChoice, ...] = ("auto", *MOTION_MODELS)
Engine = Literal["pyramid", "opencv"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
Compared = Literal["auto", "intensity", "orientation"]
COMPARED: tuple[Compared, ...] = get_args(Compared)

FINEST_PRECISION = 1e-4
MOST_ITERATIONS = 100_000


@dataclass(frozen=True)
class SearchOptions:
    """How the transform between two images is searched for.

    Parameters
    ----------
    model : {"affine", "translation", "euclidean", "similarity", "homography", "auto", "smooth"}
        The motion model; "auto" is the narrowest that the images do not contradict, which
        "opencv" cannot tell; "smooth" a field after an affine motion, for which that is searched.
    engine : {"pyramid", "opencv"}
        The estimator: our own, or OpenCV's ECC, which has no "similarity".
    precision : float, default: 0.02
        Corner uncertainty in pixels at which the "pyramid" engine stops reading more tiles.
    max_iterations : int, default: 100
        Most iterations on a level ("pyramid"), or at full resolution ("opencv").
    tolerance : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    representation : {"auto", "intensity", "orientation"}
        What is compared: brightness or, of images that differ in kind, the direction of edges.
        By default the first that convinces; "opencv" knows no orientation.
    mirrored : bool, default: False
        Whether the moving image may be mirrored. An estimator does not look at it.

    Raises
    ------
    InputError
        If a value cannot be used; the message names it.

    Examples
    --------
    >>> SearchOptions(model="euclidean", precision=0.005).max_iterations
    100
    >>> SearchOptions(model="similarity", engine="opencv")
    Traceback (most recent call last):
    ...
    napari_ecc_align._common.errors.InputError: model 'similarity' is not in OpenCV's ECC: ...
    """

    model: AnyModel = "affine"
    engine: Engine = "pyramid"
    precision: float = 0.02
    max_iterations: int = 100
    tolerance: float = 1e-7
    representation: Compared = "auto"
    mirrored: bool = False

    def __post_init__(self) -> None:
        if self.model not in ("auto", "smooth"):
            check_model(self.model)
        if self.engine not in ENGINES:
            raise InputError(f"engine must be one of {', '.join(ENGINES)}, not {self.engine!r}")
        if self.representation not in COMPARED:
            raise InputError(
                f"representation must be one of {', '.join(COMPARED)}, not {self.representation!r}"
            )
        _check_precision(self.precision)
        _check_iterations(self.max_iterations)
        _check_tolerance(self.tolerance)
        # As Python's own, whatever library a number is of: what follows from them is written.
        for name, kind in (("precision", float), ("max_iterations", int), ("tolerance", float)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if self.engine == "opencv" and self.representation == "orientation":
            raise InputError(
                "representation 'orientation' is not in OpenCV's ECC: use engine='pyramid'"
            )
        if not isinstance(self.mirrored, bool | np.bool_):
            raise InputError(f"mirrored must be True or False, not {self.mirrored!r}")
        object.__setattr__(self, "mirrored", bool(self.mirrored))
        if self.engine == "opencv" and self.model in ("similarity", "auto"):
            raise InputError(
                f"model {self.model!r} is not in OpenCV's ECC: "
                "with engine='opencv' choose 'euclidean' or 'affine'"
            )
        if self.bends and (self.engine != "pyramid" or self.mirrored):
            raise InputError("model 'smooth' knows neither engine='opencv' nor mirrored=True")

    @property
    def bends(self) -> bool:
        """Whether a field is looked for."""
        return self.model == "smooth"

    @property
    def freest(self) -> MotionModel:
        """The motion model that is searched for."""
        if self.model == "smooth":
            return "affine"
        return "homography" if self.model == "auto" else self.model

    @property
    def narrowest(self) -> MotionModel:
        """The narrowest motion model that may come out."""
        return "translation" if self.model == "auto" else self.freest

    @property
    def motion(self) -> Model:
        """The motion model as the "pyramid" engine restricts its equations to it."""
        return MODELS[self.freest]


def _check_precision(precision: object) -> None:
    number = isinstance(precision, (int, float, np.floating))
    if number and FINEST_PRECISION <= cast("float", precision) < math.inf:
        return
    raise InputError(
        f"precision must be a number of pixels, {FINEST_PRECISION:g} or more, not {precision!r}"
    )


def _check_iterations(number: object) -> None:
    if (
        isinstance(number, (int, np.integer))
        and not isinstance(number, bool)
        and 1 <= number <= MOST_ITERATIONS
    ):
        return
    raise InputError(
        f"max_iterations must be a whole number from 1 to {MOST_ITERATIONS}, not {number!r}"
    )


def _check_tolerance(tolerance: object) -> None:
    if isinstance(tolerance, (int, float, np.floating)) and 0 <= tolerance < 1:
        return
    raise InputError(f"tolerance must be a number from 0 to 1, not {tolerance!r}")


DEFAULTS = SearchOptions()
"""What is used where nothing else is asked for."""
