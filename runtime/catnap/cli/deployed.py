"""What a deploy came to, or would: for a person and for a program."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from catnap.cli import output
from catnap.cli.cluster import Access
from catnap.services.cluster.names import ADMIN_KEY, ADMIN_SECRET, GATEWAY
from catnap.services.knative.apply import Planned
from catnap.services.knative.diff import ABSENT, Change
from catnap.services.knative.order import Deployed, Result

_LONGEST = 100
_READY = {True: "yes", False: "no", None: "not awaited"}
_COLOR = {"create": "green", "change": "yellow", "refused": "red"}


def show_plan(done: Deployed) -> None:
    """What would be created and changed, field by field."""
    for each in done.planned:
        if each.verdict == "unchanged":
            continue
        verdict = click.style(f"{each.verdict:<8}", fg=_COLOR[each.verdict])
        click.echo(f"{verdict} {each.title}")
        for change in each.changes:
            click.echo(f"           {_line(change)}")
        if each.refused:
            click.echo(f"           {each.refused.message}")
    if unchecked := sum(each.unchecked for each in done.planned):
        output.note(f"{unchecked} are not validated: their namespace is not there yet")
    same = sum(each.verdict == "unchanged" for each in done.planned)
    output.note(f"{len(done.planned) - same} objects differ, {same} do not")


def _line(change: Change) -> str:
    if change.old is ABSENT:
        return click.style(f"+ {change.path}: {_text(change.new)}", fg="green")
    if change.new is ABSENT:
        return click.style(f"- {change.path}: {_text(change.old)}", fg="red")
    return f"~ {change.path}: {_text(change.old)} -> {_text(change.new)}"


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def show(done: Deployed, took: float) -> None:
    output.table(
        ("name", "revision", "ready", "image"),
        [(each.label, each.revision, _READY[each.ready], each.image) for each in done.results],
        empty="nothing to deploy",
    )
    count = len(done.applied)
    applied = f"applied {count} of {len(done.planned)} objects" if count else "nothing changed"
    output.note(f"{applied}, in {took:.1f} s")
    if done.others:
        output.note(f"also deployed, and left as they are: {', '.join(done.others)}")


def entrance(access: Access, install: str) -> str:
    """The commands after which the tour works against this cluster."""
    kubectl = access.kubectl(install)
    key = f"{kubectl} get secret {ADMIN_SECRET} -o jsonpath='{{.data.{ADMIN_KEY}}}'"
    return f"""
To reach it from here:
  {kubectl} port-forward svc/{GATEWAY} 8080:80 9000
  export CATNAP_TOKEN=$({key} | base64 -d)
  catnap call echo --data '{{"hello": "world"}}'"""


def document(done: Deployed, took: float) -> dict[str, Any]:
    return {
        "applied": [each.title for each in done.applied],
        "seconds": round(took, 3),
        "objects": [_object(each) for each in done.planned],
        "results": [_result(each) for each in done.results],
        "others": done.others,
    }


def _object(planned: Planned) -> dict[str, Any]:
    return {
        "object": planned.title,
        "verdict": planned.verdict,
        "validated": not planned.unchecked,
        "changes": [
            {
                "path": each.path,
                **({} if each.old is ABSENT else {"old": each.old}),
                **({} if each.new is ABSENT else {"new": each.new}),
            }
            for each in planned.changes
        ],
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "name": result.label,
        "namespace": result.namespace,
        "ready": result.ready,
        "revision": result.revision,
        "image": result.image,
        "serving": result.serving,
        "problem": result.problem,
    }
