import gc
import sys


def start() -> None:
    # Until the skill is loaded: to look for garbage among what is imported
    # takes 4 ms of a cold start.
    gc.disable()
    from catnap.host.main import main
    from catnap.host.process import leave

    if not sys.flags.safe_path:
        del sys.path[0]  # the working directory: a skill imports its own folder only
    leave(main(sys.argv[1:]))


start()
