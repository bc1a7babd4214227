"""The commands, and what becomes of their errors."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from catnap.cli import exits
from catnap.cli.options import Group
from catnap.errors import CatnapError

_COMMANDS = {
    "serve": "serve",
    "call": "call",
    "files": "files",
    "events": "events",
    "sessions": "sessions",
    "tasks": "tasks",
    "dead": "dead",
    "logs": "logs",
    "skills": "skills",
    "status": "status",
    "revisions": "revisions",
    "traffic": "traffic",
    "rollback": "rollback",
    "keys": "keys",
    "login": "login",
    "logout": "login",
    "audit": "audit",
    "secrets": "secrets",
    "models": "models",
    "usage": "usage",
    "limits": "limits",
    "new": "new",
    "lock": "lock",
    "render": "render",
    "scale": "scale",
    "build": "build",
    "deploy": "deploy",
    "undeploy": "undeploy",
    "delete": "delete",
    "config": "config",
    "doctor": "doctor",
    "host": "processes",
}
"""Each command's module, imported when it is used; in the order of the help."""


class Commands(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"catnap.cli.{_COMMANDS[name]}")
        command: click.Command = getattr(module, name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings"):
            formatter.write_text(
                "By flag, environment or catnap.toml (here or in a folder above), in that order:"
            )
            formatter.write_dl(
                [
                    ("CATNAP_HOME", "state folder (.catnap)"),
                    ("CATNAP_HTTP", "HTTP address (127.0.0.1:8080)"),
                    ("CATNAP_GRPC", "gRPC address (127.0.0.1:9000)"),
                    ("CATNAP_TOKEN", "your credential (login, or on loopback CATNAP_HOME)"),
                    ("CATNAP_FUNCTIONS", "folder of skills (functions)"),
                    ("CATNAP_RETRY", "time until a failed delivery is made again (1s)"),
                    ("CATNAP_FILES", "s3://bucket?endpoint=URL (a folder in CATNAP_HOME)"),
                    ("CATNAP_FILES_BOUNDS", "as scope=10GB sessions=90d tasks=30d (none)"),
                    ("CATNAP_STORE", "postgresql://host/database (a file in CATNAP_HOME)"),
                    ("CATNAP_ADVERTISE", "its host, for gateways that share its store (HTTP's)"),
                    ("CATNAP_MODELS", "a models.toml, or a model server of ours (models.toml)"),
                    ("CATNAP_EGRESS", "proxy that skills leave by (a free port)"),
                    ("CATNAP_EGRESS_NETWORKS", "private networks it may reach (none)"),
                    ("CATNAP_INDEX", "the index that sessions install from"),
                    ("CATNAP_AUDIT", "actions, or calls for a record of each call (actions)"),
                    ("CATNAP_AUDIT_KEEP", "how long, e.g. 400d (for ever)"),
                    ("CATNAP_TRACES", "file for spans of calls (none)"),
                    ("CATNAP_SECRETS_KEY", "where the key of secrets is: file, keyring (file)"),
                    ("CATNAP_TLS_CERT", "what HTTP and gRPC are answered with, PEM (none)"),
                    ("CATNAP_TLS_KEY", "its key"),
                    ("CATNAP_TLS_CLIENT_CA", "who signs what clients have to show (none)"),
                    ("CATNAP_PLAIN", "address of HTTP without TLS all the same (none)"),
                    ("CATNAP_CA", "whom to trust at an https:// address (the system's)"),
                    ("CATNAP_CLIENT_CERT", "what to show there, PEM (none)"),
                    ("CATNAP_CLIENT_KEY", "its key"),
                    ("CATNAP_INSTALL", "name of the installation on a cluster (catnap)"),
                    ("CATNAP_ADMIN_KEY", "the platform's own key (generated)"),
                ]
            )
        with formatter.section("Exit status"):
            formatter.write_dl([(str(code), text) for code, text in exits.MEANINGS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(None, "--version", package_name="catnap-functions")
def catnap() -> None:
    """Serverless functions for the skills of AI agents.

    \b
    catnap serve                                    the platform, on localhost
    catnap call echo --data '{"hello": "world"}'    call a skill
    catnap files put notes/ --user ada              give a user's files
    catnap new my-skill                             write a skill of your own
    """


def run(argv: Sequence[str]) -> int:
    """Runs one command; an error is one line on stderr and an exit status."""
    # gRPC tells of connections that come and go on stderr, which is ours.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        outcome = catnap.main(list(argv), prog_name="catnap", standalone_mode=False)
        sys.stdout.flush()
    except CatnapError as error:
        return _fail(exits.line(error), exits.status(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return exits.USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "catnap"
        return _fail(f"{error.format_message()} See `{path} --help`", exits.USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), exits.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; nothing is left to be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.FAILED
    except UnicodeEncodeError as error:
        # What stands for such bytes of the command line or of a setting. Not
        # all around it: that may be a credential.
        wrong = error.object[error.start : error.end].encode(errors="surrogateescape")
        return _fail(f"what was given is not UTF-8: {wrong!r}", exits.USAGE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", exits.FAILED)
    return outcome if isinstance(outcome, int) else 0


def _fail(message: str, status: int) -> int:
    click.echo(f"catnap: {message}", err=True)
    return status
