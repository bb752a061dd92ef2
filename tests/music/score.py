"""Composes one page of piano music, as the strokes of its staff lines and of its signs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .hand import Hand, Stroke

_LINE, _STEM, _BARLINE, _BEAM, _SLUR, _HEAD = 0.14, 0.17, 0.21, 0.42, 0.18, 0.4
_STAFF_GAP = 9.5
_CLOSEST_SYSTEMS, _WIDEST_SYSTEMS = 19.5, 26.0
_MEASURE = 23.0
_FIFTHS = {"sharp": (4, 1, 5, 2), "flat": (0, 3, -1, 2)}
_TEMPI = ("Andante", "Moderato", "Adagio")
_TREBLE, _BASS = 0, 1

# What fills one beat, or two: each entry is a rest, a single note or a group under one beam,
# and the number of beats it lasts.
_FIGURES: dict[str, float] = {
    "quarter": 1,
    "eighths": 1,
    "sixteenths": 1,
    "half": 2,
    "dotted": 2,
    "rest": 1,
    "offbeat": 1,
    "half rest": 2,
}
_LIKELY = (
    {"quarter": 3, "eighths": 5, "sixteenths": 2, "half": 1, "dotted": 2, "rest": 1, "offbeat": 1},
    {"quarter": 4, "eighths": 3, "half": 3, "rest": 1, "half rest": 1},
)


@dataclass(frozen=True, eq=False)
class Staff:
    """Where one staff lies: its middle line as knots, since no hand rules a straight line."""

    knots: NDArray[np.float64]
    middle: NDArray[np.float64]
    space: float

    def y(self, x: float, step: float) -> float:
        """Return the pixel row of a step, half a staff space each, above the middle line."""
        return float(np.interp(x, self.knots, self.middle)) - step * self.space / 2


class Composer:
    """Writes a page of systems of two staves; `lines` and `signs` hold its strokes.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides the music and the wobble.
    shape : tuple of int
        Height and width of the page in pixels.
    """

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int]) -> None:
        self.rng = rng
        height, width = shape
        self.space = float(np.clip(min(height, width) / 90, 4, 24))
        self.ruler = Hand(rng, self.space)
        self.hand = Hand(rng, self.space)
        self.left, self.right = 0.065 * width, 0.945 * width
        self.top = 11 * self.space
        self.beats = int(rng.choice([2, 3, 4]))
        self.key = str(rng.choice(["sharp", "flat"]))
        self.key_count = int(rng.integers(1, 5))
        self.pitch = [1, 0]

    @property
    def lines(self) -> list[Stroke]:
        """Strokes of the staff lines."""
        return self.ruler.strokes

    @property
    def signs(self) -> list[Stroke]:
        """Strokes of everything but the staff lines."""
        return self.hand.strokes

    def write(self, height: int) -> None:
        """Fill a page of `height` pixels."""
        s = self.space
        room = height - self.top - (_STAFF_GAP + 6) * s
        systems = 1 + max(0, int(room / (_CLOSEST_SYSTEMS * s)))
        apart = min(room / max(1, systems - 1), _WIDEST_SYSTEMS * s)
        self.hand.word(str(self.rng.choice(_TEMPI)), self.left + 4 * s, self.top - 7.2 * s)
        for number in range(systems):
            self._system(self.top + number * apart, first=number == 0, last=number == systems - 1)

    def _system(self, y: float, *, first: bool, last: bool) -> None:
        s = self.space
        left = self.left - (0 if first else self.rng.uniform(0, s))
        staves = [self._staff(y, left), self._staff(y + _STAFF_GAP * s, left)]
        self._brace(staves, left)
        self._barline(staves, left)
        x = left + 1.8 * s
        for role, staff in enumerate(staves):
            self._clef(staff, role, x)
        x += (2.5 + 0.75 * self.key_count) * s
        if first:
            for staff in staves:
                self.hand.glyph(str(self.beats), x + 0.6 * s, staff.y(x, 0), size=1.05)
                self.hand.glyph("4", x + 0.6 * s, staff.y(x, -4), size=1.05)
            x += 2.2 * s
        count = max(1, round((self.right - x) / (_MEASURE * s)))
        bars = np.linspace(x, self.right, count + 1)
        bars[1:-1] += self.rng.normal(0, 0.6 * s, count - 1)
        for start, stop in pairwise(bars):
            self._measure(staves, start, stop)
            self._barline(staves, stop)
        if last:
            self._barline(staves, self.right + 0.6 * s, width=2.2 * _BARLINE)

    def _staff(self, y: float, left: float) -> Staff:
        s, rng = self.space, self.rng
        knots = np.linspace(left - s, self.right + 1.5 * s, 14)
        drift = np.cumsum(rng.normal(0, 0.035 * s, knots.size)) + rng.normal(0, 0.1 * s)
        staff = Staff(knots, y + drift + rng.normal(0, 0.003) * (knots - left), s)
        for step in (4, 2, 0, -2, -4):
            start, end = left + rng.normal(0, 0.1 * s), self.right + rng.normal(0.4, 0.2) * s
            x = np.arange(start, end, 1.5 * s)
            rows = [staff.y(at, step) for at in x]
            self.ruler.stroke(np.column_stack([x, rows]), _LINE, curved=True, wobble=0.03)
        return staff

    def _brace(self, staves: list[Staff], left: float) -> None:
        s = self.space
        top, bottom = staves[_TREBLE].y(left, 4), staves[_BASS].y(left, -4)
        x, middle, half = left - 0.9 * s, (top + bottom) / 2, (bottom - top) / 2
        for sign in (-1, 1):
            shape = ((-0.9, 0.0), (0.1, 0.12), (0.1, 0.45), (-0.1, 0.75), (0.5, 1.02))
            points = [(x + u * s, middle + sign * v * half) for u, v in shape]
            self.hand.stroke(points, 1.4 * _BARLINE, curved=True)

    def _barline(self, staves: list[Staff], x: float, *, width: float = _BARLINE) -> None:
        top, bottom = staves[_TREBLE].y(x, 4.1), staves[_BASS].y(x, -4.2)
        points = [(x, y) for y in np.linspace(top, bottom, 5)]
        self.hand.stroke(points, width, curved=True, wobble=0.07)

    def _clef(self, staff: Staff, role: int, x: float) -> None:
        s = self.space
        name, step = ("treble", -2) if role == _TREBLE else ("bass", 2)
        self.hand.glyph(name, x - 0.3 * s * role, staff.y(x, step), size=0.97)
        for i, fifth in enumerate(_FIFTHS[self.key][: self.key_count]):
            at = x + (2.0 + 0.75 * i) * s
            self.hand.glyph(self.key, at, staff.y(at, fifth - 2 * role), size=0.85)

    def _measure(self, staves: list[Staff], start: float, stop: float) -> None:
        s = self.space
        first, beat = start + 1.9 * s, (stop - start - 2.3 * s) / self.beats
        for role, staff in enumerate(staves):
            done = 0.0
            while done < self.beats:
                figure = self._choose(role, self.beats - done)
                length = _FIGURES[figure]
                self._figure(staff, role, figure, first + done * beat, beat)
                done += length
        self._expression(staves, start, stop)

    def _choose(self, role: int, left: float) -> str:
        likely = {name: p for name, p in _LIKELY[role].items() if _FIGURES[name] <= left}
        chance = np.array(list(likely.values()), dtype=np.float64)
        return str(self.rng.choice(list(likely), p=chance / chance.sum()))

    def _figure(self, staff: Staff, role: int, figure: str, x: float, beat: float) -> None:
        """Write one figure whose first sign is at column `x`."""
        if figure in ("rest", "half rest"):
            name = "quarter rest" if figure == "rest" else figure
            self.hand.glyph(name, x + 0.2 * beat, staff.y(x, 0))
        elif figure == "offbeat":
            self.hand.glyph("eighth rest", x, staff.y(x, 0))
            self._note(staff, x + 0.5 * beat, self._next_pitch(role), flag=True)
        elif figure in ("eighths", "sixteenths"):
            count = 2 if figure == "eighths" else 4
            columns = x + beat * np.arange(count) / count
            self._beamed(staff, columns, [self._next_pitch(role) for _ in columns], count // 2)
        elif figure == "dotted":
            self._note(staff, x, self._next_pitch(role), dot=True)
            self._note(staff, x + 1.5 * beat, self._next_pitch(role), flag=True)
        else:
            self._note(staff, x, self._next_pitch(role), hollow=figure == "half")

    def _next_pitch(self, role: int) -> int:
        """Wander over the staff in steps and small leaps, pulled back to its middle."""
        pull = -0.25 * self.pitch[role]
        self.pitch[role] += round(self.rng.normal(pull, 2.0))
        self.pitch[role] = int(np.clip(self.pitch[role], -7, 7))
        return self.pitch[role]

    def _head(self, staff: Staff, x: float, step: int, *, hollow: bool = False) -> None:
        s, y = self.space, staff.y(x, step)
        if hollow:
            long, narrow, pen = 0.55, 0.34, 1.3 * _STEM
        else:
            long, narrow, pen = 0.36, 0.13, _HEAD
        turn = np.linspace(0.4, 0.4 + 2 * np.pi, 8)
        u, v = long * np.cos(turn), narrow * np.sin(turn)
        loop = np.column_stack([x + (u - 0.3 * v) * s, y - (v + 0.4 * u) * s])
        self.hand.stroke(loop, pen, curved=True, wobble=0.03)
        for line in range(6, abs(step) + 1, 2):
            row = staff.y(x, line * np.sign(step))
            self.hand.stroke([(x - 0.95 * s, row), (x + 0.95 * s, row)], _STEM)
        if self.rng.random() < 0.07:
            sign = str(self.rng.choice(["sharp", "flat", "natural"]))
            self.hand.glyph(sign, x - 1.35 * s, y, size=0.75)

    def _note(
        self,
        staff: Staff,
        x: float,
        step: int,
        *,
        hollow: bool = False,
        flag: bool = False,
        dot: bool = False,
    ) -> None:
        s = self.space
        self._head(staff, x, step, hollow=hollow)
        up = step < 0 or (step == 0 and self.rng.random() < 0.5)
        side = x + (0.5 if up else -0.5) * s
        end = staff.y(x, step) + (-1 if up else 1) * self.rng.uniform(2.9, 3.5) * s
        self._stem(side, staff.y(x, step), end)
        if flag:
            self.hand.glyph("up flag" if up else "down flag", side, end)
        if dot:
            self.hand.glyph(".", x + 1.2 * s, staff.y(x, step | 1))

    def _stem(self, x: float, head: float, end: float) -> None:
        lean = self.rng.normal(0, 0.08) * self.space
        middle = (x + lean / 2, (head + end) / 2)
        self.hand.stroke([(x, head), middle, (x + lean, end)], _STEM, curved=True, wobble=0.03)

    def _beamed(
        self, staff: Staff, columns: NDArray[np.float64], steps: list[int], beams: int
    ) -> None:
        """Write notes under one beam, or two for sixteenths."""
        s = self.space
        up = sum(steps) <= 0
        direction = -1 if up else 1
        heads = np.array([staff.y(x, step) for x, step in zip(columns, steps, strict=True)])
        sides = columns + (0.5 if up else -0.5) * s
        slope = np.clip((heads[-1] - heads[0]) / (sides[-1] - sides[0]), -0.25, 0.25)
        beam = slope * (sides - sides[0])
        shortest = (2.6 + 0.5 * beams) * s
        beam += direction * (shortest + np.max(direction * (heads - beam)))
        for x, step, side, head, end in zip(columns, steps, sides, heads, beam, strict=True):
            self._head(staff, float(x), step)
            self._stem(float(side), float(head), float(end))
        for level in range(beams):
            rows = beam[[0, -1]] - direction * 0.85 * level * s
            self.hand.stroke(np.column_stack([sides[[0, -1]], rows]), _BEAM, wobble=0.07)

    def _expression(self, staves: list[Staff], start: float, stop: float) -> None:
        """Add what stands between the staves and above them: dynamics, a hairpin, a slur."""
        s, rng = self.space, self.rng
        middle = staves[_TREBLE].y(start, 0) + 0.52 * _STAFF_GAP * s
        kind = rng.random()
        if kind < 0.22:
            self.hand.word(str(rng.choice(["p", "f", "mf", "pp"])), start + 2 * s, middle)
        elif kind < 0.34:
            self.hand.word(str(rng.choice(["cresc.", "dim.", "rit."])), start + 2 * s, middle)
        elif kind < 0.5:
            narrow, wide = (start + 2 * s, stop - 2 * s)[:: rng.choice([-1, 1])]
            for sign in (-1, 1):
                points = [(narrow, middle), (wide, middle + sign * 0.75 * s)]
                self.hand.stroke(points, _STEM)
        if rng.random() < 0.4:
            above = staves[_TREBLE].y(start, 10.5)
            end = stop - rng.uniform(1, 6) * s
            arc = np.linspace(start + 1.5 * s, end, 5)
            rise = np.array([0, 1.1, 1.5, 1.1, 0]) * s
            self.hand.stroke(np.column_stack([arc, above - rise]), _SLUR, curved=True)
