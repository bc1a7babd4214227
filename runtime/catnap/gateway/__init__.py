"""The gateway: every surface wired to the pipeline. Nothing is decided here."""
