"""Every DuckDB type as JSON."""

import msgspec
import pytest
from main import query

from catnap.skills.testing import FakeGateway, call


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("NULL", None),
        ("TRUE", True),
        ("170141183460469231731687303715884105727::HUGEINT", 2**127 - 1),
        ("18446744073709551615::UBIGINT", 2**64 - 1),
        ("1.50::DECIMAL(10, 2)", 1.5),
        ("1e300", 1e300),
        ("'nan'::DOUBLE", "NaN"),
        ("'-inf'::FLOAT", "-Infinity"),
        ("[1.0, 'nan'::DOUBLE, 'inf'::DOUBLE]", [1.0, "NaN", "Infinity"]),
        ("'a NaN \"in\" text, Infinity too'", 'a NaN "in" text, Infinity too'),
        ("{'NaN': 'nan'::DOUBLE, 'x': 'back\\slash'}", {"NaN": "NaN", "x": "back\\slash"}),
        ("DATE '2024-01-31'", "2024-01-31"),
        ("TIME '01:02:03'", "01:02:03"),
        ("TIMESTAMP '2024-01-31 01:02:03.5'", "2024-01-31 01:02:03.5"),
        ("TIMESTAMPTZ '2024-01-31 01:02:03+02'", "2024-01-30 23:02:03+00"),
        ("INTERVAL '1 month 2 days'", "1 month 2 days"),
        ("'infinity'::DATE", "infinity"),
        ("'\\xFF\\x00b'::BLOB", "\\xFF\\x00b"),
        ("'1011'::BIT", "1011"),
        ("'00000000-0000-0000-0000-000000000001'::UUID", "00000000-0000-0000-0000-000000000001"),
        ("[1, NULL]", [1, None]),
        ("{'a': [DATE '2024-01-31']}", {"a": ["2024-01-31"]}),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("union_value(n := 3)", {"n": 3}),
        ("'{\"a\": [1]}'::JSON", {"a": [1]}),
    ],
)
async def test_a_value_becomes_json(expression: str, value: object) -> None:
    payload = {"sql": f"SELECT {expression} AS v", "files": ["a.csv"]}
    answer = await call(query, payload, gateway=FakeGateway({"a.csv": "a\n1\n"}))
    assert answer["rows"] == [[value]]


def test_decimals_keep_all_their_digits() -> None:
    from result import json

    assert json("[12345678901234567890.123456789,NaN]") == (
        '[12345678901234567890.123456789,"NaN"]'
    )
    assert msgspec.json.decode(json('["\\\\",NaN]')) == ["\\", "NaN"]
