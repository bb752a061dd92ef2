"""What the documents say of transforms, for mypy to check; nobody runs it."""

import numpy as np

from napari_ecc_align import AlignmentResult, Parts, Transform, TransformLike


def used(result: AlignmentResult) -> list[TransformLike]:
    shift = Transform([[1, 0, 2], [0, 1, 3]])
    single = Transform(np.eye(3, dtype=np.float32), model="affine")
    parts: Parts = (single @ shift.inverse).parts(center=(1, 2))
    points = shift([(1, 2), (3, 4)]) + shift.to_reference((1, 2))
    apart: float = shift.corner_distance(single, points.shape)
    shift.in_units(0.5).in_units((1, apart), parts.scale_x).save("t.tfm", overwrite=True)
    return [result, shift, shift.matrix, [[1, 0, 2], [0, 1, 3]], np.asarray(shift)]
