"""Whole datasets: many pairs aligned, their siblings resampled, every doubtful pair reported."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
