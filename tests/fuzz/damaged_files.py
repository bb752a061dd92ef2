"""Files of every format that is read, and what damages them: by bytes, by words, by values."""

from __future__ import annotations

import io
import json
import re
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

_BYTES = (0, 1, 0x7F, 0x80, 0xFF)
_INTEGERS = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS = (
    b"nan", b"inf", b"-1e999", b"1e-320", b"", b"0", b"-1", b"99999999999999999999999", b"null",
    b"1" * 5000, b"[]", b"{}", b"\xff\xfe", b"\0", b"\n", b",", b";", b'"', b"\\ud800",
    "\u0661".encode(), b"=1+1", b"../x", b"/etc", b"1_0", b"True",
)  # fmt: skip
_VALUES = (
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**400, 2**63, "", "x", "..", "/", "a\0b",
    "\ud800", "1" * 3000, [], {}, [[]], [1], {"a": 1}, ["x"] * 50,
)  # fmt: skip
_IHDR_END = 33


def picture(channels=(), dtype="uint8"):
    """Return a small image that is neither flat nor noise."""
    rows, columns = np.mgrid[:24, :20]
    values = (rows * 5 + columns * 7) % 97 / 97
    values = values.reshape(24, 20, *[1] * len(channels)) * np.ones(channels)
    top = 1 if np.dtype(dtype).kind in "bf" else 250
    return (values * top > 0.5) if dtype == "bool" else (values * top).astype(dtype)


def _pillow(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _tiff(image, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def image_files():
    """Return the bytes of an image in each kind of PNG, JPEG and TIFF, by name."""
    gray, rgb = picture(), picture((3,))
    plain = Image.fromarray(gray)
    colour = Image.fromarray(rgb)
    files = {
        "gray.png": _pillow(plain, "PNG"),
        "bits.png": _pillow(Image.fromarray(picture(dtype="bool")), "PNG"),
        "deep.png": _pillow(Image.fromarray(picture(dtype="uint16")), "PNG"),
        "rgb.png": _pillow(colour, "PNG"),
        "alpha.png": _pillow(colour.convert("RGBA"), "PNG"),
        "palette.png": _pillow(colour.quantize(16), "PNG", transparency=3),
        "gray alpha.png": _pillow(plain.convert("LA"), "PNG"),
        "deep rgb.png": _deep_png(),
        "gray.jpg": _pillow(plain, "JPEG"),
        "rgb.jpg": _pillow(colour, "JPEG", progressive=True),
        "cmyk.jpg": _pillow(colour.convert("CMYK"), "JPEG"),
        "gray.tif": _tiff(gray),
        "rgb.tif": _tiff(rgb, photometric="rgb"),
        "planes.tif": _tiff(np.moveaxis(rgb, 2, 0), photometric="rgb", planarconfig="separate"),
        "zip.tif": _tiff(gray, compression="zlib", predictor=True),
        "tiles.tif": _tiff(picture(dtype="uint16"), tile=(16, 16)),
        "big.tif": _tiff(picture(dtype="float32"), bigtiff=True, byteorder=">"),
        "film.tif": _tiff(np.stack([gray] * 3), photometric="minisblack"),
        "ome.tif": _tiff(np.stack([gray] * 2), ome=True, photometric="minisblack"),
        "imagej.tif": _tiff(np.stack([gray] * 2), imagej=True),
        "palette.tif": _pillow(colour.quantize(16), "TIFF"),
    }
    for compression in ("tiff_lzw", "packbits", "jpeg", "tiff_adobe_deflate"):
        files[f"{compression}.tif"] = _pillow(colour, "TIFF", compression=compression)
    bits = Image.fromarray(picture(dtype="bool"))
    for compression in ("group4", "tiff_ccitt"):
        files[f"{compression}.tif"] = _pillow(bits, "TIFF", compression=compression)
    return files


def _deep_png():
    """Return 16-bit colour, which Pillow cannot write."""
    rows = picture((3,), "uint16").astype(">u2")
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", 20, 24, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_right_sums(content):
    """Return a PNG whose checksums fit, so that what is damaged in it is looked at."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return content
    made, place = content[:8], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        end = place + 8 + length
        if end + 4 > len(content):
            break
        made += _chunk(content[place + 4 : place + 8], content[place + 8 : end])
        place = end + 4
    return made + content[place:]


def damaged(content, generator, *, other=b""):
    """Return a file with one to four kinds of damage."""
    content = bytearray(content)
    for _ in range(int(generator.integers(1, 5))):
        _damage(content, generator, other)
    made = bytes(content)
    return with_right_sums(made) if generator.random() < 0.6 else made


def _damage(content, generator, other):
    size = len(content)
    if not size:
        return
    # Headers are at the beginning and, of a TIFF, at the end.
    place = int(generator.integers(size))
    if generator.random() < 0.5:
        place = min(place, int(generator.integers(1, 200))) if generator.random() < 0.6 else place
    kind = int(generator.integers(8))
    if kind == 0:
        content[place] ^= 1 << int(generator.integers(8))
    elif kind == 1:
        content[place] = int(generator.choice(_BYTES))
    elif kind == 2:
        value, order = int(generator.choice(_INTEGERS)), generator.choice(["<", ">"])
        width = "I" if generator.random() < 0.5 else "H"
        number = struct.pack(f"{order}{width}", value & (0xFFFFFFFF if width == "I" else 0xFFFF))
        content[place : place + len(number)] = number
    elif kind == 3 and generator.random() < 0.3:
        del content[place:]
    elif kind == 4:
        del content[place : place + int(generator.integers(1, 30))]
    elif kind == 5:
        end = place + int(generator.integers(1, 60))
        content[place:place] = content[place:end]
    elif kind == 6 and other:
        begin = int(generator.integers(len(other)))
        end = begin + int(generator.integers(1, 60))
        content[place : place + end - begin] = other[begin:end]
    else:
        content[place : place + 1] = generator.bytes(2)


def damaged_text(content, generator, *, other=b""):
    """Return a text with other words, values or lines, or damaged as `damaged` does."""
    kind = int(generator.integers(4))
    if kind == 0:
        return damaged(content, generator, other=other)
    if kind == 1 and (changed := _other_value(content, generator)) is not None:
        return changed
    if kind == 2:
        lines = content.splitlines(keepends=True)
        place = int(generator.integers(max(1, len(lines))))
        lines[place : place + 1] = lines[place : place + 1] * int(generator.choice([0, 2, 40]))
        return b"".join(lines)
    words = list(re.finditer(rb'-?[\w.+]+|"[^"]*"|[,;:]', content))
    if not words:
        return content
    for _ in range(int(generator.integers(1, 3))):
        word = words[int(generator.integers(len(words)))]
        new = _WORDS[int(generator.integers(len(_WORDS)))]
        content = content[: word.start()] + new + content[word.end() :]
    return content


def _other_value(content, generator):
    """Return a JSON document with another value somewhere, or without it; None if it is none."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    here, depth = document, int(generator.integers(6))
    while isinstance(here, (dict, list)) and here:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = keys[int(generator.integers(len(keys)))]
        if depth == 0 or not isinstance(here[key], (dict, list)) or not here[key]:
            if generator.random() < 0.2:
                del here[key]
            else:
                here[key] = _VALUES[int(generator.integers(len(_VALUES)))]
            break
        here, depth = here[key], depth - 1
    return json.dumps(document).encode()
