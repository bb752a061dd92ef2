from ._align.align import align
from ._align.judged import judge
from ._align.progress import Progress
from ._align.smooth_stack import SmoothStack
from ._align.stack import align_stack
from ._align.stack_result import StackResult
from ._align.volume.align import align_volume
from ._align.volume.bent.result import SmoothVolumeAlignment
from ._align.volume.bent.stack import SmoothVolumeStack
from ._align.volume.film import align_volume_stack
from ._align.volume.film_result import VolumeStackResult, load_volume_transforms
from ._align.volume.judge import judge_volume
from ._align.volume.result import VolumeAlignment
from ._align.volume.save import save_volume
from ._align.volume.tiles import VolumeTiles
from ._align.volume.transform import VolumeTransform
from ._align.volume.warp import warp_volume
from ._align.warped_stack import warp_stack
from ._batch.batch import Batch
from ._batch.records.record import Outcome, Record
from ._batch.run.run_plan import BatchStep
from ._batch.settings import BatchSettings
from ._common.errors import InputError
from ._compare.binary import Comparison, compare
from ._compare.difference import difference
from ._compare.inspection import Inspection, inspect_alignment
from ._compare.thresholding import ThresholdMethod
from ._compare.views import checkerboard, overlay
from ._ecc.options import Engine
from ._images.files.images import read_image, write_image
from ._images.interpolation import Interpolation
from ._images.ome_zarr.scene import save_scene
from ._images.polygons import polygon_mask
from ._images.samples import SamplePair, sample
from ._images.sources import ImageLike
from ._images.warping import warp
from ._transform.field import Field
from ._transform.files import load_fields, load_transforms, save_fields, save_transforms
from ._transform.matrices import MotionModel
from ._transform.parts import Parts
from ._transform.transform import Transform
from ._transform.transform_like import TransformLike
from ._transform.volume_field import VolumeField
from ._verdict.field_result import SmoothAlignment
from ._verdict.result import AlignmentResult
from ._verdict.tile_matching import Tiles
from ._verdict.verdict import AlignmentFailed, Verdict

__version__: str

__all__ = [
    "AlignmentFailed",
    "AlignmentResult",
    "Batch",
    "BatchSettings",
    "BatchStep",
    "Comparison",
    "Engine",
    "Field",
    "ImageLike",
    "InputError",
    "Inspection",
    "Interpolation",
    "MotionModel",
    "Outcome",
    "Parts",
    "Progress",
    "Record",
    "SamplePair",
    "SmoothAlignment",
    "SmoothStack",
    "SmoothVolumeAlignment",
    "SmoothVolumeStack",
    "StackResult",
    "ThresholdMethod",
    "Tiles",
    "Transform",
    "TransformLike",
    "Verdict",
    "VolumeAlignment",
    "VolumeField",
    "VolumeStackResult",
    "VolumeTiles",
    "VolumeTransform",
    "align",
    "align_stack",
    "align_volume",
    "align_volume_stack",
    "checkerboard",
    "compare",
    "difference",
    "inspect_alignment",
    "judge",
    "judge_volume",
    "load_fields",
    "load_transforms",
    "load_volume_transforms",
    "overlay",
    "polygon_mask",
    "read_image",
    "sample",
    "save_fields",
    "save_scene",
    "save_transforms",
    "save_volume",
    "warp",
    "warp_stack",
    "warp_volume",
    "write_image",
]
