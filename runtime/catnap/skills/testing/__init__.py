"""For a skill's own tests: the platform in memory, and a call as the host makes it.

gateway = FakeGateway({"notes.txt": "cats nap"})
answer = await call(search, {"question": "who naps?"}, gateway=gateway)
"""

from catnap.skills.testing.call import call
from catnap.skills.testing.gateway import FakeGateway
from catnap.skills.testing.vectors import word_vectors

__all__ = ["FakeGateway", "call", "word_vectors"]
