"""A lock on an open file, which the system lifts when the process ends, however that happens."""

from __future__ import annotations

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    # Windows forbids others to read locked bytes: far behind the text, nobody does.
    _FAR = 2**30

    def acquire(file: IO[bytes]) -> bool:
        """Lock a file; return False if another has it, raise `OSError` where nobody can."""
        file.seek(_FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def release(file: IO[bytes]) -> None:
        """Unlock a file."""
        file.seek(_FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def acquire(file: IO[bytes]) -> bool:
        """Lock a file; return False if another has it, raise `OSError` where nobody can."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(file: IO[bytes]) -> None:
        """Unlock a file."""
        fcntl.flock(file, fcntl.LOCK_UN)
