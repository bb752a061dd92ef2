"""What is computed once, and what is changed of what is frozen."""

from dataclasses import dataclass

from napari_ecc_align._common.once import changed, once


@dataclass(frozen=True)
class Frame:
    width: int
    height: int = 2

    @once
    def area(self) -> list[int]:
        """Width times height."""
        return [self.width * self.height]


def test_what_is_computed_is_kept_until_something_changes():
    frame = Frame(3)
    assert frame.area is frame.area
    assert frame.area == [6]
    wider = changed(frame, width=5)
    assert wider == Frame(5)
    assert wider.area == [10]
    assert (frame, frame.area) == (Frame(3), [6])
    assert Frame.area.__doc__ == "Width times height."
