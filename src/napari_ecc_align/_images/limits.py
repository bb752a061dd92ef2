"""How much of an image is read, kept or worked on at once."""

from dataclasses import dataclass


@dataclass
class Limits:
    """What bounds the memory that a lazy image takes; tests make it small.

    Attributes
    ----------
    small_pixels : int
        Reading fewer pixels than these at once costs less than choosing among them.
    small_bytes : int
        What has to be read whole anyway, because it comes without a pyramid, may as well be kept.
    whole_pixels : int
        A given level of at most so many pixels is read whole.
    kept_bytes : int
        Of an image without a pyramid, the finest level that is kept has at most so many bytes.
    warped_side : int
        A lazy image is warped in squares of so many pixels a side.
    compared_pixels : int
        An image of more is not computed whole, as a comparison needs it.
    """

    small_pixels: int = 2**21
    small_bytes: int = 2**26
    whole_pixels: int = 2**22
    kept_bytes: int = 2**27
    warped_side: int = 2048
    compared_pixels: int = 2**27


LIMITS = Limits()
"""Those that hold."""
