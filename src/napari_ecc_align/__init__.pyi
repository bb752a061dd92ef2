from ._align.drift import Drift, drift_of, frame_transforms
from ._align.pair import align
from ._align.progress import Progress
from ._align.stack import align_stack
from ._batch.plan.pairing import Plan, make_plan
from ._batch.records.record import Record, read_records
from ._batch.run.review import accept, correct, reject
from ._batch.run.run_plan import run_plan
from ._batch.settings import BatchSettings
from ._common.errors import InputError
from ._compare.binary import Comparison, compare
from ._compare.difference import DifferenceMode, difference
from ._compare.inspection import Inspection, before_after, inspect_alignment
from ._compare.thresholding import ThresholdMethod
from ._compare.views import checkerboard, overlay
from ._ecc.options import Engine
from ._images.files.images import read_image, write_image
from ._images.polygons import polygon_mask
from ._images.samples import SamplePair, sample
from ._images.warping import Interpolation, warp
from ._transform.files import load_transforms, save_transforms
from ._transform.matrices import MotionModel
from ._transform.points import transform_from_points
from ._transform.transform import Transform
from ._verdict.result import AlignmentResult, Verdict
from ._verdict.tile_matching import Tiles

__version__: str

__all__ = [
    "AlignmentResult",
    "BatchSettings",
    "Comparison",
    "DifferenceMode",
    "Drift",
    "Engine",
    "InputError",
    "Inspection",
    "Interpolation",
    "MotionModel",
    "Plan",
    "Progress",
    "Record",
    "SamplePair",
    "ThresholdMethod",
    "Tiles",
    "Transform",
    "Verdict",
    "accept",
    "align",
    "align_stack",
    "before_after",
    "checkerboard",
    "compare",
    "correct",
    "difference",
    "drift_of",
    "frame_transforms",
    "inspect_alignment",
    "load_transforms",
    "make_plan",
    "overlay",
    "polygon_mask",
    "read_image",
    "read_records",
    "reject",
    "run_plan",
    "sample",
    "save_transforms",
    "transform_from_points",
    "warp",
    "write_image",
]
