"""Removes from the installed dependencies what the functions never use. The layer's build runs it.

    python trim.py FOLDER

botocore brings the models of some 400 services and the certificate authorities of the whole web as of 2017. Reading
them takes a third of a cold start, so only these stay:

- models: the services of `SERVICES`, with the operations that are called, without documentation, uncompressed;
  beside them two models of DynamoDB with fewer operations, for the record functions and the planner;
- endpoints.json: those services, and DynamoDB alone beside the two models;
- cacert.pem: the five authorities that Amazon Trust Services names for AWS's endpoints. `AWS_CA_BUNDLE` still replaces
  it, and does so where other authorities sign: the template names the runtime's own bundle in those partitions;
- of Powertools: what Logger and Metrics import.

Modules that botocore and boto3 import stay, used or not: this removes files and changes no code. Licences and notices
stay, too. They require a statement of changes, so this text is stored beside them as TRIMMED.txt.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# Service → API version and operations. Functions call no other.
SERVICES = {
    "application-autoscaling": ("2016-02-06", {"DescribeScalableTargets"}),
    "dynamodb": (
        "2012-08-10",
        {
            "BatchGetItem",
            "CreateTable",
            "DeleteItem",
            "DeleteResourcePolicy",
            "DeleteTable",
            "DescribeContinuousBackups",
            "DescribeContributorInsights",
            "DescribeKinesisStreamingDestination",
            "DescribeTable",
            "DescribeTimeToLive",
            "DisableKinesisStreamingDestination",
            "EnableKinesisStreamingDestination",
            "GetItem",
            "GetResourcePolicy",
            "ListTagsOfResource",
            "PutItem",
            "PutResourcePolicy",
            "Query",
            "Scan",
            "TagResource",
            "TransactWriteItems",
            "UntagResource",
            "UpdateContinuousBackups",
            "UpdateContributorInsights",
            "UpdateItem",
            "UpdateKinesisStreamingDestination",
            "UpdateTable",
            "UpdateTimeToLive",
        },
    ),
    "events": ("2015-10-07", {"DeleteRule", "PutEvents", "PutRule", "PutTargets", "RemoveTargets"}),
    "kms": ("2014-11-01", {"DescribeKey"}),
}
# Folder beside botocore's data → DynamoDB's operations in its model; sentinel/clients.py looks for them there.
FEWER = {
    "items": {"DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "reads": {
        "BatchGetItem",
        "DescribeContinuousBackups",
        "DescribeContributorInsights",
        "DescribeKinesisStreamingDestination",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "GetResourcePolicy",
        "ListTagsOfResource",
        "Scan",
    },
}
DATA = ("endpoints.json", "partitions.json", "sdk-default-configuration.json", "_retry.json")
# The authorities that Amazon Trust Services asks its customers to trust.
AUTHORITIES = re.compile(r'# Label: "(Amazon Root CA [1-4]|Starfield Services Root Certificate Authority - G2)"')

UTILITIES = ("jmespath_utils", "typing")
UNUSED = (
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/logging/buffer/handler.py",
    "aws_lambda_powertools/logging/correlation_paths.py",
    "aws_lambda_powertools/logging/formatters",
    "aws_lambda_powertools/logging/utils.py",
    "aws_lambda_powertools/metrics/metric.py",
    "aws_lambda_powertools/metrics/provider/datadog",
    "aws_lambda_powertools/middleware_factory",
    "aws_lambda_powertools/shared/cache_dict.py",
    "aws_lambda_powertools/shared/cookies.py",
    "aws_lambda_powertools/shared/dynamodb_deserializer.py",
    "aws_lambda_powertools/shared/headers_serializer.py",
    "aws_lambda_powertools/shared/json_encoder.py",
    "aws_lambda_powertools/utilities/jmespath_utils/envelopes.py",
    "aws_lambda_powertools/utilities/serialization.py",
    "bin",
    "boto3/crt.py",
    "boto3/data",
    "boto3/dynamodb",
    "boto3/ec2",
    "boto3/examples",
    "boto3/s3",
    "botocore/crt/auth.py",
    "botocore/docs/translator.py",
    "botocore/stub.py",
    "dateutil/easter.py",
    "dateutil/rrule.py",
    "dateutil/tz/win.py",
    "dateutil/tzwin.py",
    "dateutil/utils.py",
    "dateutil/zoneinfo",
    "s3transfer/crt.py",
    "s3transfer/processpool.py",
    "s3transfer/subscribers.py",
    "urllib3/contrib/emscripten",
    "urllib3/contrib/pyopenssl.py",
    "urllib3/contrib/socks.py",
    "urllib3/http2/connection.py",
)


def trim_models(data: Path) -> None:
    for entry in data.iterdir():
        if entry.is_dir() and entry.name not in SERVICES:
            shutil.rmtree(entry)
        elif entry.is_file() and entry.name not in DATA:
            entry.unlink()
    for service, (version, operations) in SERVICES.items():
        for folder in (data / service).iterdir():
            if folder.name != version:
                shutil.rmtree(folder)
        for file in (data / service / version).iterdir():
            kind = file.name.partition(".")[0]
            if kind in ("service-2", "endpoint-rule-set-1"):
                text = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
                model = undocumented(json.loads(text))
                if kind == "service-2":
                    model = with_operations(model, operations)
                write(file.with_name(f"{kind}.json"), model)
            if kind not in ("service-2", "endpoint-rule-set-1") or file.suffix == ".gz":
                file.unlink()
    write(data / "endpoints.json", of_services(json.loads((data / "endpoints.json").read_bytes()), SERVICES))


def add_models(botocore: Path) -> None:
    """Makes the models of `FEWER` from the trimmed one, each with the endpoints of DynamoDB."""
    service = Path("dynamodb", SERVICES["dynamodb"][0], "service-2.json")
    model = json.loads((botocore / "data" / service).read_bytes())
    endpoints = of_services(json.loads((botocore / "data" / "endpoints.json").read_bytes()), {"dynamodb"})
    for folder, operations in FEWER.items():
        target = botocore / folder / service
        target.parent.mkdir(parents=True)
        write(target, with_operations(model, operations))
        write(botocore / folder / "endpoints.json", endpoints)


def of_services(endpoints: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The endpoints of these services only."""
    partitions = [
        {**partition, "services": {name: of for name, of in partition["services"].items() if name in names}}
        for partition in endpoints["partitions"]
    ]
    return {**endpoints, "partitions": partitions}


