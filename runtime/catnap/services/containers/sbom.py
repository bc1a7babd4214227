"""What an image consists of, as a CycloneDX document."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from catnap.errors import Unavailable
from catnap.services.containers.base import Base
from catnap.services.containers.lock import pins
from catnap.services.containers.recipe import Recipe


def sbom(recipe: Recipe, base: Base, installed: Mapping[str, str], lock: str) -> str:
    """CycloneDX 1.6 as JSON. installed: the packages that are in the image, by
    name and version. lock: the text that pins them.

    Pure: like the image, the same for the same input.
    """
    try:
        from cyclonedx.model import (
            ExternalReference,
            ExternalReferenceType,
            HashAlgorithm,
            HashType,
            XsUri,
        )
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output.json import JsonV1Dot6
        from packageurl import PackageURL
    except ImportError:
        raise Unavailable("an SBOM needs cyclonedx: install catnap-functions[deploy]") from None

    def sha256(digest: str) -> list[HashType]:
        content = digest.removeprefix("sha256:")
        return [HashType(alg=HashAlgorithm.SHA_256, content=content)] if content else []

    def archive(name: str, version: str, digest: str) -> str:
        # By its checksum: where it came from is the builder's own affair.
        named = PackageURL("pypi", name=name, version=version, qualifiers={"checksum": digest})
        return named.to_string()

    def package(name: str, version: str) -> Component:
        # Of the archives that the lock allows, one for each kind of machine.
        archives = [
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(archive(name, version, digest)),
                comment="one of the archives that the lock allows",
                hashes=sha256(digest),
            )
            for digest in hashes.get((name, version), ())
        ]
        purl = PackageURL("pypi", name=name, version=version)
        return Component(
            name=name,
            version=version,
            purl=purl,
            bom_ref=purl.to_string(),
            external_references=archives,
        )

    hashes = {(pin.name, pin.version): pin.hashes for pin in pins(lock)}
    tag = recipe.tag(base)
    image = Component(
        type=ComponentType.CONTAINER,
        name=recipe.name,
        version=recipe.version,
        description=recipe.description,
        bom_ref=f"{recipe.name}:{tag}",
    )
    below = Component(
        type=ComponentType.CONTAINER,
        name=base.reference,
        version=base.digest or base.id,
        bom_ref=f"base:{base.id}",
        hashes=sha256(base.digest or base.id),
    )
    parts = [below, *(package(name, version) for name, version in installed.items())]
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"catnap:{recipe.name}:{tag}"),
        metadata=BomMetaData(component=image, timestamp=datetime.fromtimestamp(0, UTC)),
        components=parts,
    )
    bom.register_dependency(image, parts)
    return JsonV1Dot6(bom).output_as_string(indent=1)
