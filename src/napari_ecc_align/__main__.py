"""``python -m napari_ecc_align`` is ``ecc-align``."""

import sys

from ._cli import main

if __name__ == "__main__":
    sys.exit(main())
