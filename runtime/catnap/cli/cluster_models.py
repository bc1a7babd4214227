"""The models of an installation on a cluster, as its models.toml here has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catnap.cli import output
from catnap.errors import InvalidRequest
from catnap.models.file import parse
from catnap.models.own import complete


@dataclass(frozen=True)
class ClusterModels:
    """text: the file's own. names: what skills may ask, aliases too. wakes: the
    Deployments that are started for them."""

    text: str
    names: tuple[str, ...]
    wakes: tuple[str, ...]


def cluster_models(file: Path | None) -> ClusterModels:
    """file: None for what the model server has by itself. Raises InvalidRequest
    with all that is wrong."""
    text = _text(file) if file else ""
    config = complete(parse(text, str(file)))
    for name, model in config.models.items():
        if model.folder and not Path(model.folder).is_absolute():
            output.note(
                f"{file}: [{name}] folder: on a cluster it is below /etc/catnap, in the image of "
                "catnap-models or in a volume of it: name the whole path"
            )
    models = config.models.values()
    return ClusterModels(
        text,
        (*config.models, *(alias for each in models for alias in each.aliases)),
        tuple(dict.fromkeys(each.wake.deployment for each in models if each.wake)),
    )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{file}: cannot be read: {error}") from None
