"""A get as the Powertools for AWS Lambda guides show it: Logger, Metrics, a parser model, a boto3 resource."""

import os
from typing import Literal

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel, Field, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()
table = boto3.resource("dynamodb").Table(os.environ["SENTINEL_TABLE"])


class GetRequest(BaseModel):
    action: Literal["get"]
    id: str = Field(pattern="^[0-9a-f]{16}$")


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=GetRequest)
def handler(event: GetRequest, context: LambdaContext):
    item = table.get_item(Key={"id": event.id})["Item"]
    logger.info("get", extra={"id": event.id})
    metrics.add_metric(name="RequestsRead", unit=MetricUnit.Count, value=1)
    return {"id": item["id"], "status": item["status"], "duration_seconds": int(item["duration"]) // 10**9}
