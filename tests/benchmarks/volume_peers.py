"""Volumes with a known motion, aligned here and by what else people would take, each by itself.

python tests/benchmarks/volume_peers.py [--sizes 128,192] [--seed 5] [--repeats 3]

Blobs on a soft ground, in float32 with noise, turned by some degrees, shifted, stretched; the last
kind has planes three times as far apart. Every program runs in a process of its own, on as many
threads as it takes, and is asked once before it is measured. Printed are processor and wall
seconds, the least of some repeats; the error of the corners (RMS) in voxels; and the ratio to
those of the others. What is not installed is said to be missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[Any]
Map = Callable[[Floats], Floats]
"""From places (z, y, x) of the reference, (n, 3), to those of the moving volume."""

KINDS = {
    "translation": "translation",
    "rigid": "euclidean",
    "affine": "affine",
    "anisotropic": "translation",
}
NEEDS = {"here": "napari_ecc_align", "SimpleITK": "SimpleITK", "elastix": "itk"}


def pair(size: int, kind: str, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return reference, moving and the (3, 4) matrix between their places (z, y, x)."""
    rng = np.random.default_rng(seed)
    thin = kind == "anisotropic"
    shape = (size // 3, size, size) if thin else (size,) * 3
    soft = ndimage.gaussian_filter(rng.random(shape), 5)
    spots = np.zeros(shape)
    at = tuple((rng.uniform(0.06, 0.94, (2 * size, 3)) * shape).astype(int).T)
    spots[at] = rng.uniform(0.5, 2, 2 * size)
    spots = ndimage.gaussian_filter(spots, (0.8, 2.2, 2.2) if thin else 2.2)
    world = 0.4 * (soft - soft.min()) / np.ptp(soft) + spots / spots.max()
    linear = np.eye(3)
    if kind in ("rigid", "affine"):
        for axis, degrees in ((0, 4.0), (2, 2.0)):
            c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
            turn = np.eye(3)
            others = [k for k in range(3) if k != axis]
            turn[np.ix_(others, others)] = [[c, -s], [s, c]]
            linear = linear @ turn
    if kind == "affine":
        linear = linear @ np.diag([1.02, 0.99, 1.01])
        linear[0, 1] += 0.02
    centre = (np.array(shape) - 1) / 2
    shift = np.array([1.37, -4.63, 5.28] if thin else [3.34, -4.77, 5.23])
    offset = centre + shift - linear @ centre
    images = ndimage.affine_transform(world, linear, offset, order=3), world
    reference, moving = (
        (1000 * np.clip(one, 0, None) + rng.normal(0, 20, shape)).clip(0).astype(np.float32)
        for one in images
    )
    return reference, moving, np.column_stack([linear, offset])


def here(reference: Floats, moving: Floats, kind: str) -> Map:
    """Align by this project."""
    from napari_ecc_align import align_volume

    spacing = (3.0, 1.0, 1.0) if kind == "anisotropic" else 1.0
    model: Any = KINDS[kind]
    found = align_volume(reference, moving, model=model, spacing=spacing)
    return lambda places: found.transform.to_moving(places[:, ::-1])[:, ::-1]


def by_simpleitk(reference: Floats, moving: Floats, kind: str) -> Map:
    """Align by the correlation of SimpleITK, on three levels, of a hundred thousand samples."""
    import SimpleITK as sitk

    fixed, other = (sitk.GetImageFromArray(one) for one in (reference, moving))
    model = KINDS[kind]
    made: Any = {
        "translation": sitk.TranslationTransform(3),
        "euclidean": sitk.Euler3DTransform(),
        "affine": sitk.AffineTransform(3),
    }[model]
    if model != "translation":
        made.SetCenter([(n - 1) / 2 for n in reference.shape[::-1]])
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(min(1, 100_000 / reference.size))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 300)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SetInitialTransform(made, True)
    method.Execute(fixed, other)
    return lambda places: np.array(
        [made.TransformPoint(tuple(map(float, one[::-1])))[::-1] for one in places]
    )


def by_elastix(reference: Floats, moving: Floats, kind: str) -> Map:
    """Align by elastix' normalised correlation, with its own parameters for the model."""
    import itk

    name = {"euclidean": "rigid"}.get(KINDS[kind], KINDS[kind])
    parameters = itk.ParameterObject.New()
    chosen = parameters.GetDefaultParameterMap(name, 4)
    chosen["Metric"] = ["AdvancedNormalizedCorrelation"]
    parameters.AddParameterMap(chosen)
    fixed, other = (itk.GetImageFromArray(one) for one in (reference, moving))
    _, found = itk.elastix_registration_method(
        fixed, other, parameter_object=parameters, log_to_console=False
    )
    values = np.array([float(one) for one in found.GetParameter(0, "TransformParameters")])
    if name == "translation":
        return lambda places: places + values[::-1]
    centre = np.array([float(one) for one in found.GetParameter(0, "CenterOfRotationPoint")])
    linear = values[:9].reshape(3, 3) if name == "affine" else _euler(values[:3])
    shift = values[-3:]
    return lambda places: ((places[:, ::-1] - centre) @ linear.T + shift + centre)[:, ::-1]


def _euler(angles: Floats) -> Floats:
    """Return ITK's rotation by angles about x, y and z: z, then x, then y of a column."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


PROGRAMS = {"here": here, "SimpleITK": by_simpleitk, "elastix": by_elastix}


def measured(name: str, size: int, kind: str, seed: int, repeats: int) -> dict[str, float]:
    """Return the least seconds of some repeats, and the error."""
    reference, moving, truth = pair(size, kind, seed)
    align = PROGRAMS[name]
    align(*(np.ascontiguousarray(one[:, ::2, ::2]) for one in (reference, moving)), kind)
    took = []
    for _ in range(repeats):
        begin = time.process_time(), time.perf_counter()
        found = align(reference, moving, kind)
        took.append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
    grid = np.meshgrid(*([0.0, n - 1.0] for n in reference.shape), indexing="ij")
    ends = np.stack(grid, axis=-1).reshape(-1, 3)
    gaps = found(ends) - (ends @ truth[:, :3].T + truth[:, 3])
    processor, wall = np.min(took, axis=0)
    return {
        "processor": float(processor),
        "wall": float(wall),
        "error": float(np.sqrt((gaps**2).sum(axis=1).mean())),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="128,192")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", metavar="PROGRAM/SIZE/KIND", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, size, kind = given.one.split("/")
        print(json.dumps(measured(name, int(size), kind, given.seed, given.repeats)))
        return
    for size in map(int, given.sizes.split(",")):
        for kind in KINDS:
            rows: dict[str, dict[str, float]] = {}
            for name in PROGRAMS:
                if importlib.util.find_spec(NEEDS[name]) is None:
                    print(f"{size} {kind:11} {name:9} is not installed")
                    continue
                command = [sys.executable, __file__, "--one", f"{name}/{size}/{kind}"]
                command += ["--seed", str(given.seed), "--repeats", str(given.repeats)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{size} {kind:11} {name:9} failed: {done.stderr.strip()[-200:]}")
                    continue
                row = rows[name] = json.loads(done.stdout)
                print(
                    f"{size} {kind:11} {name:9} {row['processor']:6.2f} processor s "
                    f"{row['wall']:6.2f} s  {row['error']:.4f} voxels off",
                    flush=True,
                )
            own = rows.pop("here", None)
            for name, row in rows.items() if own else ():
                parts = ", ".join(f"{own[one] / row[one]:.2f} {one}" for one in row)
                print(f"    of {name}: {parts}", flush=True)


if __name__ == "__main__":
    main()
