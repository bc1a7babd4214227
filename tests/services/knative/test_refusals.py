"""What the Kubernetes API says no with."""

from __future__ import annotations

import subprocess
import sys

MANY_AT_ONCE = """
import sys, threading
from catnap.services.knative.refusals import refused

sys.setswitchinterval(1e-6)
begin = threading.Barrier(16)

def read():
    begin.wait()
    refused(404, b'{"message": "none", "details": {"retryAfterSeconds": 1}}')

threads = [threading.Thread(target=read) for _ in range(16)]
for each in threads: each.start()
for each in threads: each.join()
"""


def test_many_requests_may_be_the_first_to_be_refused() -> None:
    for _ in range(6):  # a type that its first user makes known: one in three ends by SIGSEGV
        subprocess.run([sys.executable, "-c", MANY_AT_ONCE], check=True)
