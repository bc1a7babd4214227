"""Questions in SQL over a user's files, by every way into the platform."""

from __future__ import annotations

import json

from tests.platform.reached import Reached
from tests.platform.ways import in_other_ways

SALES = b"region,amount\nnorth,10\nsouth,20\nnorth,5\n"
QUERY = {
    "sql": "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY region",
    "files": ["sales.csv"],
}


async def test_a_table_answers_the_same_over_grpc_http_and_both_event_modes(
    shipped: Reached,
) -> None:
    with shipped.client() as client:
        client.files.put("sales.csv", SALES, user="tables")
        answer = client.invoke("table-query", QUERY, user="tables").json()
    assert answer["rows"] == [["north", 15], ["south", 20]]
    for headers, body in in_other_ways(QUERY, "tables"):
        status, _, data = await shipped.request("POST", "/skills/table-query", body, headers)
        assert (status, json.loads(data)) == (200, answer)


async def test_a_query_that_nobody_waits_for_leaves_its_answer(shipped: Reached) -> None:
    with shipped.client() as client:
        client.files.put("sales.csv", SALES, user="tables")
        task = client.submit("table-query", QUERY, user="tables")
        ended = client.tasks.wait(task.id, timeout=60)
    assert ended.result is not None
    assert ended.result.json()["rows"] == [["north", 15], ["south", 20]]
