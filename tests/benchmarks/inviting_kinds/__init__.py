"""Kinds of pairs that invite a wrong *aligned*, by family, each with its truth."""

from . import (  # noqa: F401
    bent,
    derivatives,
    nothing,
    rasters,
    repeats,
    right,
    static_layers,
    symmetry,
    two_motions,
)
from .made import KINDS, inviting_pair

__all__ = ["KINDS", "inviting_pair"]
