"""Uses of the package that need no napari, as source text for a process of its own."""

GUI = {"napari", "magicgui", "superqt", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "vispy"}

ALIGN = """
import numpy as np
from napari_ecc_align import align, compare, difference, warp
from skimage.filters import gaussian
noise = gaussian(np.random.default_rng(0).random((200, 220)), 2)
reference, moving = noise[:190, :200], noise[3:193, 2:202]
result = align(reference, moving, model="translation")
aligned = warp(moving, result.transform, output_shape=reference.shape, fill=np.nan)
assert result.verdict == "aligned", result
assert np.abs(result.transform.matrix[:2, 2] - (-2, -3)).max() < 0.1, result
assert np.nanmax(difference(reference, aligned)) < 0.01
assert compare(reference, aligned).fraction < 0.01
"""

SAMPLES = """
from napari_ecc_align._images.samples import sample_names, sample
for name in sample_names():
    sample(name)
"""

USES = {
    "import": "import napari_ecc_align",
    "core": ALIGN,
    "samples": SAMPLES,
    "batch": "from napari_ecc_align import Batch; Batch.plan",
    "command line": "from napari_ecc_align._cli.parser import build_parser; build_parser()",
}

# Which packages are loaded, which cv2, and what Qt's variables say, after the statements before.
REPORT = """
import json, os, sys
print(json.dumps({
    "packages": sorted({name.partition(".")[0] for name in sys.modules}),
    "cv2": getattr(sys.modules.get("cv2"), "__file__", None),
    "QT": {name: value for name, value in os.environ.items() if name.startswith("QT_")},
}))
"""
