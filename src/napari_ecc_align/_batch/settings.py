"""What is decided once for all pairs of a dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self, get_args

from .._common.errors import InputError
from .._compare.thresholding import THRESHOLD_METHODS, ThresholdMethod
from .._ecc.options import DEFAULTS, ENGINES, Engine
from .._images.warping import INTERPOLATIONS, Interpolation
from .._transform.transform import MotionModel, check_model

BinaryResampling = Literal["area", "nearest"]
BINARY_RESAMPLINGS: tuple[BinaryResampling, ...] = get_args(BinaryResampling)
Doubtful = Literal["write", "skip"]
DOUBTFUL: tuple[Doubtful, ...] = get_args(Doubtful)
MissingSiblings = Literal["fail", "skip"]
MISSING_SIBLINGS: tuple[MissingSiblings, ...] = get_args(MissingSiblings)

DEFAULT_TOLERANCE = 0.05
DEFAULT_MAX_PIXELS = 2**27


@dataclass(frozen=True)
class BatchSettings:
    """How each pair is aligned, resampled and compared. A pair is redone when they change.

    Attributes
    ----------
    model, engine, precision, iterations, epsilon
        As `model`, `engine`, `precision`, `max_iterations` and `tolerance` of
        `napari_ecc_align.align`.
    threshold : str, default: "otsu"
        How both images are binarised to count differing pixels; see `compare`.
    interpolation : {"linear", "nearest", "cubic", "lanczos"}
        For images that are not binary.
    binary : {"area", "nearest"}
        For images of two values, which keep these two: by the value that covers more than half
        of a pixel, or by the nearest pixel.
    fill : float or "background"
        Value outside the moving image, or the median along the border of each image.
    doubtful : {"write", "skip"}
        Whether the outputs of a doubtful pair are written; it is reported in both cases.
    tolerance : float, default: 0.05
        A pair whose corners would move by less, in pixels, or by less than three times their
        uncertainty, is aligned already and passed through.
    missing_siblings : {"fail", "skip"}
        Whether a pair without one of its siblings fails, or goes on without it.
    max_pixels : int, default: 2**27
        Images with more pixels are refused before they are decoded.

    Raises
    ------
    InputError
        If a value cannot be used.
    """

    model: MotionModel = "affine"
    engine: Engine = "pyramid"
    precision: float = DEFAULTS.precision
    iterations: int = DEFAULTS.max_iterations
    epsilon: float = DEFAULTS.tolerance
    threshold: ThresholdMethod = "otsu"
    interpolation: Interpolation = "linear"
    binary: BinaryResampling = "area"
    fill: float | Literal["background"] = "background"
    doubtful: Doubtful = "write"
    tolerance: float = DEFAULT_TOLERANCE
    missing_siblings: MissingSiblings = "fail"
    max_pixels: int = DEFAULT_MAX_PIXELS

    def __post_init__(self) -> None:
        check_model(self.model)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(
                    f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}"
                )
        if not 0 <= self.tolerance < 1:
            raise InputError(f"tolerance must be from 0 to 1 pixel, not {self.tolerance}")
        if self.max_pixels < 1:
            raise InputError(f"max_pixels must be positive, not {self.max_pixels}")

    def as_document(self) -> dict[str, Any]:
        """Return the settings as plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Return the settings of a document; raise `InputError` for any other document."""
        known = {field.name for field in fields(cls)}
        if not isinstance(document, dict) or set(document) != known:
            raise InputError("these are not the settings of this version")
        return cls(**document)


_CHOICES: dict[str, tuple[str, ...]] = {
    "engine": ENGINES,
    "threshold": THRESHOLD_METHODS,
    "interpolation": INTERPOLATIONS,
    "binary": BINARY_RESAMPLINGS,
    "doubtful": DOUBTFUL,
    "missing_siblings": MISSING_SIBLINGS,
}
