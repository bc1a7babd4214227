"""The folder that instances' sockets live in.

Outside of the state folder, since the kernel takes no longer path for a socket
than some hundred bytes; so that is told where it is.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

_PREFIX = "catnap-"


class Sockets:
    """The folder of one platform. home: its state folder."""

    def __init__(self, home: Path) -> None:
        """Takes away what an earlier platform of this state has left."""
        self._note = home / "sockets"
        with contextlib.suppress(OSError):
            left = Path(self._note.read_text())
            if left.name.startswith(_PREFIX):
                shutil.rmtree(left)
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._note.write_text(str(self.folder))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)
            self._note.unlink()
