"""catnap deploy."""

from __future__ import annotations

from typing import Any

import click

from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.render import skill_folders
from catnap.cli.settings import Settings
from catnap.errors import Unavailable


@click.command(cls=Command)
@click.argument("skill", required=False)
@with_json
@with_settings("functions")
def deploy(settings: Settings, skill: str | None, as_json: bool) -> None:
    """Deploys SKILL, or every skill, to the cluster of the kube config."""
    skill_folders(settings.functions, skill)
    server = _cluster()
    raise Unavailable(
        f"the cluster at {server} answers, but this version deploys to localhost only; "
        "`catnap render | kubectl apply -f -` applies the same objects"
    )


def _cluster() -> str:
    """The address of the API server, once it has answered.

    Raises Unavailable where there is no kube config, or nobody answers.
    """
    try:
        from kubernetes import client, config
    except ImportError:
        raise Unavailable(
            "needs a cluster: install catnap-functions[deploy] to reach one"
        ) from None
    load: Any = config.load_kube_config
    try:
        load()
    except (config.ConfigException, OSError) as error:
        reason = " ".join(str(error).split())
        raise Unavailable(f"needs a cluster: no kube config was found ({reason})") from None
    configuration = client.Configuration.get_default_copy()
    configuration.retries = False
    host: str = configuration.host
    try:
        client.VersionApi(client.ApiClient(configuration)).get_code(_request_timeout=5)
    except Exception as error:  # urllib3's and the client's own have no parent in common
        reason = " ".join(str(error).split())[:200]
        raise Unavailable(f"needs a cluster: {host} does not answer ({reason})") from None
    return host
