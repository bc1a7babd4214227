"""`make bench`: every benchmark in turn, or those that are named."""

from __future__ import annotations

import json
import sys

from bench import cluster, egress, embedding, platform, search

BENCHMARKS = {"platform": platform, "search": search, "embedding": embedding, "egress": egress}
ON_CLUSTER = {"cluster": cluster}
"""Only when they are named."""


def main(names: list[str]) -> int:
    known = {**BENCHMARKS, **ON_CLUSTER}
    unknown = set(names) - set(known)
    if unknown:
        print(f"there is no benchmark {unknown.pop()!r}: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in names or BENCHMARKS:
        module = known[name]
        print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
        result = module.main()
        print(module.table(result))
        print(json.dumps({"benchmark": name, **result}), flush=True)
    return 0


sys.exit(main(sys.argv[1:]))
