"""`make bench`: every benchmark in turn, or those that are named."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from types import ModuleType

from bench import (
    access,
    cluster,
    egress,
    embedding,
    files,
    host,
    limits,
    models,
    models_fairness,
    platform,
    search,
    steps,
    workspaces,
)

BENCHMARKS = {
    "platform": platform,
    "steps": steps,
    "search": search,
    "embedding": embedding,
    "egress": egress,
    "files": files,
    "workspaces": workspaces,
    "access": access,
    "limits": limits,
    "models": models,
    "fairness": models_fairness,
    "host": host,
}
ON_CLUSTER = {"cluster": cluster}
"""Only when they are named."""


def main() -> None:
    known = {**BENCHMARKS, **ON_CLUSTER}
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="BENCHMARK", help=", ".join(known))
    for module in (host, files):
        group = parser.add_argument_group(module.__name__.rpartition(".")[2])
        for name, (default, text) in module.OPTIONS.items():
            text = f"{text} (default: {default})" if default else text
            group.add_argument(f"--{name}", type=type(default), default=default, help=text)
    options = vars(parser.parse_args())
    names = options.pop("names")
    unknown = set(names) - set(known)
    if unknown:
        parser.error(f"there is no benchmark {unknown.pop()!r}: {', '.join(known)}")
    for name in names or BENCHMARKS:
        module = known[name]
        print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
        result = module.main(**{option: options[option] for option in _options(module)})
        print(module.table(result))
        print(json.dumps({"benchmark": name, **result}), flush=True)


def _options(module: ModuleType) -> Iterable[str]:
    return getattr(module, "OPTIONS", ())


if __name__ == "__main__":
    sys.exit(main())
