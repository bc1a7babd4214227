"""Queries over files as an agent makes them."""

from typing import Any

import pytest
from main import query

from catnap import InvalidRequest, NotFound
from catnap.skills.decorator import ATTRIBUTE
from catnap.skills.testing import FakeGateway, call

SALES = "region,amount,day\nnorth,10,2024-01-31\nsouth,20,2024-02-01\nnorth,5,2024-02-02\n"


async def ask(sql: str, files: object = None, **more: Any) -> Any:
    gateway = more.pop("gateway", None) or FakeGateway({"data/sales.csv": SALES})
    payload = {"sql": sql, "files": files or {"sales": "data/sales.csv"}, **more}
    return await call(query, payload, gateway=gateway)


async def test_rows_come_back_with_their_schema() -> None:
    answer = await ask("SELECT region, sum(amount) AS total FROM sales GROUP BY ALL ORDER BY 1")
    assert answer == {
        "columns": [{"name": "region", "type": "VARCHAR"}, {"name": "total", "type": "HUGEINT"}],
        "rows": [["north", 15], ["south", 20]],
        "row_count": 2,
        "file": None,
    }


async def test_a_list_of_keys_names_tables_by_their_stems() -> None:
    gateway = FakeGateway({"data/2024 sales.csv": "a\n1\n"})
    answer = await ask("FROM _2024_sales", ["data/2024 sales.csv"], gateway=gateway)
    assert answer["rows"] == [[1]]


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("t.csv", b"a,b\n1,x\n2,y\n"),
        ("t.tsv", b"a\tb\n1\tx\n2\ty\n"),
        ("t.json", b'[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]'),
        ("t.ndjson", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
        ("T.JSONL", b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'),
    ],
)
async def test_each_format_is_read(key: str, content: bytes) -> None:
    answer = await ask("FROM t ORDER BY a", [key], gateway=FakeGateway({key: content}))
    assert answer["rows"] == [[1, "x"], [2, "y"]]


async def test_a_saved_result_can_be_queried_again() -> None:
    gateway = FakeGateway({"data/sales.csv": SALES})
    for key in ("out/north.parquet", "out/north.csv", "out/north.json"):
        sql = "FROM sales WHERE region = 'north'"
        answer = await ask(sql, gateway=gateway, save=key)
        size = (await gateway.files.list(key))[0].size
        assert answer["file"] == {"scope": "user", "task": "", "key": key, "size": size}
        again = await ask("SELECT sum(amount) FROM north", [key], gateway=gateway)
        assert again["rows"] == [[15]]


async def test_files_are_joined() -> None:
    gateway = FakeGateway({"a.csv": "k,v\n1,x\n", "b.json": '[{"k": 1, "w": "y"}]'})
    answer = await ask("SELECT v, w FROM a JOIN b USING (k)", ["a.csv", "b.json"], gateway=gateway)
    assert answer["rows"] == [["x", "y"]]


@pytest.mark.parametrize(
    "sql",
    [
        *("DESCRIBE sales", "SUMMARIZE sales", "SHOW TABLES", "VALUES (1)"),
        *("FROM sales; -- all", "SELECT 'é;' AS v ;; -- é", "FROM sales /* ; */"),
    ],
)
async def test_whatever_gives_rows_is_a_query(sql: str) -> None:
    assert (await ask(sql))["row_count"] > 0


async def test_a_pivot_is_a_query() -> None:
    answer = await ask("PIVOT (SELECT region, amount FROM sales) ON region USING sum(amount)")
    assert answer["rows"] == [[15, 20]]


async def test_columns_of_one_name_are_told_apart() -> None:
    answer = await ask("SELECT 1 AS a, 2 AS a")
    assert [column["name"] for column in answer["columns"]] == ["a", "a_1"]


async def test_a_large_result_is_a_file_of_the_task_with_its_first_rows() -> None:
    gateway = FakeGateway({"data/sales.csv": SALES})
    answer = await ask("SELECT i, repeat('x', 20) AS x FROM range(20000) t(i)", gateway=gateway)
    assert answer["row_count"] == 20000
    assert answer["rows"][:2] == [[0, "x" * 20], [1, "x" * 20]]
    assert 100 < len(answer["rows"]) < 20000
    kept = answer["file"]
    assert (kept["scope"], kept["task"], kept["key"]) == ("task", "task", "result.parquet")
    content = await gateway.files.task.read("result.parquet")
    assert kept["size"] == len(content)
    other = FakeGateway({"big.parquet": content})
    whole = await ask("SELECT count(*), max(i) FROM big", ["big.parquet"], gateway=other)
    assert whole["rows"] == [[20000, 19999]]


