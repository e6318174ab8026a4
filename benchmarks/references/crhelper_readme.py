"""crhelper's README example, without its poll function, which would set up polling with nothing to wait for."""

import logging

from crhelper import CfnResource

logger = logging.getLogger(__name__)
helper = CfnResource(json_logging=False, log_level="DEBUG", boto_level="CRITICAL", sleep_on_delete=120, ssl_verify=None)


@helper.create
def create(event, context):
    logger.info("Got Create")
    helper.Data.update({"test": "testdata"})
    if not helper.Data.get("test"):
        raise ValueError("this error will show in the cloudformation events log and console.")
    return "MyResourceId"


@helper.update
def update(event, context):
    logger.info("Got Update")


@helper.delete
def delete(event, context):
    logger.info("Got Delete")


def handler(event, context):
    helper(event, context)
