from .alignment import align
from .comparison import Comparison, compare
from .differencing import difference
from .errors import InputError
from .progress import Progress
from .result import AlignmentResult
from .transform import Transform
from .warping import warp

__all__ = [
    "AlignmentResult",
    "Comparison",
    "InputError",
    "Progress",
    "Transform",
    "align",
    "compare",
    "difference",
    "warp",
]
