"""`make bench`: every benchmark in turn, or those that are named."""

from __future__ import annotations

import argparse
import json
import sys

from bench import cluster, egress, embedding, host, platform, search, steps

BENCHMARKS = {
    "platform": platform,
    "steps": steps,
    "search": search,
    "embedding": embedding,
    "egress": egress,
    "host": host,
}
ON_CLUSTER = {"cluster": cluster}
"""Only when they are named."""


def main() -> None:
    known = {**BENCHMARKS, **ON_CLUSTER}
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=", ".join(known))
    of_host = parser.add_argument_group("host")
    for name, (default, text) in host.OPTIONS.items():
        text = f"{text} (default: {default})" if default else text
        of_host.add_argument(f"--{name}", type=type(default), default=default, help=text)
    options = vars(parser.parse_args())
    names = options.pop("names")
    unknown = set(names) - set(known)
    if unknown:
        parser.error(f"there is no benchmark {unknown.pop()!r}: {', '.join(known)}")
    for name in names or BENCHMARKS:
        module = known[name]
        print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
        result = module.main(**options) if module is host else module.main()
        print(module.table(result))
        print(json.dumps({"benchmark": name, **result}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
