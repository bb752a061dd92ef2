"""Arrays, matrices and options as nobody expects them, as strategies of hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

_SIDES = (32, 33, 47, 64, 96, 0, 1, 2, 3, 5, 8, 31)
_LONG_SHAPES = ((1, 700), (900, 2), (3, 1200), (33, 600))
_PLAIN = ("uint8", "float32", "bool", "uint16", "float64", "int16")
_ODD = (
    "float16", "int8", "uint32", "int32", "uint64", "int64", "longdouble", ">u2", ">f4", "<i8",
    "complex64", "datetime64[s]", "timedelta64[D]", "U3", "S2", "object", "i4,f4",
)  # fmt: skip
_SEEDS = st.integers(0, 2**32 - 1)
_NUMBERS = (
    0, 1, -1, 0.5, 2, 3, 1e-9, 1e9, 10**30, -7.5, 2**63, float("nan"), float("inf"),
    -float("inf"), 5e-324, 1e308, None, True, "1", "", b"x", [], [1], (0.2, 0.9), {}, 1j,
    np.float32(0.1), np.int8(3), np.uint64(2**64 - 1), np.array(2), np.array([1.0, 2.0]), object,
)  # fmt: skip

NUMBERS = st.sampled_from(_NUMBERS)
WORDS = st.sampled_from(("", "x", "LINEAR", None, 3, 0.5, True, b"linear", ["linear"], np.nan))


@st.composite
def shapes(draw):
    """Shapes of images, mostly (h, w), some with channels, some with none of the two."""
    plane = draw(
        st.one_of(st.tuples(*[st.sampled_from(_SIDES)] * 2), st.sampled_from(_LONG_SHAPES))
    )
    channels = draw(st.sampled_from(((), (), (), (3,), (4,), (1,), (2,), (5,))))
    leading = draw(st.sampled_from(((), (), (), (), (), (1,), (2,))))
    return draw(
        st.one_of(
            st.just((*leading, *plane, *channels)),
            st.sampled_from(((), (40,), (0,), (40, 40, 3, 1))),
        )
        if draw(st.integers(0, 9)) == 9
        else st.just((*leading, *plane, *channels))
    )


def contents(generator, kind, shape):
    """Return values in [0, 1] of some appearance."""
    if kind == "noise" or len(shape) < 2:
        return generator.random(shape)
    if kind == "flat":
        return np.full(shape, generator.random())
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    if kind == "stripes":
        plane = (columns // int(generator.integers(1, 9))) % 2 + 0 * rows
    elif kind == "gradient":
        plane = (rows + 2 * columns) / max(1, shape[0] + 2 * shape[1])
    elif kind == "dot":
        plane = np.zeros(shape[:2])
        if plane.size:
            plane.flat[generator.integers(plane.size)] = 1
    elif kind == "labels":
        plane = (rows // 7 * 3 + columns // 9) % 11 / 11
    else:
        plane = np.zeros(shape[:2])
        for _ in range(12):
            y, x = generator.random(2) * shape[:2]
            plane = plane + np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 30)
        plane = plane / max(1e-9, plane.max(initial=0))
    return np.broadcast_to(plane.reshape(*plane.shape, *[1] * (len(shape) - 2)), shape).astype(
        float
    )


def with_dtype(generator, values, dtype):
    """Return values as another dtype, over its whole range."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return values > 0.5
    if dtype.kind in "iu":
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
        whole = generator.random() < 0.3
        scaled = low + values * (high - low) * 0.999 if whole else values * min(high, 200)
        return scaled.astype(dtype)
    if dtype.kind == "f":
        scale = generator.choice([1, 255, 1e-30, 1e4, 1e30])
        with np.errstate(over="ignore"):
            return (values * scale).astype(dtype)
    if dtype.kind in "cO":
        return values.astype(dtype)
    return np.zeros(values.shape, dtype)


def with_holes(generator, image, holes):
    """Put what is no number into an image that can hold it."""
    if holes == "none" or image.dtype.kind != "f" or image.ndim < 2 or not image.size:
        return image
    value = generator.choice([np.nan, np.inf, -np.inf])
    if holes == "all":
        image[...] = value
    elif holes == "border":
        width = int(generator.integers(1, 12))
        inner = image[width:-width, width:-width].copy()
        image[...] = value
        image[width:-width, width:-width] = inner
    elif holes == "huge":
        image.flat[generator.integers(image.size)] = np.finfo(image.dtype).max
    else:
        image[generator.random(image.shape) < 0.1] = value
    return image


def laid_out(generator, image, layout):
    """Return an equal array that lies otherwise in memory, or is no plain array."""
    if layout == "fortran":
        return np.asfortranarray(image)
    if layout == "reversed":
        return image[::-1, ::-1].copy()[::-1, ::-1] if image.ndim > 1 else image
    if layout == "strided" and image.ndim > 1:
        spread = np.zeros((image.shape[0] * 2, image.shape[1] * 3, *image.shape[2:]), image.dtype)
        spread[::2, ::3] = image
        return spread[::2, ::3]
    if layout == "unaligned" and not image.dtype.hasobject:
        raw = np.zeros(image.nbytes + 1, np.uint8)[1:]
        odd = raw.view(image.dtype).reshape(image.shape) if image.size else image
        if image.size:
            odd[...] = image
        return odd
    if layout == "broadcast" and image.ndim > 1 and image.size:
        return np.broadcast_to(image[:1], image.shape)
    if layout == "readonly":
        image.setflags(write=False)
    if layout == "masked":
        return np.ma.masked_array(image, generator.random(image.shape) < 0.2)
    if layout == "list":
        return image.tolist()
    if layout == "dask" and image.dtype.names is None:
        import dask.array as da

        return da.from_array(image, chunks=17) if image.ndim else image
    if layout == "pyramid" and image.ndim > 1:
        return [image, image[::2, ::2], image[::4, ::4]]
    return image


