"""How much cells count, by directions: symmetric matrices of two rows, as (xx, xy, yy).

An edge says how far it moved across itself and nothing of how far along. So what both images have
in common is weighed against noise in the direction in which the reference changes most, and in the
one at right angles.
"""

from __future__ import annotations

import numpy as np

from ..._images.pyramid.levels import Floats, floats

_TINY = np.float32(1e-6)


def alike(shown: Floats) -> Floats:
    """Return the same share (h, w) in all directions, (3, h, w)."""
    return np.stack([shown, np.zeros_like(shown), shown])


def largest(shares: Floats) -> Floats:
    """Return the share in the direction that counts most, (h, w)."""
    half, apart = (shares[0] + shares[2]) / 2, (shares[0] - shares[2]) / 2
    return floats(half + np.sqrt(apart**2 + shares[1] ** 2))


def along(shares: Floats, vectors: Floats) -> Floats:
    """Return shares times vectors, (2, h, w)."""
    xx, xy, yy = shares
    x, y = vectors
    return floats(np.stack([xx * x + xy * y, xy * x + yy * y]))


def between(shares: Floats, products: Floats) -> Floats:
    """Return shares times products times shares, (3, h, w)."""
    p, q, r = shares
    xx, xy, yy = products
    return floats(
        np.stack(
            [
                p * p * xx + 2 * p * q * xy + q * q * yy,
                p * q * xx + (p * r + q * q) * xy + q * r * yy,
                q * q * xx + 2 * q * r * xy + r * r * yy,
            ]
        )
    )


def in_common(own: Floats, common: Floats, power: Floats, noise: Floats, least: float) -> Floats:
    """Return shares of what both images have beyond noise, in two directions, (3, h, w).

    Parameters
    ----------
    own : ndarray of float32, shape (3, h, w)
        Products of the reference's gradients at each cell, per pixel.
    common, power : ndarray of float32, shape (3, h, w)
        Of both images' gradients around it, and of the reference's alone.
    noise : ndarray of float32, shape (h, w)
        What noise has of `own` in each direction.
    least : float
        Shares below count as 0, and those above from there on.
    """
    half, apart = (own[0] + own[2]) / 2, (own[0] - own[2]) / 2
    size = np.sqrt(apart**2 + own[1] ** 2)
    cosine, sine = apart / (size + _TINY), own[1] / (size + _TINY)
    total, differing = (
        [one[0] + one[2] for one in (common, power)],
        [cosine * (one[0] - one[2]) + 2 * sine * one[1] for one in (common, power)],
    )
    shares = []
    for sign in (1, -1):
        here, there = (
            (one + sign * other) / 2 for one, other in zip(total, differing, strict=True)
        )
        beyond = 1 - noise / np.maximum(half + sign * size, _TINY)
        share = np.minimum(beyond, here / np.maximum(there, _TINY))
        shares.append(np.clip((share - least) / (1 - least), 0, 1))
    mean, differ = (shares[0] + shares[1]) / 2, (shares[0] - shares[1]) / 2
    return floats(np.stack([mean + differ * cosine, differ * sine, mean - differ * cosine]))
