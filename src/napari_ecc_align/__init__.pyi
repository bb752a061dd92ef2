from .alignment import align
from .comparison import Comparison, compare
from .differencing import difference
from .errors import InputError
from .landmarks import transform_from_points
from .progress import Progress
from .result import AlignmentResult
from .stack import align_stack
from .transform import Transform
from .warping import warp

__all__ = [
    "AlignmentResult",
    "Comparison",
    "InputError",
    "Progress",
    "Transform",
    "align",
    "align_stack",
    "compare",
    "difference",
    "transform_from_points",
    "warp",
]
