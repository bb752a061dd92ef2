"""What is decided once for all pairs of a dataset."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, cast, get_args

import numpy as np

from .._common.errors import InputError
from .._compare.thresholding import Thresholding, ThresholdMethod
from .._ecc.options import DEFAULTS, SearchOptions
from .._images.interpolation import INTERPOLATIONS, Interpolation

BinaryResampling = Literal["area", "nearest"]
BINARY_RESAMPLINGS: tuple[BinaryResampling, ...] = get_args(BinaryResampling)
Doubtful = Literal["write", "skip"]
DOUBTFUL: tuple[Doubtful, ...] = get_args(Doubtful)
Depth = Literal["told", "volume", "planes"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
MissingSiblings = Literal["fail", "skip"]
MISSING_SIBLINGS: tuple[MissingSiblings, ...] = get_args(MissingSiblings)

_CHOICES: dict[str, tuple[str, ...]] = {
    "interpolation": INTERPOLATIONS,
    "binary": BINARY_RESAMPLINGS,
    "doubtful": DOUBTFUL,
    "missing_siblings": MISSING_SIBLINGS,
    "depth": DEPTHS,
}
# As they are called in records of before, which are told by their "epsilon".
_FORMER_NAMES = {
    "iterations": "max_iterations",
    "epsilon": "tolerance",
    "tolerance": "pass_through",
    "threshold": "method",
}


@dataclass(frozen=True)
class BatchSettings(SearchOptions):
    """How each pair is aligned, resampled and compared. A pair is redone when they change.

    Attributes
    ----------
    model, engine, precision, max_iterations, tolerance, representation, mirrored
        As in `align`; with "smooth" each pair has a field that bends.
    method : str, default: "otsu"
        How both images are binarised to count differing pixels; see `compare`.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}
        For images that are neither binary nor labels, which are copied from the nearest pixel.
    binary : {"area", "nearest"}
        For images of two values, which keep these two: by the value that covers more than half
        of a pixel, or by the nearest pixel.
    fill : float or "background"
        Value outside the moving image, or the median along the border of each image.
    doubtful : {"write", "skip"}
        Whether the outputs of a doubtful pair are written; it is reported in both cases.
    pass_through : float, default: 0.05
        A pair whose corners would move by less, in pixels, or by less than three times their
        uncertainty, is aligned already and passed through.
    missing_siblings : {"fail", "skip"}
        Whether a pair without one of its siblings fails, or goes on without it.
    max_pixels : int, default: 2**27
        Images with more pixels are refused before they are decoded.
    channel : int, optional
        Which channel of reference and moving image is looked at, from 0, where they have several;
        all of them get one transform. Their colours, or the mean of all, if left out.
    frame : int, optional
        On which frame of films the one transform of a pair is found, from 0; their mean, if left
        out.
    frame_axis, channel_axis : str, optional
        Which axes of the files are those of frames and of channels, by letter or number, where
        the files do not say so.
    depth : {"told", "volume", "planes"}
        Whether pages are planes of depth, of which z is searched: where both files say so; in
        any case; or never, and then they have one transform in x and y.
    spacing : tuple of 3 floats, optional
        Lengths of a voxel along (z, y, x) in micrometres, where the files do not say or are wrong.

    Raises
    ------
    InputError
        If a value cannot be used.

    Examples
    --------
    >>> settings = BatchSettings(model="euclidean", max_iterations=50)
    >>> settings.pass_through, settings.motion.n_parameters
    (0.05, 3)
    >>> BatchSettings.from_document(settings.as_document()) == settings
    True
    >>> chosen = BatchSettings(model="auto")
    >>> chosen.narrowest, chosen.freest, chosen.bends, BatchSettings(model="smooth").bends
    ('translation', 'homography', False, True)
    """

    method: ThresholdMethod = "otsu"
    interpolation: Interpolation = "linear"
    binary: BinaryResampling = "area"
    fill: float | Literal["background"] = "background"
    doubtful: Doubtful = "write"
    pass_through: float = 0.05
    missing_siblings: MissingSiblings = "fail"
    max_pixels: int = 2**27
    channel: int | None = None
    frame: int | None = None
    frame_axis: str | None = None
    channel_axis: str | None = None
    depth: Depth = "told"
    spacing: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), np.generic):
                object.__setattr__(self, field.name, value.item())  # which a record can hold
        super().__post_init__()
        Thresholding(self.method)  # which refuses any other
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        if not isinstance(self.fill, str) or self.fill != "background":
            _check_number(
                "fill", self.fill, -sys.float_info.max, math.inf, 'a number or "background"'
            )
        _check_number("pass_through", self.pass_through, 0, 1, "a number from 0 to 1, in pixels")
        for name in ("channel", "frame"):
            if (number := getattr(self, name)) is not None:
                _check_number(name, number, 0, math.inf, f"the number of a {name}")
        for name in ("frame_axis", "channel_axis"):
            if not isinstance(axis := getattr(self, name), str | None) or axis == "":
                raise InputError(f"{name} must be the letter or number of an axis, not {axis!r}")
        if self.spacing is not None:
            object.__setattr__(self, "spacing", _checked_spacing(self.spacing))
        _check_number("max_pixels", self.max_pixels, 1, math.inf, "a positive number")

    def as_document(self) -> dict[str, Any]:
        """Return the settings as plain values that JSON can hold."""
        return asdict(self) | {"spacing": self.spacing and list(self.spacing)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the settings of a document; raise `InputError` for any other document."""
        if set(document) != {field.name for field in fields(cls)}:
            raise InputError("these are not the settings of this version")
        return cls(**document)


def checked_settings(settings: object) -> BatchSettings:
    """Return settings as they are; raise `InputError` for anything else."""
    if isinstance(settings, BatchSettings):
        return settings
    raise InputError(f"settings must be BatchSettings(...), not {settings!r}")


def _checked_spacing(given: object) -> tuple[float, float, float]:
    lengths = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    if len(lengths) != 3:
        raise InputError(f"spacing must be three lengths along (z, y, x), not {given!r}")
    for length in lengths:
        _check_number("spacing", length, sys.float_info.min, math.inf, "three positive lengths")
    z, y, x = map(float, lengths)
    return z, y, x


def _check_number(name: str, value: object, least: float, most: float, wanted: str) -> None:
    """Refuse what is no number, not finite, or not from `least` to below `most`."""
    number = isinstance(value, int | float | np.integer | np.floating)
    if number and not isinstance(value, bool) and least <= cast("float", value) < most:
        return
    raise InputError(f"{name} must be {wanted}, not {value!r}")


def with_present_names(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of settings as it would be written now."""
    names = _FORMER_NAMES if "epsilon" in document else {}
    # Where nobody could choose, both representations were tried.
    former: dict[str, Any] = {"representation": DEFAULTS.representation, "mirrored": False}
    # Nor which channel, frame and axes, nor whether z is searched.
    unchosen: dict[str, Any] = dict.fromkeys(("channel", "frame", "frame_axis", "channel_axis"))
    unchosen |= {"depth": "told", "spacing": None}
    former = former | unchosen if document else {}
    return former | {names.get(name, name): value for name, value in document.items()}
