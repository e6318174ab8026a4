"""AWS's own hosts are known in every partition, and a ResponseURL's host is held against its region's."""

from __future__ import annotations

import pytest
from sentinel.partitions import dns_suffix, is_aws_host, response_host_of

SUFFIXES = {
    "us-east-1": "amazonaws.com",
    "eu-central-1": "amazonaws.com",
    "mx-central-1": "amazonaws.com",
    "us-gov-west-1": "amazonaws.com",
    "cn-north-1": "amazonaws.com.cn",
    "eusc-de-east-1": "amazonaws.eu",
    "us-iso-east-1": "c2s.ic.gov",
    "us-isob-east-1": "sc2s.sgov.gov",
    "eu-isoe-west-1": "cloud.adc-e.uk",
    "us-isof-south-1": "csp.hci.ic.gov",
    "somewhere-new-1": "amazonaws.com",  # what nobody knows is the commercial partition, as it is for botocore
}
BUCKET = "cloudformation-custom-resource-response"


@pytest.mark.parametrize(("region", "suffix"), SUFFIXES.items())
def test_each_region_has_its_partitions_domain(region: str, suffix: str) -> None:
    assert dns_suffix(region) == suffix
    assert is_aws_host(f"dynamodb.{region}.{suffix}")


@pytest.mark.parametrize(("region", "suffix"), SUFFIXES.items())
@pytest.mark.parametrize("s3", ["s3", "s3-{}", "s3.{}"])
def test_cloudformations_answer_goes_to_a_response_bucket_of_the_regions_partition(
    region: str, suffix: str, s3: str
) -> None:
    host = response_host_of(region)
    assert host.fullmatch(f"{BUCKET}-{region.replace('-', '')}.{s3.format(region)}.{suffix}")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eusc-de-east-1", f"{BUCKET}-useast1.s3.amazonaws.com"),  # another partition's
        ("us-east-1", f"{BUCKET}-useast1.s3.amazonaws.eu"),
        ("us-east-1", f"{BUCKET}-useast1.s3.amazonaws.com.cn"),
        ("us-east-1", f"{BUCKET}-useast1.s3.amazonaws.com.evil.example"),
        ("us-east-1", f"{BUCKET}-useast1.s3.evil.example/amazonaws.com"),
        ("us-east-1", f"{BUCKET}-useast1.s3xamazonaws.com"),
        ("us-east-1", "somebody-elses-bucket.s3.amazonaws.com"),
        ("us-east-1", f"user@{BUCKET}-useast1.s3.amazonaws.com"),
        ("us-east-1", f"{BUCKET}-useast1.s3.amazonaws.com:8443"),
        ("us-east-1", ""),
    ],
)
def test_no_other_host_is_answered(region: str, host: str) -> None:
    assert not response_host_of(region).fullmatch(host)


@pytest.mark.parametrize(
    "host", ["dynamodb.us-east-1.api.aws", "123.ddb.us-east-1.amazonaws.com", "DYNAMODB.EU.AMAZONAWS.EU"]
)
def test_dual_stack_and_account_endpoints_are_awss(host: str) -> None:
    assert is_aws_host(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "dynamodb", "notamazonaws.com", "amazonaws.com.example"])
def test_an_endpoint_of_ones_own_is_not_awss(host: str) -> None:
    assert not is_aws_host(host)
