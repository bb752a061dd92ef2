"""What a person has decided on a pair, and what stood before, to which it can go back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Decision = Literal["accepted", "rejected", "corrected"]


@dataclass(frozen=True)
class RecordedReview:
    """What a person has decided on a pair.

    Attributes
    ----------
    decision : {"accepted", "rejected", "corrected"}
        What was decided.
    note : str
        Anything worth keeping.
    former : Former or None
        What stood before; None in records of before this was kept.
    """

    decision: Decision
    note: str = ""
    former: Former | None = None

    def as_document(self) -> dict[str, Any]:
        """Return it as plain values."""
        plain = {"decision": self.decision, "note": self.note}
        return plain if self.former is None else {**plain, "former": vars(self.former)}


@dataclass(frozen=True)
class Former:
    """What stood before a decision.

    Attributes
    ----------
    transform : dict or None
        The document of the transform, if there was one.
    decision : {"accepted", "rejected", "corrected"} or None
        The person's decision of before, if there was one.
    note : str
        Its note.
    """

    transform: Mapping[str, Any] | None = None
    decision: Decision | None = None
    note: str = ""
