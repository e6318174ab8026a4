"""The dependencies' layer without what the functions never use: what is left works as the whole does."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore
import botocore.session
import pytest
from botocore.loaders import Loader

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = Path(botocore.__file__).parents[1]
PACKAGES = ["aws_lambda_powertools", "boto3", "botocore", "crhelper", "dateutil", "jmespath", "msgspec", "s3transfer"]
PACKAGES += ["urllib3", "six.py", "typing_extensions.py"]
SERVICES = ("application-autoscaling", "dynamodb", "events", "kms")


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    for name in PACKAGES:
        if (INSTALLED / name).is_dir():
            shutil.copytree(INSTALLED / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(INSTALLED / name, folder)
    (folder / "bin").mkdir()
    subprocess.run([sys.executable, ROOT / "layers/dependencies/trim.py", folder], check=True)  # noqa: S603
    return folder


@pytest.fixture
def loader(layer: Path) -> Loader:
    return Loader([str(layer / "botocore" / "data")], include_default_search_paths=False)


def _without_texts(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_texts(v) for k, v in node.items() if not (k == "documentation" and isinstance(v, str))}
    return [_without_texts(value) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("service", SERVICES)
def test_what_stays_of_a_model_is_the_whole_ones(loader: Loader, service: str) -> None:
    whole, trimmed = (source.load_service_model(service, "service-2") for source in (Loader(), loader))
    assert whole["metadata"] == trimmed["metadata"]
    for part in ("operations", "shapes"):
        for name, value in trimmed[part].items():
            assert value == _without_texts(whole[part][name]), name


def test_the_operations_that_roles_may_call_stay(loader: Loader) -> None:
    """An IAM action is an operation, but for transactions, which need those of their parts; reading a stream is left to
    Lambda."""
    template = (ROOT / "template.yaml").read_text()
    for service in SERVICES:
        whole, trimmed = (source.load_service_model(service, "service-2") for source in (Loader(), loader))
        allowed = set(re.findall(rf"\b{service}:([A-Za-z]+)\b(?!\*)", template)) & whole["operations"].keys()
        if service == "kms":
            allowed = {"DescribeKey"}  # DynamoDB calls the others, with the function's rights
        assert allowed | ({"TransactWriteItems"} if service == "dynamodb" else set()) == set(trimmed["operations"])


@pytest.mark.parametrize(
    ("model", "role"),
    [
        ("items", {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"}),
        ("reads", {"BatchGetItem", "GetItem", "GetResourcePolicy", "ListTagsOfResource", "Scan"}),
    ],
)
def test_who_calls_few_operations_reads_a_model_of_these(
    layer: Path, loader: Loader, model: str, role: set[str]
) -> None:
    fewer = Loader([str(layer / "botocore" / model)], include_default_search_paths=False)
    few, all_of_them = (source.load_service_model("dynamodb", "service-2") for source in (fewer, loader))
    described = {name for name in all_of_them["operations"] if name.startswith("Describe")}
    assert set(few["operations"]) == role | (described if model == "reads" else set())
    assert few["shapes"].items() <= all_of_them["shapes"].items()


# For which services a folder of the layer's botocore has the endpoints.
ENDPOINTS = [*[("data", service) for service in SERVICES], ("items", "dynamodb"), ("reads", "dynamodb")]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1", "local", "a-new-1"])
@pytest.mark.parametrize(("folder", "service"), ENDPOINTS)
def test_endpoints_are_those_of_the_whole_botocore(layer: Path, folder: str, service: str, region: str) -> None:
    session = botocore.session.Session()
    paths = [str(layer / "botocore" / name) for name in (folder, "data")]
    session.register_component("data_loader", Loader(paths, include_default_search_paths=False))
    trimmed = session.create_client(service, region_name=region)
    whole = botocore.session.Session().create_client(service, region_name=region)
    assert trimmed.meta.endpoint_url == whole.meta.endpoint_url
    assert trimmed.meta.partition == whole.meta.partition


def test_only_authorities_of_aws_are_trusted(layer: Path) -> None:
    bundle = layer / "botocore" / "cacert.pem"
    names = re.findall(r'# Label: "(.*)"', bundle.read_text())
    named = {"Starfield Services Root Certificate Authority - G2"} | {f"Amazon Root CA {n}" for n in (1, 2, 3, 4)}
    assert set(names) == named
    trusted = ssl.create_default_context(cafile=bundle).get_ca_certs(binary_form=True)
    whole = ssl.create_default_context(cafile=INSTALLED / "botocore" / "cacert.pem").get_ca_certs(binary_form=True)
    assert len(trusted) == len(names)
    assert set(trusted) < set(whole)


def test_a_botocore_without_amazons_authorities_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "cacert.pem").write_text('# Label: "Another CA"\n-----BEGIN CERTIFICATE-----\n')
    code = (
        f"import sys; sys.path.append({str(ROOT / 'layers/dependencies')!r}); from pathlib import Path; import trim; "
    )
    code += f"trim.trim_authorities(Path({str(tmp_path / 'cacert.pem')!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "lacks Amazon's authorities" in done.stderr


def test_the_services_that_the_code_names_are_there() -> None:
    sources = [*ROOT.glob("functions/*/*.py"), *ROOT.glob("layers/sentinel/sentinel/*.py")]
    named = {name for file in sources for name in re.findall(r'client\(\s*"([a-z0-9-]+)"', file.read_text())}
    assert named <= set(SERVICES)
    assert "dynamodb" in named


@pytest.mark.parametrize("function", sorted(path.parent.name for path in ROOT.glob("functions/*/app.py")))
def test_each_function_starts_with_nothing_but_the_layers(layer: Path, function: str) -> None:
    path = [ROOT / "functions" / function, ROOT / "layers" / "sentinel", layer]
    env = {"PYTHONPATH": os.pathsep.join(map(str, path)), "AWS_REGION": "us-east-1", "SENTINEL_TABLE": "sentinel-x"}
    env |= {"SENTINEL_LEDGER": "sentinel-ledger", "SENTINEL_EVENT_BUS": "default"}
    env |= {f"SENTINEL_{records}_TABLE": "sentinel-x" for records in ("REQUESTS", "BREAKGLASS", "SESSIONS")}
    env |= {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_METRICS_NAMESPACE": "Sentinel"}
    # -S: without this environment's own packages.
    code = "import app, boto3; assert callable(app.handler); print(boto3.__file__)"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(layer / "boto3" / "__init__.py"), done.stderr


def test_the_whole_botocore_has_what_the_layer_lacks() -> None:
    """Tells that the tests above compare two different things."""
    assert len(boto3.session.Session().get_available_services()) > 100
