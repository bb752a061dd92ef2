"""Units of length as ImageJ, OME and OME-NGFF write them."""

import numpy as np
import pytest
import tifffile

from napari_ecc_align._images.files.images import read_file
from napari_ecc_align._images.files.units import micrometres
from napari_ecc_align._images.files.volumes import spacing_of

PAGES = np.zeros((4, 6, 5), np.uint16)


@pytest.mark.parametrize("unit", ["um", "micron", "microns", r"\u00B5m", r"\u03bcm", "Micrometre"])
@pytest.mark.parametrize("apart", [2, -2])
def test_imagej_s_micrometres(tmp_path, unit, apart):
    """It escapes the letter in capitals, and a depth that goes backwards has a minus."""
    told = {"axes": "ZYX", "spacing": apart, "unit": unit}
    tifffile.imwrite(tmp_path / "a.tif", PAGES, imagej=True, metadata=told, resolution=(4, 2))
    file = read_file(tmp_path / "a.tif")
    assert spacing_of(file) == pytest.approx((2, 0.5, 0.25))
    assert file.grid.pixel_um == pytest.approx((0.25, 0.5))


KNOWN = {"Å": 1e-4, "pm": 1e-6, "nm": 1e-3, "µm": 1, "\u03bcm": 1, "mm": 1e3, "millimeter": 1e3}
KNOWN |= {"dm": 1e5, "m": 1e6, "Meters": 1e6, "in": 25_400, "inch": 25_400}


@pytest.mark.parametrize("unit", [*KNOWN, "pixel", "Mm", "", None, 3])
def test_what_they_are_in_micrometres(unit):
    assert micrometres(unit) == KNOWN.get(unit)
