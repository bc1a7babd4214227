import sys

from catnap.host.main import main
from catnap.host.process import leave

if not sys.flags.safe_path:
    del sys.path[0]  # the working directory: a skill imports its own folder only
leave(main(sys.argv[1:]))
