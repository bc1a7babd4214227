"""catnap keys."""

from __future__ import annotations

from urllib.parse import quote

import click
import msgspec

from catnap.access.key_rows import Issued
from catnap.cli import output
from catnap.cli.admin import ADMIN, ask, of_tenant
from catnap.cli.options import DURATION, Group, with_json, with_settings
from catnap.cli.revisions import with_tenant
from catnap.cli.settings import Settings


class Shown(msgspec.Struct):
    """state: live, expired or revoked. secret: of a key just made."""

    key: Issued
    state: str
    secret: str = ""


class _Keys(msgspec.Struct):
    """left: what a user whose keys were ended gets in with all the same."""

    keys: list[Shown]
    left: list[str] = []


@click.group(cls=Group)
def keys() -> None:
    """Keys: credentials of programs and people, of which hashes are kept."""


@keys.command()
@click.argument("name")
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=("caller",),
    show_default=True,
    help="viewer, caller, developer, operator, tenant-admin, admin, or one that skills ask for.",
)
@click.option("--user", help="Good for this user alone. Default: for any of the tenant.")
@click.option("--expires", type=DURATION, help="Good for this long, e.g. 90d. Default: no end.")
@with_tenant
@with_json
@with_settings(*ADMIN)
def create(
    settings: Settings,
    name: str,
    roles: tuple[str, ...],
    user: str | None,
    expires: float | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Makes a key, and shows its secret this once.

    A role may be bound to skills: `caller:report-*` calls those alone. An
    admin may bind it to tenants: `operator@acme-*`.

    \b
    catnap keys create agent-core
    catnap keys create ada --role viewer --role caller:report-* --user ada --expires 90d
    """
    lifetime = None if expires is None else float(expires)
    wanted = {"name": name, "roles": roles, "user": user, "lifetime": lifetime}
    _made(ask(settings, "POST", f"/keys{of_tenant(tenant)}", Shown, wanted), as_json)


@keys.command()
@click.argument("key")
@click.option(
    "--overlap", type=DURATION, default="24h", show_default=True, help="The old one's time."
)
@with_tenant
@with_json
@with_settings(*ADMIN)
def rotate(settings: Settings, key: str, overlap: float, tenant: str, as_json: bool) -> None:
    """Makes a new secret for a KEY, by name or id.

    What has the old one goes on for the overlap; 0s ends it now.

    \b
    catnap keys rotate agent-core --overlap 1h
    """
    path = f"/keys/{quote(key, '')}/rotate{of_tenant(tenant)}"
    _made(ask(settings, "POST", path, Shown, {"overlap": float(overlap)}), as_json)


@keys.command()
@click.argument("key", default="")
@click.option("--user", default="", help="Everything that this user gets in with.")
@with_tenant
@with_json
@with_settings(*ADMIN)
def revoke(settings: Settings, key: str, user: str, tenant: str, as_json: bool) -> None:
    """Ends a KEY now: every secret of that name, or the one with that id.

    With --user it ends all keys of that user, and all tokens and certificates
    that were made for them until now.

    \b
    catnap keys revoke agent-core
    catnap keys revoke --user ada
    """
    if bool(key) == bool(user):
        raise click.UsageError("Give a KEY, or --user.")
    what = f"/keys/{quote(key, '')}" if key else f"/users/{quote(user, '')}/credentials"
    path = f"{what}{of_tenant(tenant)}"
    ended = ask(settings, "DELETE", path, _Keys)
    if user:
        output.note(f"tokens and certificates of user {user} made until now are taken no more")
    for name in ended.left:
        output.note(f"{name} of user {user} is still good: take it out of catnap.toml")
    if as_json:
        output.as_json([_document(each) for each in ended.keys])
        return
    for each in ended.keys:
        click.echo(f"{each.key.id} {output.plain(each.key.name)} is {each.state}")


@keys.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that are good no more.")
@with_tenant
@with_json
@with_settings(*ADMIN)
def list_(settings: Settings, every: bool, tenant: str, as_json: bool) -> None:
    """Lists a tenant's keys, newest first. Those of catnap.toml are not among
    them.

    \b
    catnap keys list --all
    """
    found = ask(settings, "GET", f"/keys{of_tenant(tenant)}", _Keys).keys
    found = [each for each in found if every or each.state == "live"]
    if as_json:
        output.as_json([_document(each) for each in found])
        return
    output.table(
        ("key", "name", "user", "roles", "state", "created", "expires", "creator"),
        [_row(each) for each in found],
        empty="no keys",
    )


def _made(made: Shown, as_json: bool) -> None:
    if as_json:
        output.as_json(_document(made))
        return
    click.echo(made.secret)
    key = made.key
    end = f"good until {output.when(key.expires)}" if key.expires else "without an end"
    name = output.plain(key.name)
    output.note(
        f"key {name} ({key.id}) of tenant {key.tenant}, {end}; its secret is shown only now"
    )


def _document(each: Shown) -> dict[str, object]:
    times = {
        name: output.rfc3339(seconds)
        for name in ("created", "expires", "revoked")
        if (seconds := getattr(each.key, name)) is not None
    }
    document = {**msgspec.structs.asdict(each.key), **times, "state": each.state}
    return {**document, "secret": each.secret} if each.secret else document


def _row(each: Shown) -> tuple[str, ...]:
    key = each.key
    return (
        *(key.id, key.name, "any" if key.user is None else key.user, ", ".join(key.roles)),
        *(each.state, output.when(key.created), output.when(key.expires) or "never"),
        key.creator,
    )
