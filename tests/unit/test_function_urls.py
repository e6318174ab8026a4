"""The record functions' URLs: off by default, and never without IAM authentication."""

from __future__ import annotations

from typing import Any

import pytest
from engines import ROOT
from sentinel.edge import Edge
from sentinel_sam.documents import parse

TEMPLATE: dict[str, Any] = parse((ROOT / "template.yaml").read_text())
URLS = {name: made for name, made in TEMPLATE["Resources"].items() if made["Type"] == "AWS::Lambda::Url"}
RECORDS = ["Requests", "Approvals", "BreakGlass", "Sessions"]


def test_each_record_function_has_one_and_no_other_function_has() -> None:
    assert list(URLS) == [f"{record}Url" for record in RECORDS]
    for record in RECORDS:
        alias, function = {"Ref": f"{record}Alias"}, {"Fn::GetAtt": [f"{record}Function", "Arn"]}
        assert URLS[f"{record}Url"]["Properties"]["TargetFunctionArn"] == {"Fn::If": ["HasSnapStart", alias, function]}


@pytest.mark.parametrize("name", URLS)
def test_a_url_is_made_on_demand_only_and_takes_signed_requests_only(name: str) -> None:
    assert TEMPLATE["Parameters"]["FunctionUrls"]["Default"] == "false"
    assert TEMPLATE["Conditions"]["HasFunctionUrls"] == {"Fn::Equals": [{"Ref": "FunctionUrls"}, "true"]}
    assert URLS[name]["Condition"] == "HasFunctionUrls"
    assert URLS[name]["Properties"]["AuthType"] == "AWS_IAM"
    output = TEMPLATE["Outputs"][name.replace("Url", "FunctionUrl")]
    assert output == {"Condition": "HasFunctionUrls", "Value": {"Fn::GetAtt": [name, "FunctionUrl"]}}


def test_nothing_lets_the_public_in() -> None:
    permissions = [made for made in TEMPLATE["Resources"].values() if made["Type"] == "AWS::Lambda::Permission"]
    assert all(made["Properties"]["Principal"] != "*" for made in permissions)


def test_an_unsigned_request_is_refused_by_the_function_too() -> None:
    """Even where somebody turns the authentication of a URL off by hand."""

    class Silent:
        def __getattr__(self, name: str) -> Any:
            return lambda *_, **__: None

    edge = Edge(logger=Silent(), metrics=Silent(), counts={})
    assert edge({"requestContext": {"authorizer": None}, "body": "{}"}, None)["statusCode"] == 403