def test_the_schema_says_how_to_get_a_large_result() -> None:
    _, output = getattr(query, ATTRIBUTE).schemas()
    described = output["$defs"]
    assert "catnap files get KEY --task TASK" in str(described["Result"]["properties"]["file"])
    assert "`--task TASK`" in described["ResultFile"]["description"]
    assert list(described["ResultFile"]["properties"]) == ["scope", "task", "key", "size"]


async def test_a_result_just_small_enough_is_in_the_answer() -> None:
    answer = await ask("SELECT repeat('x', 250000) AS x")
    assert answer["file"] is None
    assert answer["row_count"] == len(answer["rows"]) == 1


async def test_a_missing_file_is_named_with_those_like_it() -> None:
    with pytest.raises(NotFound, match=r"'data/sale\.csv'; did you mean 'data/sales\.csv'"):
        await ask("FROM sales", {"sales": "data/sale.csv"})


async def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r'"amont".*"amount".*sales has the columns region V'):
        await ask("SELECT amont FROM sales")


async def test_an_unknown_table_is_named_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"sale does not exist.*table sales has the columns"):
        await ask("FROM sale")


async def test_a_syntax_error_is_said() -> None:
    with pytest.raises(InvalidRequest, match='syntax error at or near "selec"'):
        await ask("selec 1")


async def test_a_value_that_does_not_convert_is_said() -> None:
    with pytest.raises(InvalidRequest, match=r'Could not convert string "north" to .INTEGER.\Z'):
        await ask("SELECT region::INT FROM sales")


@pytest.mark.parametrize(
    ("key", "row"), [("late.csv", "{}"), ("late.tsv", "{}"), ("late.jsonl", '{{"a": "{}"}}')]
)
async def test_a_column_is_read_though_its_last_row_is_of_another_type(key: str, row: str) -> None:
    lines = [row.format(number) for number in range(30_000)] + [row.format("n/a")]
    head = "" if key.endswith("l") else "a\n"
    gateway = FakeGateway({key: head + "\n".join(lines)})
    answer = await ask("SELECT count(a), max(a) FROM late", [key], gateway=gateway)
    assert answer["rows"] == [[30_001, "n/a"]]


async def test_a_broken_file_is_named() -> None:
    gateway = FakeGateway({"bad.parquet": b"not parquet"})
    with pytest.raises(InvalidRequest, match=r"'bad\.parquet' cannot be read") as raised:
        await ask("FROM bad", ["bad.parquet"], gateway=gateway)
    assert "table-query-" not in raised.value.message


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"files": ["a.csv"]}, "missing required field `sql`"),
        ({"sql": "", "files": ["a.csv"]}, "'sql'"),
        ({"sql": "SELECT 1", "files": ["a.csv"], "limit": 1}, "unknown field `limit`"),
        ({"sql": "SELECT 1", "files": []}, "at least one file"),
        ({"sql": "SELECT 1", "files": ["a.txt"]}, r"'a\.txt' is not one of"),
        ({"sql": "SELECT 1", "files": ["a.csv", "b/A.csv"]}, "would both be the table"),
        ({"sql": "SELECT 1", "files": {"a b": "a.csv"}}, "'a b' is no table name"),
        ({"sql": "SELECT 1", "files": ["a.csv"], "save": "out.xlsx"}, r"save: 'out\.xlsx'"),
        ({"sql": "SELECT 1; SELECT 2", "files": ["a.csv"]}, "holds 2 statements"),
        ({"sql": "-- nothing", "files": ["a.csv"]}, "holds 0 statements"),
    ],
)
async def test_a_bad_request_names_what_is_wrong(payload: object, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await call(query, payload, gateway=FakeGateway({"a.csv": "a\n1\n", "b/A.csv": "a\n1\n"}))
