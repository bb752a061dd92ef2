"""Initial guesses from cheap to dear, each refined on coarse levels and checked by tiles."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from .._common.quantiles import middle
from .._images.pyramid.levels import InSteps, Level, index_below
from .._images.pyramid.representations import Representation
from .._transform.coordinates import corner_error, map_points, scaled
from .._transform.models import Array, Model, frame_of
from .._transform.parts import affine_at
from .._transform.plausible import SEARCHED, is_plausible
from . import features, global_search, point_pattern
from .candidate import Candidate
from .options import SearchOptions
from .quick_check import Agreement, agreement
from .refine import Refiner
from .refined import Refined, is_lost

# A search over all turns affords a smaller image than one over a few.
_SEARCH_PIXELS = (80 * 80, 24_000)
_SHIFT_PIXELS = 140 * 140
# Tiles are asked on a level of at most so many pixels.
_CHECK_PIXELS = 300 * 300
# Where the fine levels moved on, this much of the agreement must remain.
_KEPT_AGREEMENT = 0.7
# What correlates like this on a whole level is refined without asking tiles first: whoever accepts
# an estimate asks his own.
_SURE_ECC = 0.97
# Only what correlates like this at all is worth a second look with a gain per block.
_PROMISING = 0.5
# Starts that lead to within so many px (of the level of the tiles) of each other are the same.
_SAME = 0.5
# Turns by less than 30 degrees are searched first.
_NEAR = 1.7
# So many peaks of the phase correlation are refined: of 113 pairs that were shifted by up to 60 %
# and of which one of three peaks was right, it was the first of 109 and the second of 4.
_PEAKS = 2
# Turned anyhow, the right turn correlates so many times as well as the typical one does. Of 61
# pairs that edges alone have found, one did less than twice as well, 1.7 times; of four that
# brightness alone has, one did 1.4 times. Of 20 that nothing finds, half did less by either.
_STANDS_OUT: dict[Representation, float] = {"intensity": 1.3, "orientation": 1.5}
# So many of the places that a search finds are refined.
_BEST: dict[Representation, int] = {"intensity": 4, "orientation": 2}
# Where so many tiles agree in intensities, these suffice; also so near it (px of the level of the
# tiles).
_SETTLED, _SAME_PLACE = 0.75, 8.0
# So near (px of the level on which they start), the fine levels lead to the same place.
_SAME_BASIN = 1.5


# None where nothing has been found yet but time has passed.
Candidates = Generator[Candidate | None, None, None]
_PointSearch = Callable[[Level, Level, Model], Generator[None, None, list[Array]]]


class InitialGuesses:
    """The initial guesses for one pair, and what is known of where they led.

    Parameters
    ----------
    reference, moving : list of Level
        Pyramids, full resolution first.
    options : SearchOptions
    initial : (3, 3) array or None
        First start.
    """

    def __init__(
        self,
        reference: list[Level],
        moving: list[Level],
        options: SearchOptions,
        initial: Array | None,
    ) -> None:
        self.options = options
        self.initial = initial
        depth = min(len(reference), len(moving))
        self.reference, self.moving = reference[:depth], moving[:depth]
        self.frame = frame_of(reference[0].shape)
        self.intensity = Refiner(self.reference, self.moving, options)
        self.orientation = Refiner(
            self.reference, self.moving, options, representation="orientation"
        )
        wanted = options.representation
        self.refiners = [
            refiner
            for refiner in (self.intensity, self.orientation)
            if wanted in ("auto", refiner.representation)
        ]
        self.checked = self._at_most(_CHECK_PIXELS)
        self._tried: list[tuple[Refiner, Array]] = []
        self._refined_from: list[tuple[Refiner, Array, Refined]] = []
        self._led: list[tuple[Candidate, Refined]] = []
        self._settled: list[tuple[Refiner, Array]] = []

    def _at_most(self, pixels: int) -> int:
        return index_below(pixels, self.reference, self.moving)

    def sources(
        self, *, nearby: bool = False, far: Callable[[], bool] = lambda: True
    ) -> Iterator[tuple[str, Callable[[], Candidates]]]:
        """Yield names and sources of candidates, from cheap to dear, which wait to be asked.

        If `nearby`, those alone that begin at the first start. If `far` says so, edges are turned
        far and points looked for, too.
        """
        if self.initial is not None:
            initial = self.initial
            yield "initial", lambda: self._polished("initial", [initial])
            yield "initial", lambda: self._refined("initial", lambda: [initial])
        if nearby:
            return
        identity, by = [self._projected(np.eye(3))], partial(partial, self._refined)
        if self.intensity in self.refiners:
            yield "identity", by("identity", lambda: identity, self.intensity)
        if not self.textured:
            return
        if self.intensity in self.refiners:
            yield "phase correlation", by("phase correlation", self._translations, self.intensity)
        rough, exact = (self._at_most(pixels) for pixels in _SEARCH_PIXELS)
        searched, search = "rotation and scale", partial(partial, self._from_similarities)
        if self.orientation in self.refiners:
            yield "identity", by("identity", lambda: identity, self.orientation, rough)
            near = [turn for turn in self._turns("fine") if _is_near(turn)]
            yield searched, search(self.orientation, exact, near)
            others = [turn for turn in self._turns("medium") if not _is_near(turn)]
            if others and far():
                yield searched, search(self.orientation, rough, others, gated=True)
        if self.intensity in self.refiners:
            turns = self._turns("rough")
            gated = len(turns) > 1 and self.orientation in self.refiners
            yield searched, search(self.intensity, rough, turns, gated=gated)
        if not far():
            return
        by_points = partial(partial, self._from_points)
        if self.options.motion.name != "translation":
            yield "blobs", by_points("blobs", point_pattern.initial_guesses)
        yield "features", by_points("features", features.initial_guesses)

    def _turns(self, steps: global_search.Steps) -> list[Array]:
        """Return the linear parts that are searched, after the initial one as well if there is."""
        turns = global_search.searched_turns(self.options.motion, steps)
        if self.initial is None or np.allclose(self.initial, self._projected(self.initial)):
            return turns
        linear = affine_at(self.initial, np.array(self.frame.centre))[1]
        return turns + [linear @ turn for turn in turns]

    @property
    def textured(self) -> bool:
        """Both images show something."""
        levels = self.reference[-1], self.moving[-1]
        patches = (level.whole()[0] for level in levels)
        return all(np.ptp(patch) > 0 for patch in patches)

    def _translations(self) -> list[Array]:
        small = self._at_most(_SHIFT_PIXELS)
        return global_search.translations(
            self.reference[small], self.moving[small], representation="intensity", count=_PEAKS
        )

    def _from_similarities(
        self, refiner: Refiner, level: int, turns: list[Array], *, gated: bool = False
    ) -> Candidates:
        """Search among some turns on a level, and refine the best few from there.

        If `gated`, only if the best stands out of what the turns typically come to at their best.
        """
        count = _BEST[refiner.representation]
        found = yield from global_search.scored_displacements(
            self.reference[level],
            self.moving[level],
            turns,
            representation=refiner.representation,
            count=max(count, len(turns)),
        )
        typical = middle(np.array([score for score, _ in found]))
        if gated and found and found[0][0] < _STANDS_OUT[refiner.representation] * typical:
            return
        guesses = [matrix for _, matrix in found[:count]]
        yield from self._refined("rotation and scale", lambda: guesses, refiner, level)

    def _from_points(self, start: str, search: _PointSearch) -> Candidates:
        level = self._at_most(features.PIXELS)
        guesses = yield from search(self.reference[level], self.moving[level], self.options.motion)
        yield from self._polished(start, guesses)

    def _refined(
        self,
        start: str,
        guesses: Callable[[], list[Array]],
        refiner: Refiner | None = None,
        first: int | None = None,
    ) -> Candidates:
        """Refine and check each guess, in all representations if none is given."""
        oriented: list[Candidate] = []
        for guess in map(self._within_model, guesses()):
            for chosen in (refiner,) if refiner else self.refiners:
                refined = yield from chosen.coarse(guess, first=first)
                if is_lost(refined, chosen.representation):
                    yield Candidate(refined, Agreement(0, 0), chosen, start, tried=True)
                    continue
                if self._reached_before(refined.matrix, chosen):
                    yield None
                    continue
                if chosen is self.orientation:
                    oriented.append(self.candidate(refined, chosen, start))
                    yield None
                    continue
                sure = self._is_certain(refined, chosen)
                if sure:
                    yield Candidate(refined, Agreement(0, 0), chosen, start, sure=True)
                found = yield from self._checked(refined, chosen, start)
                yield replace(found, tried=sure and found.refined is refined)
        # Of several places a few tiles may agree with, the best is nearly always the right one.
        for best in sorted(oriented, key=lambda found: found.rank, reverse=True):
            found = yield from self._in_intensities(best)
            yield found
            if found is not best:
                yield best

    def _polished(self, start: str, guesses: list[Array]) -> Candidates:
        """Refine and check guesses that are too good for the coarsest levels."""
        for guess in filter(self._plausible, map(self._within_model, guesses)):
            for refiner in self.refiners:
                polished = yield from refiner.polished(guess, patient=start == "initial")
                found = self.candidate(polished, refiner, start)
                yield (yield from self._in_intensities(found))

    def _projected(self, matrix: Array) -> Array:
        return self.options.motion.project(matrix, self.frame.centre)

    def _within_model(self, guess: Array) -> Array:
        """Return the motion nearest to a guess of those that the model has.

        After the initial transform, if there is one, or alone.
        """
        own = self._projected(guess)
        if self.initial is None:
            return own
        after = self.initial @ self._projected(np.linalg.inv(self.initial) @ guess)
        shape = self.reference[0].shape
        return min(own, after, key=lambda motion: corner_error(motion, guess, shape))

    def _reached_before(self, matrix: Array, refiner: Refiner) -> bool:
        """Tell whether an earlier start led to the same transform, and remember this one."""
        corners = map_points(matrix, self.frame.corners)
        known = _is_among(self._tried, refiner, corners, _SAME * 2.0**self.checked)
        if not known:
            self._tried.append((refiner, corners))
        return known

    def is_known(self, candidate: Candidate) -> bool:
        """Tell whether the fine levels were reached from here before, and went nowhere good."""
        edges = candidate.refiner is self.orientation
        settled = edges and self.is_settled(candidate.refined.matrix)
        return settled or self.refined_before(candidate) is not None

    def is_settled(self, matrix: Array) -> bool:
        """Tell whether intensities suffice at a place to which edges have led."""
        corners, near = map_points(matrix, self.frame.corners), _SAME_PLACE * 2.0**self.checked
        return _is_among(self._settled, self.intensity, corners, near)

    def led_to(self, candidate: Candidate) -> Refined | None:
        """Return where the fine levels led from a candidate, None if they were not asked."""
        own = (refined for one, refined in self._led if one is candidate)
        return next(own, None) or self.refined_before(candidate)

    def refined_before(self, candidate: Candidate) -> Refined | None:
        """Return where the fine levels led from here before, None if they were not asked."""
        corners = map_points(candidate.refined.matrix, self.frame.corners)
        near = _SAME_BASIN * 2.0**candidate.refined.level
        for refiner, start, refined in self._refined_from:
            if refiner is candidate.refiner and np.abs(corners - start).max() < near:
                return refined
        return None

    def note_refined(self, candidate: Candidate, refined: Refined, *, confirmed: bool) -> None:
        """Remember from where the fine levels led where, and if they stayed with what they had."""
        self._led.append((candidate, refined))
        if not confirmed and candidate.refiner is self.orientation:
            return  # A finer search may lead edges right from nearby.
        starts = [candidate.refined.matrix]
        if confirmed and refined.settled:
            starts.append(refined.matrix)
        for matrix in starts:
            corners = map_points(matrix, self.frame.corners)
            self._refined_from.append((candidate.refiner, corners, refined))
        if not confirmed:
            return
        if candidate.refiner is self.intensity and (
            candidate.sure or candidate.agreement.share >= _SETTLED
        ):
            # Where intensities suffice, what they say is not asked of the orientations again.
            self._settled.append((self.intensity, map_points(refined.matrix, self.frame.corners)))

    def _is_certain(self, refined: Refined, refiner: Refiner) -> bool:
        """Tell whether a coarsely refined start need not be checked before it is refined."""
        solution = refined.solution
        return (
            refiner is self.intensity
            and refined.level == refiner.finest_whole > 0
            and solution.converged
            and abs(solution.ecc) > _SURE_ECC
            and self._plausible(refined.matrix)
        )

    def _checked(self, refined: Refined, refiner: Refiner, start: str) -> InSteps[Candidate]:
        """Check a coarsely refined start, once more if uneven light may hide some agreement."""
        found = self.candidate(refined, refiner, start)
        if (
            found.believed
            or not found.agreement.agreeing
            or not abs(refined.solution.ecc) > _PROMISING
            or not self._plausible(refined.matrix)
        ):
            return found
        polished = yield from refiner.polished(refined.matrix, patient=False)
        again = self.candidate(polished, refiner, start)
        return again if again.rank > found.rank else found

    def _in_intensities(self, found: Candidate) -> InSteps[Candidate]:
        """Return to intensities, which are sharper, where they agree with the gradients."""
        alone = self.intensity not in self.refiners
        if found.refiner is self.intensity or alone or not found.believed:
            return found
        polished = yield from self.intensity.polished(found.refined.matrix, patient=False)
        again = replace(self.candidate(polished, self.intensity, found.start), seconded=True)
        return (
            again
            if again.believed and again.agreement.share > 0.9 * found.agreement.share
            else found
        )

    def candidate(self, refined: Refined, refiner: Refiner, start: str) -> Candidate:
        """Check a coarsely refined start with tiles."""
        said = Agreement(0, 0)
        negative = refiner is self.orientation and refined.solution.gain < 0
        known = np.isfinite(refined.solution.ecc) and not negative
        if known and self._plausible(refined.matrix):
            matrix = scaled(refined.matrix, 2.0**-self.checked)
            said = agreement(
                self.reference[self.checked],
                self.reference[min(self.checked + 2, len(self.reference) - 1)],
                self.moving[self.checked],
                matrix,
                inverted=refined.solution.gain < 0,
                representation=refiner.representation,
            )
        return Candidate(refined, said, refiner, start)

    def is_confirmed(self, candidate: Candidate, refined: Refined) -> bool:
        """Tell whether the fine levels stayed with what was believed of the coarse ones."""
        if not self._plausible(refined.matrix):
            return False
        if candidate.refiner is self.orientation and self.is_settled(refined.matrix):
            return False
        corners = self.frame.corners
        moved = map_points(refined.matrix, corners) - map_points(candidate.refined.matrix, corners)
        if np.abs(moved).max() < 2.0**self.checked:
            return True
        again = self.candidate(refined, candidate.refiner, candidate.start)
        if candidate.sure:
            return again.believed
        return again.agreement.share >= _KEPT_AGREEMENT * candidate.agreement.share

    def is_promising(self, candidate: Candidate, reached: Refined) -> bool:
        """Tell whether finer levels than one that is solved may lead anywhere new and right.

        Of 490 descents to the right place none was lost or unconfirmed on the way, and none by
        edges, which take long to settle where they lead nowhere, had not settled.
        """
        if candidate.refiner is self.orientation:
            on = reached.solution.converged
        else:
            on = not is_lost(reached, "intensity")
        return on and self.is_confirmed(candidate, reached)

    def _plausible(self, matrix: Array) -> bool:
        """Tell whether a matrix in px of level 0 could be the transform."""
        return is_plausible(matrix, self.reference[0].shape, self.moving[0].shape, SEARCHED)


def _is_near(turn: Array) -> bool:
    """Tell whether a linear part turns by less than 30 degrees."""
    return bool(turn[0, 0] > abs(turn[1, 0]) * _NEAR)


def _is_among(
    known: list[tuple[Refiner, Array]], refiner: Refiner, corners: Array, near: float
) -> bool:
    """Tell whether corners lie nearer than that to some known ones of the same refiner."""
    return any(other is refiner and np.abs(corners - at).max() < near for other, at in known)
