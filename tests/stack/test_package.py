"""`sam package`: what the Serverless Application Repository is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from deployment import sam
from engines import ROOT
from sentinel_sam.template import parse

if TYPE_CHECKING:
    from pathlib import Path

    from engines import MiniStack


@pytest.fixture(scope="module")
def packaged(ministack: MiniStack, built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    output = tmp_path_factory.mktemp("packaged") / "packaged.yaml"
    sam(
        *("package", "--template-file", str(built / "template.yaml"), "--resolve-s3"),
        *("--output-template-file", str(output), "--config-file", str(ROOT / "samconfig.toml")),
        environment=ministack.environment,
    )
    return parse(output.read_text(), "packaged.yaml")


def content(ministack: MiniStack, uri: str) -> bytes:
    place = urlsplit(uri)
    assert place.scheme == "s3"
    body: bytes = ministack.client("s3").get_object(Bucket=place.netloc, Key=place.path[1:])["Body"].read()
    return body


@pytest.mark.parametrize(("field", "file"), [("LicenseUrl", "LICENSE"), ("ReadmeUrl", "README.md")])
def test_the_repository_gets_license_and_readme(
    ministack: MiniStack, packaged: dict[str, Any], field: str, file: str
) -> None:
    metadata = packaged["Metadata"]["AWS::ServerlessRepo::Application"]
    assert content(ministack, metadata[field]) == (ROOT / file).read_bytes()


def test_every_function_and_layer_is_an_archive(ministack: MiniStack, packaged: dict[str, Any]) -> None:
    fields = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
    found = [
        resource["Properties"][fields[resource["Type"]]]
        for resource in packaged["Resources"].values()
        if resource["Type"] in fields
    ]
    assert len(found) == 9
    assert all(content(ministack, uri).startswith(b"PK") for uri in found)


def test_the_repository_knows_what_it_is(packaged: dict[str, Any]) -> None:
    metadata = packaged["Metadata"]["AWS::ServerlessRepo::Application"]
    assert metadata.keys() >= {"Name", "Description", "Author", "SpdxLicenseId", "SemanticVersion"}
    # The repository's own limits.
    assert len(metadata["Description"]) <= 256
    assert len(metadata["Labels"]) <= 10
