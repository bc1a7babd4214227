import pytest
from main import echo

from catnap import InvalidRequest
from catnap.skills.testing import call


@pytest.mark.parametrize("payload", [None, 0, 1.5, "text", "☃", [], {}, [{"a": [1, None, True]}]])
async def test_what_goes_in_comes_out(payload: object) -> None:
    assert await call(echo, payload) == payload


async def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not JSON"):
        await call(echo, b"{")
