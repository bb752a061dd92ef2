"""Estimators to compare: this project's and those a user would reach for instead."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_ecc_align import align

Matrix = NDArray[np.float64]
Estimator = Callable[[NDArray[np.uint8], NDArray[np.uint8], str], Matrix]

_MOTION = {
    "translation": cv2.MOTION_TRANSLATION,
    "euclidean": cv2.MOTION_EUCLIDEAN,
    "similarity": cv2.MOTION_AFFINE,
    "affine": cv2.MOTION_AFFINE,
    "homography": cv2.MOTION_HOMOGRAPHY,
}
BASELINE = "OpenCV multi-scale"


def ours(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Return what `align` finds; like the others, also where it says that it failed."""
    return align(reference, moving, model=model).transform.matrix


def ours_precise(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Return what `align` finds at a precision of 0.005 px."""
    return align(reference, moving, model=model, precision=0.005).transform.matrix


def multi_scale(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Run ``cv2.findTransformECCMultiScale`` with its defaults."""
    parameters = cv2.ECCParameters()
    parameters.motionType = _MOTION[model]
    start = _start(model)
    _, found = cv2.findTransformECCMultiScale(reference, moving, start, parameters)
    return _complete(found)


def single_scale(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Run ``cv2.findTransformECC`` from identity, 100 iterations, epsilon 1e-7."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-7)
    _, found = cv2.findTransformECC(
        reference, moving, _start(model), _MOTION[model], criteria, None, 5
    )
    return _complete(found)


def sift_then_ecc(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Match SIFT features, fit robustly, and refine with ``cv2.findTransformECC``."""
    sift = cv2.SIFT.create(nfeatures=8000)
    points, first = sift.detectAndCompute(reference, None)
    others, second = sift.detectAndCompute(moving, None)
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(first, second, k=2)
    good = [
        pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance
    ]
    source = np.float32([points[match.queryIdx].pt for match in good])
    target = np.float32([others[match.trainIdx].pt for match in good])
    fit: Matrix
    if model == "homography":
        fit, _ = cv2.findHomography(source, target, cv2.USAC_MAGSAC, 2.0)
    elif model == "affine":
        fit, _ = cv2.estimateAffine2D(source, target, None, cv2.USAC_MAGSAC, 2.0)
    else:
        fit, _ = cv2.estimateAffinePartial2D(source, target, None, cv2.RANSAC, 2.0)
        # OpenCV's Euclidean ECC asks for a rotation.
        fit[:, :2] /= np.sqrt(np.linalg.det(fit[:, :2]))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-6)
    _, found = cv2.findTransformECC(
        reference, moving, fit.astype(np.float32), _MOTION[model], criteria, None, 5
    )
    return _complete(found)


def turboreg(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Run TurboReg by way of pystackreg; it has no homography."""
    from pystackreg import StackReg

    kinds = {"translation": StackReg.TRANSLATION, "euclidean": StackReg.RIGID_BODY}
    register = StackReg(kinds.get(model, StackReg.AFFINE))
    first, second = ((image - image.mean()) / image.std() for image in (reference, moving))
    return np.asarray(register.register(first, second), np.float64)


def phase_correlation(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str
) -> Matrix:
    """Run scikit-image's ``phase_cross_correlation``, to a tenth of a pixel; it only shifts."""
    from skimage.registration import phase_cross_correlation

    height, width = np.minimum(reference.shape, moving.shape)
    first, second = reference[:height, :width], moving[:height, :width]
    offset, _, _ = phase_cross_correlation(first, second, upsample_factor=10)
    matrix = np.eye(3)
    matrix[:2, 2] = -offset[::-1]
    return matrix


def simple_itk(reference: NDArray[np.uint8], moving: NDArray[np.uint8], model: str) -> Matrix:
    """Run SimpleITK as its examples do: mutual information, gradient descent, three levels."""
    import SimpleITK as sitk

    kinds = {
        "translation": sitk.TranslationTransform(2),
        "euclidean": sitk.Euler2DTransform(),
        "similarity": sitk.Similarity2DTransform(),
    }
    fixed, other = (sitk.GetImageFromArray(one.astype(np.float32)) for one in (reference, moving))
    start = kinds.get(model, sitk.AffineTransform(2))
    if model != "translation":
        start = sitk.CenteredTransformInitializer(fixed, other, start)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(start, inPlace=False)
    found = method.Execute(fixed, other)
    ends = np.array(
        [found.TransformPoint(point) for point in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))]
    )
    matrix = np.eye(3)
    matrix[:2] = np.stack([ends[1] - ends[0], ends[2] - ends[0], ends[0]], axis=1)
    return matrix


def others() -> dict[str, Estimator]:
    """Return what others offer, as far as it is installed, by name."""
    known: dict[str, tuple[str, Estimator]] = {
        BASELINE: ("cv2", multi_scale),
        "OpenCV ECC (100, 1e-7)": ("cv2", single_scale),
        "SIFT, then ECC": ("cv2", sift_then_ecc),
        "phase correlation": ("skimage", phase_correlation),
        "TurboReg": ("pystackreg", turboreg),
        "SimpleITK": ("SimpleITK", simple_itk),
    }
    return {name: tool for name, (module, tool) in known.items() if find_spec(module)}


def available(*, slow: bool = True) -> dict[str, Estimator]:
    """Return the estimators that are installed, by name."""
    found: dict[str, Estimator] = {
        "this project": ours,
        "this project, 0.005 px": ours_precise,
        BASELINE: multi_scale,
    }
    if not slow:
        return found
    found["OpenCV ECC (100, 1e-7)"] = single_scale
    found["SIFT, then ECC"] = sift_then_ecc
    try:
        import pystackreg  # noqa: F401
    except ImportError:
        print("pystackreg is not installed: TurboReg is left out")
    else:
        found["TurboReg"] = turboreg
    return found


def _start(model: str) -> NDArray[np.float32]:
    return np.eye(3 if model == "homography" else 2, 3, dtype=np.float32)


def _complete(found: NDArray[np.floating]) -> Matrix:
    matrix = np.eye(3)
    matrix[: len(found)] = found
    return matrix / matrix[2, 2]
