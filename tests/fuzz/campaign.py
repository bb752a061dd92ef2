"""How long a fuzz test runs, from which seeds, and what may come of what it calls."""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisWarning

from napari_ecc_align import InputError

# Of processor time, for images of a few thousand pixels, in a call.
_SECONDS = 20
# It may quote a name.
_LONGEST_SENTENCE = 20_000
# The one that is documented: see `warp`.
_ALLOWED_WARNING = "moving may hold labels"


class TakesTooLong(BaseException):
    """Not an `Exception`, which a decoder's error would be taken for."""


@contextmanager
def bounded():
    """Raise `TakesTooLong` in the midst of what goes on for too long, where the system can."""

    def end(*_):
        raise TakesTooLong(f"more than {_SECONDS} s of processor time")

    if not hasattr(signal, "SIGPROF"):
        yield
        return
    former = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)


def content_of(value: Any) -> Any:
    """Return what must be the same of an argument after a call as before."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        # Copying half floats may tell of an overflow that casting to them has had.
        with np.errstate(all="ignore"):
            return value.dtype, value.shape, value.strides, value.tobytes()
    if isinstance(value, (list, tuple)):
        return [content_of(each) for each in value]
    return None


def brief(value: Any) -> str:
    """Return what a case is made of; its seed makes the rest."""
    if isinstance(value, np.ndarray) and value.size > 9:
        return f"<{value.dtype} {value.shape}, strides {value.strides}>"
    if isinstance(value, dict):
        inside = ", ".join(f"{key}: {brief(each)}" for key, each in value.items())
        return f"{{{inside}}}"
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(brief, value[:9]))}{', ...' * (len(value) > 9)})"
    return repr(value)


class Campaign:
    """The rounds of one test, each from a seed of its own, and the counts of what came of them.

    Parameters
    ----------
    first_seed : int
        Of the first round; those that follow count on.
    seconds : float
        After which no further round is begun; 0 for one round.
    replay : str
        The command that repeats a round, but for its seed.
    told : callable
        Called with a line before each round, in case that it does not come back.
    """

    def __init__(
        self, first_seed: int, seconds: float, replay: str, told: Callable[[str], object]
    ) -> None:
        self.first_seed, self.seconds, self.replay, self.told = first_seed, seconds, replay, told
        self.results = self.refusals = self.rounds = 0

    @property
    def summary(self) -> str:
        """What came of the rounds so far."""
        last = self.first_seed + self.rounds - 1
        return (
            f"{self.results + self.refusals} calls, {self.results} with a result and "
            f"{self.refusals} refused, from seeds {self.first_seed} to {last}"
        )

    def run(self, one_round: Callable[[int], object]) -> None:
        """Run rounds until the time is over; an error says which command repeats it."""
        begin = time.monotonic()
        while True:
            seed = self.first_seed + self.rounds
            self.rounds += 1
            command = f"{self.replay} --fuzz-seed {seed}"
            self.told(command)
            try:
                one_round(seed)
            except BaseException as error:
                error.add_note(f"To repeat it: {command}")
                raise
            if time.monotonic() - begin >= self.seconds:
                return

    def run_examples(self, cases: Any, check: Callable[[Any], object], count: int) -> None:
        """Run rounds of examples, `count` each, that hypothesis draws from a strategy."""

        def one_round(seed: int) -> None:
            @seeded(seed)
            @settings(
                max_examples=count,
                database=None,
                derandomize=False,
                # The arrays come from seeds, which are not simple where they are small.
                phases=[Phase.generate],
                report_multiple_bugs=False,
                verbosity=Verbosity.quiet,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(cases)
            def example(case: Any) -> None:
                try:
                    check(case)
                except BaseException as error:
                    error.add_note(f"From: {brief(case)}"[:4000])
                    raise

            with warnings.catch_warnings():
                # That it would print too much, which it is told not to.
                warnings.simplefilter("ignore", HypothesisWarning)
                example()

        self.run(one_round)

    def call(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function, which may return something or refuse its input in a sentence.

        Returns
        -------
        object
            What it returned; None if it refused.

        Raises
        ------
        AssertionError
            If it changed an argument or NumPy's settings, or its refusal is no sentence.
        BaseException
            Any other error, or a warning, of the function.
        """
        given_values = [*args, *options.values()]
        before, float_errors = content_of(given_values), np.geterr()
        try:
            with bounded(), warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", _ALLOWED_WARNING)
                found = function(*args, **options)
        except InputError as error:
            sentence = str(error)
            assert sentence.strip(), "a refusal says why"
            assert "\n" not in sentence and len(sentence) < _LONGEST_SENTENCE, sentence
            self.refusals += 1
            found = None
        else:
            self.results += 1
        assert content_of(given_values) == before, "an argument has been changed"
        assert np.geterr() == float_errors
        return found
