"""The verdict on an alignment, and what every outcome that has one answers."""

from __future__ import annotations

from typing import Any, Literal, NoReturn, Self, get_args

from .._common.errors import InputError

Verdict = Literal["aligned", "doubtful", "failed", "cancelled"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)[::-1]
"""All verdicts, the worst first."""
FOUND: tuple[Verdict, ...] = ("aligned", "doubtful")
"""The verdicts of those that come with a transform worth looking at."""
TOO_STIFF = "does not suffice"
"""Says of a motion model, in a reason, that a freer one may explain the images."""


class WithVerdict:
    """An outcome with a verdict, and its reason: of two images, a field or two volumes.

    It has no truth value: ask `aligned`, or the `verdict`.
    """

    verdict: Verdict
    reason: str

    @property
    def aligned(self) -> bool:
        """Whether the verdict is "aligned"."""
        return self.verdict == "aligned"

    @property
    def found(self) -> bool:
        """Whether there is a transform worth looking at: "aligned" or "doubtful"."""
        return self.verdict in FOUND

    def raise_if_not(self, *accepted: Verdict) -> Self:
        """Return the result itself, or raise if its verdict is not accepted.

        Parameters
        ----------
        *accepted : {"aligned", "doubtful", "failed", "cancelled"}
            Verdicts to go on with; "aligned" alone if none is named.

        Raises
        ------
        AlignmentFailed
            If the verdict is another one; its `result` is this one.
        InputError
            If there is no such verdict.

        Examples
        --------
        >>> import numpy as np
        >>> from napari_ecc_align import align
        >>> align(np.eye(64), np.zeros((64, 64))).raise_if_not("aligned", "doubtful")
        Traceback (most recent call last):
        ...
        napari_ecc_align._verdict.verdict.AlignmentFailed: failed: The ... has no contrast.
        """
        for verdict in accepted:
            if verdict not in VERDICTS:
                raise InputError(
                    f"verdict must be one of {', '.join(get_args(Verdict))}, not {verdict!r}"
                )
        if self.verdict not in (accepted or ("aligned",)):
            raise AlignmentFailed(self)
        return self

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "the result of an alignment has no truth value, for it can be doubtful: ask "
            "result.aligned or result.verdict, or call result.raise_if_not()"
        )


class AlignmentFailed(RuntimeError):
    """An alignment whose verdict was not accepted; `result` is what came of it.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_ecc_align import AlignmentFailed, align
    >>> try:
    ...     align(np.eye(64), np.zeros((64, 64))).raise_if_not("aligned")
    ... except AlignmentFailed as failure:
    ...     print(failure.result.verdict)
    failed
    """

    def __init__(self, result: Any) -> None:
        super().__init__(result)
        self.result = result

    def __str__(self) -> str:
        return f"{self.result.verdict}: {self.result.reason}"
