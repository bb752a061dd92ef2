"""OpenCV, without what its other package does to Qt.

``opencv-python`` bundles a Qt of its own and, when imported, points Qt's environment variables
at it, for this process and its children. ``opencv-python-headless`` does not.
"""

import os

_QT_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
_before = {name: os.environ.get(name) for name in _QT_VARIABLES}

import cv2  # noqa: E402

for _name, _value in _before.items():
    if _value is None:
        os.environ.pop(_name, None)
    else:
        os.environ[_name] = _value

__all__ = ["cv2"]