def with_operations(model: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """The model with these operations only, and with the shapes that they use."""
    operations = {name: model["operations"][name] for name in sorted(names)}
    shapes: dict[str, Any] = {}
    waiting = list(shape_names(operations))
    while waiting:
        if (name := waiting.pop()) not in shapes:
            shapes[name] = model["shapes"][name]
            waiting += shape_names(shapes[name])
    return {**model, "operations": operations, "shapes": shapes}


def shape_names(node: Any) -> Iterator[str]:
    """The shapes that a part of a model names; a member called `shape` is not a name."""
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for value in node.values():
            yield from shape_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from shape_names(value)


def undocumented(model: Any) -> Any:
    """The model without its documentation; a member called `documentation` stays, since it is not a text."""
    if isinstance(model, dict):
        return {
            key: undocumented(value)
            for key, value in model.items()
            if not (key == "documentation" and isinstance(value, str))
        }
    if isinstance(model, list):
        return [undocumented(value) for value in model]
    return model


def trim_authorities(bundle: Path) -> None:
    # A certificate's comments precede it.
    entries = re.findall(r"(?:^#.*\n)+-----BEGIN[^#]*-----END CERTIFICATE-----\n", bundle.read_text(), re.MULTILINE)
    kept = [entry for entry in entries if AUTHORITIES.search(entry)]
    if len(kept) < 5:
        raise SystemExit(f"{bundle} lacks Amazon's authorities: botocore changed how it brings them; see {__file__}")
    bundle.write_text("\n".join(kept))


def write(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, separators=(",", ":")))


def trim_packages(folder: Path) -> None:
    """Fails if one of `UNUSED` is missing, so that somebody reviews an upgrade."""
    for name in UNUSED:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for entry in (folder / "aws_lambda_powertools" / "utilities").iterdir():
        if entry.is_dir() and entry.name not in UTILITIES:
            shutil.rmtree(entry)


def main(folder: Path) -> None:
    trim_packages(folder)
    trim_models(folder / "botocore" / "data")
    add_models(folder / "botocore")
    trim_authorities(folder / "botocore" / "cacert.pem")
    (folder / "TRIMMED.txt").write_text(str(__doc__))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
