"""The least there is: a client at module level, one get."""

import os

import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    answer = client.get_item(TableName=os.environ["SENTINEL_TABLE"], Key={"id": {"S": event["id"]}})
    return {"id": answer["Item"]["id"]["S"], "status": answer["Item"]["status"]["S"]}
