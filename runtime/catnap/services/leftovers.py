"""Images and environments that nobody names any more, and builds that never ended."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Collection
from pathlib import Path

_MADE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{16})(\.json|\.new|\.lock)?|\.(building|removed)-.+")
"""What `images`, `describe`, `environment` and this module make."""

_log = logging.getLogger(__name__)


def remove(folder: Path, keep: Collection[str]) -> None:
    """Removes what was made in a folder of the state folder, but not what is
    named `keep`, nor what lies beside it under the same name.

    Nothing may be built there meanwhile. A folder that is a link is somebody
    else's, who may need what is not named here, and is left alone. What cannot
    be removed is logged.
    """
    if folder.is_symlink() or not folder.is_dir():
        return
    gone = [
        path
        for path in folder.iterdir()
        if _MADE.fullmatch(path.name) and path.name.partition(".")[0] not in keep
    ]
    if not gone:
        return
    try:
        # Moved away first: one that is half removed would pass for whole.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".removed-") as aside:
            for path in gone:
                path.rename(Path(aside, path.name))
            _log.info("removed %d that nobody names from %s", len(gone), folder)
    except OSError as error:
        _log.warning("what nobody names stays in %s: %s", folder, error)
