"""How two images are made black and white, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..comparison import ThresholdMethod


@dataclass(frozen=True)
class Thresholding:
    """How both images are binarised: the keywords of `compare`."""

    method: ThresholdMethod = "otsu"
    threshold: tuple[float, float] | None = None
    window_size: int | None = None
    k: float | None = None

    def keywords(self) -> dict[str, Any]:
        """Return the keywords that differ from what `compare` does by itself."""
        if self.threshold is not None:
            return {"threshold": self.threshold}
        given = {"method": self.method, "window_size": self.window_size, "k": self.k}
        return {name: value for name, value in given.items() if value is not None}
