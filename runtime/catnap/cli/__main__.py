import sys

from catnap.cli import main

sys.exit(main())
