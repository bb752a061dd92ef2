"""What fields of images and of volumes have in common: splines displace, then a matrix moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from .._common.errors import InputError
from .._common.given import GivenPath, Numbers
from .coordinates import checked_points, map_points
from .field_samples import at_pixels, sampled
from .formats.field_files import packed, write_field
from .formats.field_zarr import Sampled, is_zarr, write_zarr
from .matrices import checked_matrix, checked_volume_matrix, inverse_of
from .splines import (
    DEGREE,
    Array,
    Lattice,
    affine_part,
    apart,
    interpolating,
    solved,
    summed,
)

# Newton's method for the way back has converged long before.
_NEWTON = 20


class MovesStraight(Protocol):
    """A transform that a matrix expresses, of images or of volumes."""

    @property
    def matrix(self) -> Array: ...
    @property
    def to_moving(self) -> Callable[[Array], Array]: ...
    @property
    def to_reference(self) -> Callable[[Array], Array]: ...


class BentMap:
    """A map that bends: a point p of the reference lies at ``matrix @ (p + u(p))``.

    The parent of frozen dataclasses with a `matrix`, a `Lattice` for each axis, the slowest
    first, `coefficients` and perhaps `sigma`. Coordinates are (x, y) or (x, y, z).
    """

    __array_ufunc__ = None
    _lattice_names: ClassVar[tuple[str, ...]] = ()
    _unit: ClassVar[str] = "px"
    # The splines of an inverse or a composition lie so many times as close.
    _closer: ClassVar[int] = 4
    # To find the splines of a map, it is asked at so many places to a spline.
    _asked: ClassVar[int] = 2

    if TYPE_CHECKING:

        @property
        def matrix(self) -> Array: ...
        @property
        def coefficients(self) -> Array: ...
        @property
        def sigma(self) -> Array | None: ...

    def __post_init__(self) -> None:
        check = checked_volume_matrix if len(self._lattice_names) == 3 else checked_matrix
        object.__setattr__(self, "matrix", check(self.matrix))
        for name in ("matrix", "coefficients", "sigma"):
            array = getattr(self, name)
            if array is not None:
                array = np.array(array, np.float64)
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        name, counts = type(self).__name__, tuple(one.count for one in self._lattices)
        if self.coefficients.shape != (*counts, len(counts)):
            raise InputError(f"the coefficients of a {name} must fit its splines")
        if not np.isfinite(self.coefficients).all():
            raise InputError(f"the coefficients of a {name} must be finite")

    @property
    def _lattices(self) -> tuple[Lattice, ...]:
        """Where the splines lie along each axis, columns last."""
        return tuple(getattr(self, name) for name in self._lattice_names)

    @classmethod
    def _of(
        cls,
        matrix: Array,
        lattices: Sequence[Lattice],
        coefficients: Array,
        sigma: Array | None = None,
    ) -> Self:
        names = dict(zip(cls._lattice_names, lattices, strict=True))
        made: Any = cls
        return made(matrix=matrix, coefficients=coefficients, sigma=sigma, **names)  # type: ignore[no-any-return]

    @classmethod
    def _through_displacements(
        cls, displacements: Numbers, spacing: Sequence[float], start: Sequence[float] = ()
    ) -> Self:
        """Return the field of displacements on an even grid, with its spacing by (x, y)."""
        axes = len(cls._lattice_names)
        given = np.asarray(displacements, np.float64)
        if given.ndim != axes + 1 or given.shape[-1] != axes or min(given.shape[:-1]) < 4:
            sides = "(d, h, w, 3)" if axes == 3 else "(h, w, 2)"
            raise InputError(
                f"displacements must have shape {sides}, of 4 or more, not {given.shape}"
            )
        coefficients, counts = interpolating(given)
        places = tuple(start or (0.0,) * axes)[::-1]
        lattices = [
            Lattice(float(first), float(step), count)
            for first, step, count in zip(places, tuple(spacing)[::-1], counts, strict=True)
        ]
        return cls._of(np.eye(axes + 1), lattices, coefficients)

    @classmethod
    def _through(cls, given: Sampled) -> Self:
        return cls._through_displacements(given.values, given.spacing, given.start)

    def displacement(self, points: Numbers) -> Array:
        """Return u in px, or voxels, of the reference, at points of it; by axis as they are."""
        given = self._checked(points)
        return self._displaced(given.reshape(-1, given.shape[-1])).reshape(given.shape)

    def _checked(self, points: Numbers) -> Array:
        return checked_points(points, len(self._lattice_names))

    def _displaced(self, points: Array) -> Array:
        """Return u at points."""
        return _looked_up(self.coefficients, self._steps(points) + 1, DEGREE)

    def _steps(self, points: Array) -> Array:
        """Return how many steps of each lattice from its start points lie, columns last."""
        return np.stack(
            [
                (np.clip(along, one.start, one.last) - one.start) / one.spacing
                for along, one in zip(points.T[::-1], self._lattices, strict=True)
            ]
        )

    def _slopes(self) -> Array:
        """Return the derivatives of u at the steps of its lattices, (..., axes, axes)."""
        found = []
        for along in reversed(range(len(self._lattices))):
            slopes = self.coefficients
            for axis, one in enumerate(self._lattices):
                places = np.linspace(one.start, one.last, one.count - 2)
                design = one.design(places, int(axis == along))
                slopes = np.moveaxis(np.tensordot(design, slopes, axes=(1, axis)), 0, axis)
            found.append(slopes)
        return np.stack(found, axis=-2)

    def to_moving(self, points: Numbers) -> Array:
        """Map points (x, y) or (x, y, z) of the reference, one or a row each, to the moving side.

        Shape (2,) or (N, 2) of images, (3,) or (N, 3) of volumes.
        """
        given = self._checked(points)
        return map_points(self.matrix, given + self.displacement(given))

    def __call__(self, points: Numbers) -> Array:
        """Map reference points to the moving side, as `to_moving` does."""
        return self.to_moving(points)

    def to_reference(self, points: Numbers) -> Array:
        """Map points of the moving side back to the reference, to a millionth of a px."""
        given = self._checked(points)
        axes = given.shape[-1]
        there = map_points(inverse_of(self.matrix), given.reshape(-1, axes))
        back = inverse_of(affine_part(self._lattices, self.coefficients))
        here, turn = map_points(back, there), back[:-1, :-1].T
        here = here - (here + self._displaced(here) - there) @ turn
        slopes = np.eye(axes) + self._slopes()
        for _ in range(_NEWTON):
            missing = here + self._displaced(here) - there
            # Most have converged long before the last.
            left = np.flatnonzero(np.abs(missing).max(axis=1) > 1e-7)
            if not len(left):
                break
            # Between the steps they are told well enough to converge by.
            near = _looked_up(slopes, self._steps(here[left]), 1) @ turn
            here[left] -= solved([near[:, along] for along in range(axes)], missing[left] @ turn)
        return np.asarray(here.reshape(given.shape))

    @property
    def inverse(self) -> Self:
        """The field from the moving side back to the reference, to 0.02 px where it is known."""
        # What is left beside a matrix is small, and goes on beyond the corners of what is turned.
        affine, left = apart(self._lattices, self.coefficients)
        least = self._of(self.matrix @ affine, self._lattices, left)
        return self._fitted(inverse_of(least.matrix), least.to_reference, least(self._nodes()))

    def __matmul__(self, other: Self | MovesStraight) -> Self:
        """Compose: ``(a @ b)(p)`` is ``a(b(p))``."""
        if isinstance(other, BentMap):
            within = other._nodes()
        elif _is_straight(other, len(self.matrix)):
            within = other.to_reference(self._nodes())
        else:
            return NotImplemented
        matrix = self.matrix @ other.matrix
        return self._fitted(matrix, lambda points: self(other.to_moving(points)), within)

    def __rmatmul__(self, other: MovesStraight) -> Self:
        """Compose a transform after the field."""
        if not _is_straight(other, len(self.matrix)):
            return NotImplemented
        return self._of(other.matrix @ self.matrix, self._lattices, self.coefficients, self.sigma)

    def _nodes(self) -> Array:
        """Return places throughout the box in which splines lie, as (x, y) or (x, y, z)."""
        ends = [np.linspace(one.start, one.last, one.count) for one in self._lattices[::-1]]
        return np.stack(np.meshgrid(*ends), axis=-1).reshape(-1, len(ends))

    def _fitted(self, matrix: Array, mapped: Callable[[Array], Array], within: Array) -> Self:
        """Return the field that maps points as a function does, in the box around some."""
        low, high = within.min(axis=0)[::-1], within.max(axis=0)[::-1]
        lattices, designs, places = [], [], []
        for first, last, own in zip(low.tolist(), high.tolist(), self._lattices, strict=True):
            steps = self._closer * (own.count - 3)
            if own.spacing < self._closer:
                steps = max(4, int(np.ceil((last - first) / max(1.0, own.spacing))))
            lattices.append(Lattice(first, (last - first) / steps, steps + 3))
            places.append(np.linspace(first, last, self._asked * steps + 1))
            designs.append(np.linalg.pinv(lattices[-1].design(places[-1])))
        grid = np.stack(np.meshgrid(*places, indexing="ij")[::-1], axis=-1)
        points = grid.reshape(-1, grid.shape[-1])
        moved = (map_points(inverse_of(matrix), mapped(points)) - points).reshape(grid.shape)
        for axis, design in enumerate(designs):
            moved = np.moveaxis(np.tensordot(design, moved, axes=(1, axis)), 0, axis)
        return self._of(matrix, lattices, moved)

    def uncertainty_at(self, points: Numbers) -> Array:
        """Return one sigma, RMS of the distance in px or voxels, at points of the reference.

        Infinite where the field is not known, NaN if nobody said how well it is.
        """
        given = self._checked(points)
        if self.sigma is None:
            return np.full(given.shape[:-1], np.nan)
        flat = given.reshape(-1, given.shape[-1])
        return self._spread(*flat.T[::-1]).reshape(given.shape[:-1])

    def _spread(self, *places: Array) -> Array:
        assert self.sigma is not None
        squares = (self.sigma**2).sum(axis=-1)
        at = []
        for one, lattice, count in zip(places, self._lattices, squares.shape, strict=True):
            share = (one - lattice.start) / max(lattice.last - lattice.start, 1e-9)
            at.append(np.rint(np.clip(share, 0, 1) * (count - 1)).astype(int))
        return np.asarray(np.sqrt(squares[tuple(at)]))

    def _known(self, shape: Sequence[int], within: float) -> NDArray[np.bool_]:
        if self.sigma is None:
            return np.zeros(tuple(shape), bool)
        return np.asarray(self._spread(*np.ogrid[tuple(slice(0.0, n) for n in shape)]) <= within)

    @property
    def model(self) -> Literal["smooth"]:
        """The motion model, as `align` and `align_volume` name it."""
        return "smooth"

    @property
    def largest(self) -> float:
        """How far u displaces at most, in px or voxels."""
        places = [np.linspace(one.start, one.last, one.count) for one in self._lattices]
        moved = summed(self._lattices, places, self.coefficients)
        return float(np.sqrt((moved**2).sum(axis=-1).max()))

    def __repr__(self) -> str:
        known = "where it is known, nobody said"
        if self.sigma is not None:
            known = f"known on {float(np.isfinite(self.sigma).all(axis=-1).mean()):.0%}"
        return f"{type(self).__name__}(bends up to {self.largest:.2f} {self._unit}; {known})"

    def save(self, path: GivenPath, *, overwrite: bool = False) -> None:
        """Write the field, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Its suffix is ``.npz`` (ours, small and with sigma), or ``.mha``: an ITK displacement
            field, which SimpleITK reads as an image of vectors, of spacing 1; or ``.zarr``: a
            group of OME-NGFF 0.6 with displacements, as far apart as lines between them are right
            to 0.01 px.
        overwrite : bool, default: False
            Replace a file that is there already.

        Raises
        ------
        InputError
            If the suffix is none of those, or the file cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> import numpy as np
        >>> from napari_ecc_align import Field, VolumeField
        >>> bent = Field.from_displacements(np.full((8, 8, 2), 0.5))
        >>> with TemporaryDirectory() as folder:
        ...     bent.save(f"{folder}/bent.npz")
        ...     Field.load(f"{folder}/bent.npz")((1, 1)).round(6).tolist()
        [1.5, 1.5]
        >>> bent = VolumeField.from_displacements(np.full((8, 9, 10, 3), 0.5))
        >>> with TemporaryDirectory() as folder:
        ...     bent.save(f"{folder}/bent.mha")
        ...     VolumeField.load(f"{folder}/bent.mha")((1, 2, 3)).round(6).tolist()
        [1.5, 2.5, 3.5]
        """
        if is_zarr(path):
            write_zarr(path, sampled(self, self._lattices), overwrite=overwrite)
            return
        dense = partial(at_pixels, self, self._lattices)
        write_field(path, stored_parts(self), dense, overwrite=overwrite)

    @classmethod
    def _of_parts(cls, stored: Mapping[str, Any]) -> Self:
        """Return the field of what `stored_parts` gives."""
        parts = {name: np.asarray(part, np.float64) for name, part in stored.items()}
        lattices = [
            Lattice(float(parts[name][0]), float(parts[name][1]), count)
            for name, count in zip(cls._lattice_names, parts["coefficients"].shape, strict=False)
        ]
        return cls._of(parts["matrix"], lattices, parts["coefficients"], parts.get("sigma"))


def _looked_up(values: Array, steps: Array, degree: int) -> Array:
    """Return what splines of a degree add up to at some steps, (n, ...) of (d, h, w, ...)."""
    from scipy.ndimage import map_coordinates

    axes, count = steps.shape
    parts = values.reshape(*values.shape[:axes], -1)
    out = np.empty((count, parts.shape[-1]))
    for number in range(parts.shape[-1]):
        map_coordinates(
            *(parts[..., number], steps, out[:, number], degree), mode="nearest", prefilter=False
        )
    return out.reshape(count, *values.shape[axes:])


def _is_straight(other: object, size: int) -> bool:
    """Return whether it is a transform with a matrix of a size, and not a plain array."""
    return hasattr(other, "to_reference") and np.shape(getattr(other, "matrix", ())) == (size,) * 2


def stored_parts(field: BentMap) -> dict[str, Array]:
    """Return what makes up a field, by name, for `BentMap._of_parts`."""
    stored = {
        name: np.array([one.start, one.spacing])
        for name, one in zip(field._lattice_names, field._lattices, strict=True)
    }
    stored |= {"matrix": field.matrix, "coefficients": field.coefficients}
    return stored if field.sigma is None else stored | {"sigma": field.sigma}


def packed_field(field: BentMap) -> str:
    """Return the same as a text, such as JSON can hold, without sigma."""
    return packed({name: part for name, part in stored_parts(field).items() if name != "sigma"})


def nearest_affine(
    field: BentMap, ends: Sequence[float], count: int
) -> tuple[Array, Array, Array]:
    """Return places of a field, where it moves them, and the affine motion nearest to it.

    Parameters
    ----------
    field : Field or VolumeField
    ends : sequence of float
        From 0 to there, along x, y and z.
    count : int
        So many places along each axis; of those returned x changes fastest.

    Returns
    -------
    places, there : ndarray, shape (n, axes)
    matrix : ndarray, shape (axes + 1, axes + 1)
        By least squares over the places.
    """
    axes = len(ends)
    along = [np.linspace(0, end, count) for end in ends[::-1]]
    places = np.stack(np.meshgrid(*along, indexing="ij")[::-1], axis=-1).reshape(-1, axes)
    there, wide = field(places), np.c_[places, np.ones(len(places))]
    fitted = np.linalg.lstsq(wide, there, rcond=None)[0].T
    return places, there, np.vstack([fitted, np.eye(axes + 1)[-1]])
