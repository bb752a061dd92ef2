"""The front door: align two images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, overload

from numpy.typing import ArrayLike

from .._ecc.options import DEFAULTS, Compared, Engine, ModelChoice, SearchOptions
from .._images.named_axes import one_plane
from .._images.sources import ImageLike, LazyArray
from .._images.stack_axes import Axis
from .._transform.transform_like import TransformLike
from .._verdict.field_result import SmoothAlignment
from .._verdict.result import AlignmentResult
from .cancelling import result_of
from .pair import checked_job, job_steps
from .progress import Progress
from .smooth import check_stiffness, smooth_result


@overload
def align(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: ModelChoice = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    representation: Compared = "auto",
    mirrored: bool = False,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: TransformLike | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult: ...
@overload
def align(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: Literal["smooth"],
    stiffness: float | None = None,
    precision: float = DEFAULTS.precision,
    representation: Compared = "auto",
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: TransformLike | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> SmoothAlignment: ...
def align(
    reference: ImageLike,
    moving: ImageLike,
    *,
    model: ModelChoice | Literal["smooth"] = "affine",
    engine: Engine = "pyramid",
    precision: float = DEFAULTS.precision,
    max_iterations: int = DEFAULTS.max_iterations,
    tolerance: float = DEFAULTS.tolerance,
    representation: Compared = "auto",
    mirrored: bool = False,
    stiffness: float | None = None,
    reference_mask: ArrayLike | LazyArray | None = None,
    moving_mask: ArrayLike | LazyArray | None = None,
    initial: TransformLike | None = None,
    channel_axis: Axis | None = None,
    align_channel: int | None = None,
    progress: Callable[[Progress], object] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AlignmentResult | SmoothAlignment:
    """Find the transform that lays the moving image on the reference.

    The enhanced correlation coefficient [1]_ is maximised, which does not depend on brightness
    and contrast; a negative is recognised by itself.

    Parameters
    ----------
    reference, moving : array_like, shape (h, w) or (h, w, 3 or 4)
        Images of at least 8 pixels on a side, of any real dtypes; their sizes may differ. NaN,
        infinity and full transparency mean "no data here"; but lines or one colour on a
        transparent ground are seen as on paper. A fourth channel that goes up and down from pixel
        to pixel, as near infrared does, is no opacity, and not used. Lazy arrays (dask, zarr) are
        read only where they are needed, and a list of one image at decreasing sizes, finest
        first, is used as the pyramid it is. Of an xarray DataArray "y" and "x" are the rows and
        columns, and "c", "channel" or "band" the channels.
    model : {"affine", "translation", "euclidean", "similarity", "homography", "auto", "smooth"}
        The motion model; with "auto" the narrowest that the images do not contradict, which the
        `model` of the result names. With "smooth" a field that bends, after an affine motion; it
        knows no other `engine`, nothing `mirrored`, and the tolerances of the affine motion.
    engine : {"pyramid", "opencv"}
        The estimator: our own, fast and with an uncertainty, or OpenCV's ECC, which has no
        "similarity" and no "auto".
    precision : float, default: 0.02
        Corner uncertainty in pixels at which the "pyramid" engine stops reading more tiles.
    max_iterations : int, default: 100
        Most iterations on a level ("pyramid"), or at full resolution ("opencv").
    tolerance : float, default: 1e-7
        Stop when an iteration changes the correlation by less.
    representation : {"auto", "intensity", "orientation"}
        What is compared: brightness or, of images that differ in kind (visible and thermal, two
        stains, MRI weightings), the direction of edges. By default the first that convinces;
        "opencv" knows no orientation.
    mirrored : bool, default: False
        The moving image may be mirrored, as a section mounted upside down is; with "translation",
        left to right or top to bottom. Such a matrix has a negative determinant, so that its
        model is "affine" or "homography" whatever was asked for.
    stiffness : float, optional
        With "smooth": over which length in pixels the images bend, as one sigma of a bump; by
        default as the images themselves say. Stiffer fields are known better, and follow less.
    reference_mask, moving_mask : array_like, shape (h, w), optional
        Pixels of each image that count, as booleans or numbers (0 does not count).
    initial : Transform, AlignmentResult or array_like of shape (3, 3) or (2, 3), optional
        Where to start first. Reference (x, y, 1) to moving. The motion model is what may have
        happened beyond it: known pixel sizes of 0.5 and 0.4 with the model "translation" give a
        transform that scales by just that. ("opencv" knows the model's own motions only.)
    channel_axis : int or str, optional
        The axis that holds channels, of which there may be any number; an image of two axes has
        none. Their mean is aligned, or one of them; colours at the end need none of this.
    align_channel : int, optional
        Which channel is aligned, of both images.
    progress : callable, optional
        Called with a `Progress` after every iteration.
    cancel : callable, optional
        Asked after every iteration, and between parts of longer work; the alignment ends with the
        verdict "cancelled" when it returns True. Nothing is broken off in its midst: a part takes
        a fifth of a second of a processor or less, also of long strips, and what is read of a
        lazy image as long as its source needs.

    Returns
    -------
    AlignmentResult, or SmoothAlignment with "smooth"
        With a `verdict` to look at before anything else: images that cannot be aligned are a
        result, not an error.

    Raises
    ------
    InputError
        If an argument cannot be used; a `ValueError` whose message names it.

    References
    ----------
    .. [1] G. D. Evangelidis and E. Z. Psarakis, "Parametric image alignment using enhanced
       correlation coefficient maximization", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 30 (2008) 1858-1865, :doi:`10.1109/TPAMI.2008.113`

    Examples
    --------
    >>> from skimage import data
    >>> from napari_ecc_align import align
    >>> camera = data.camera()
    >>> result = align(camera[100:300, 100:350], camera[97:297, 105:355], model="translation")
    >>> result.verdict
    'aligned'
    >>> result.transform.matrix[:2, 2].round(1).tolist()
    [-5.0, 3.0]
    """
    bending = model == "smooth"
    check_stiffness(stiffness, bending=bending)
    job = checked_job(
        one_plane(reference, "reference", channel_axis, align_channel),
        one_plane(moving, "moving", channel_axis, align_channel),
        SearchOptions(
            model,
            engine,
            precision,
            max_iterations,
            tolerance,
            representation,
            mirrored,
        ),
        reference_mask=one_plane(reference_mask, "reference_mask"),
        moving_mask=one_plane(moving_mask, "moving_mask"),
        initial=initial,
    )
    if bending:
        return smooth_result(job, stiffness, progress, cancel)
    if progress is None and cancel is None:
        job = replace(job, watching=False)
    return result_of(job, job_steps(job), progress, cancel)
