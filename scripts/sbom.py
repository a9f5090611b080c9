"""The list of everything we are made of, from the lock files: `make sbom` writes sbom.json (the service) and
sbom-nlu.json (Rasa's environment), CycloneDX 1.6, valid by its schema. Needs no network."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"sbom.json": ROOT / "uv.lock", "sbom-nlu.json": ROOT / "nlu" / "uv.lock"}
Package = dict[str, Any]


def packages(lock: Path) -> list[Package]:
    """The packages of a lock file of uv."""
    found: list[Package] = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return found


def bom(lock: Path) -> Bom:
    """Each locked package with its address, the hashes of its files, and what it needs."""
    made, by_name = Bom(), dict[str, list[Component]]()
    locked = packages(lock)
    for one in locked:
        component = _component(one)
        by_name.setdefault(one["name"], []).append(component)
        if _ours(one):
            made.metadata.component = component
        else:
            made.components.add(component)
    for one in locked:
        this = next(known for known in by_name[one["name"]] if known.version == one["version"])
        made.register_dependency(this, {need for name in _needs(one) for need in by_name.get(name, [])})
    return made


def _ours(one: Package) -> bool:
    return bool({"editable", "virtual", "directory"} & set(one["source"]))


def _component(one: Package) -> Component:
    name, version = one["name"], one["version"]
    files = [*([one["sdist"]] if "sdist" in one else []), *one.get("wheels", [])]
    return Component(
        name=name, version=version, bom_ref=f"{name}@{version}",
        type=ComponentType.APPLICATION if _ours(one) else ComponentType.LIBRARY,
        purl=None if _ours(one) else PackageURL("pypi", None, name, version),
        external_references=[
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(file["url"]), hashes=list(_hash(file)))
            for file in files
        ],
    )  # fmt: skip


def _hash(file: Package) -> Iterator[HashType]:
    if "hash" in file:
        yield HashTypeFactory().from_composite_str(file["hash"])


def _needs(one: Package) -> set[str]:
    groups = [*one.get("dev-dependencies", {}).values(), *one.get("optional-dependencies", {}).values()]
    return {need["name"] for group in [one.get("dependencies", []), *groups] for need in group}


def written(lock: Path) -> str:
    """The document."""
    return JsonV1Dot6(bom(lock)).output_as_string(indent=1)


def main() -> int:
    for name, lock in LOCKS.items():
        (ROOT / name).write_text(written(lock), encoding="utf-8")
        print(f"sbom: {len(packages(lock))} packages of {lock.relative_to(ROOT)} in {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
