"""AWS's partitions: which hosts are AWS's own, and where CloudFormation takes its answers.

The suffixes are those of botocore's own list (`aws`, `aws-cn`, `aws-eusc`, `aws-iso` …), so a partition that botocore
learns is known here too. A region that fits none of them counts as `aws`, as it does for botocore.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.loaders import create_loader

# CloudFormation's buckets are named after the region; S3 hosts may name it too: `.s3.`, `.s3-eu-west-1.`, `.s3.eu-….`
RESPONSE_BUCKET = r"cloudformation-custom-resource-response-[a-z0-9-]+\.s3(?:[.-][a-z0-9-]+)?"


@cache
def _partitions() -> list[dict[str, Any]]:
    partitions: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    return partitions


def dns_suffix(region: str) -> str:
    """The domain of a region's services, such as `amazonaws.com` or `amazonaws.eu`."""
    found = (p for p in _partitions() if region in p["regions"] or re.fullmatch(p["regionRegex"], region))
    return str(next(found, _partitions()[0])["outputs"]["dnsSuffix"])


def is_aws_host(host: str) -> bool:
    """Whether a host name (without a port) is one of AWS's, in whatever partition."""
    suffixes = {p["outputs"][kind] for p in _partitions() for kind in ("dnsSuffix", "dualStackDnsSuffix")}
    return any(host.lower().endswith(f".{suffix}") for suffix in suffixes)


def response_host_of(region: str) -> re.Pattern[str]:
    """What the host of a ResponseURL fully matches: a response bucket of CloudFormation in the region's partition."""
    return re.compile(rf"{RESPONSE_BUCKET}\.{re.escape(dns_suffix(region))}")