_LAYOUTS = (
    "plain", "plain", "plain", "fortran", "reversed", "strided", "unaligned", "broadcast",
    "readonly", "masked", "list", "dask", "pyramid",
)  # fmt: skip
_KINDS = ("blobs", "blobs", "noise", "flat", "stripes", "gradient", "dot", "labels")
_HOLES = ("none", "none", "none", "some", "border", "all", "huge")


@st.composite
def images(draw, shape=None):
    """Images of any kind; of one shape, if it is given."""
    generator = np.random.default_rng(draw(_SEEDS))
    if shape is None:
        shape = draw(shapes())
    values = contents(generator, draw(st.sampled_from(_KINDS)), shape)
    dtype = draw(st.sampled_from(_PLAIN) if draw(st.integers(0, 3)) else st.sampled_from(_ODD))
    image = with_holes(
        generator, with_dtype(generator, values, dtype), draw(st.sampled_from(_HOLES))
    )
    return laid_out(generator, image, draw(st.sampled_from(_LAYOUTS)))


@st.composite
def pairs(draw):
    """Two images: often the same thing, shifted, of a shape and of odd dtypes; or any two."""
    if draw(st.integers(0, 4)) == 0:
        return draw(images()), draw(images())
    generator = np.random.default_rng(draw(_SEEDS))
    side = draw(st.sampled_from((40, 64, 96)))
    channels = draw(st.sampled_from(((), (), (3,), (4,))))
    scene = contents(generator, "blobs", (side + 8, side + 20, *channels))
    dy, dx = (int(each) for each in generator.integers(0, 8, 2))
    two = scene[:side, : side + 12], scene[dy : dy + side, dx : dx + side + 12]
    made = []
    for part in two:
        dtype = draw(st.sampled_from(_PLAIN + _ODD[:10]))
        image = with_holes(
            generator, with_dtype(generator, part, dtype), draw(st.sampled_from(_HOLES))
        )
        made.append(laid_out(generator, image, draw(st.sampled_from(_LAYOUTS))))
    return tuple(made)


def shape_of(image):
    """Return the shape of whatever `images` made; of a pyramid, that of its first level."""
    if isinstance(image, list) and image and isinstance(image[0], np.ndarray):
        return image[0].shape
    return tuple(getattr(image, "shape", np.shape(image)))


@st.composite
def masks(draw, image):
    """No mask, one that fits an image, or one that does not."""
    shape = shape_of(image)[:2]
    kind = draw(st.sampled_from(("none", "none", "some", "empty", "full", "odd")))
    if kind == "none":
        return None
    if kind == "odd":
        return draw(images())
    generator = np.random.default_rng(draw(_SEEDS))
    chance = {"some": 0.7, "empty": 0, "full": 1}[kind]
    dtype = draw(st.sampled_from(("bool", "uint8", "float32", "int64")))
    return (generator.random(shape) < chance).astype(dtype)


@st.composite
def matrices(draw):
    """Matrices of transforms: near the identity, far from it, singular, or no matrix at all."""
    generator = np.random.default_rng(draw(_SEEDS))
    kind = draw(st.sampled_from(("near", "near", "near", "any", "extreme", "singular", "other")))
    if kind == "other":
        return draw(st.one_of(NUMBERS, images()))
    matrix = np.eye(3)
    if kind == "near":
        matrix[:2] += generator.normal(0, 1, (2, 3)) * [0.05, 0.05, 5]
        if generator.random() < 0.3:
            matrix[2, :2] = generator.normal(0, 1e-3, 2)
    elif kind == "any":
        matrix = generator.normal(0, 3, (3, 3))
    elif kind == "singular":
        matrix[1] = matrix[0] * generator.normal()
    else:
        values = [0, 1, -1, 1e300, 1e-300, 5e-324, np.inf, np.nan, 1e20, -1e-20, 2**53]
        place = generator.random((3, 3)) < 0.3
        matrix[place] = generator.choice(values, int(place.sum()))
    given = draw(st.sampled_from(("array", "list", "two rows", "float32")))
    if given == "list":
        return matrix.tolist()
    if given == "float32":
        with np.errstate(over="ignore", under="ignore"):
            return matrix.astype(np.float32)
    return matrix[:2] if given == "two rows" else matrix


def some_of(**options):
    """Keyword arguments, few at a time: one that is refused hides what others would do."""
    chosen = st.one_of(
        st.just([]), *[st.lists(st.sampled_from(sorted(options)), max_size=n) for n in (1, 2, 4)]
    )
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries({name: options[name] for name in names})
    )


def words(*right):
    """Mostly one of the words that an option takes."""
    return st.one_of(st.sampled_from(right), st.sampled_from(right), WORDS)
