"""Sending an answer to CloudFormation: a PUT to a presigned URL, through a proxy where there is one."""

from __future__ import annotations

import os
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import urllib3
from botocore.httpsession import DEFAULT_CA_BUNDLE
from botocore.utils import get_environ_proxies
from sentinel.partitions import is_aws_host

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 4
# S3 redirects for a while where a bucket is new (307); more than one hop is not S3's.
REDIRECTS = 2
TIMEOUT = urllib3.Timeout(connect=3, read=5)


def trusted_authorities(warn: Callable[[str], None]) -> ssl.SSLContext:
    """The trusted certificate authorities, as for every AWS call: those of AWS_CA_BUNDLE, or botocore's.

    If the bundle cannot be read, this warns and uses botocore's: without an answer, the stack would wait for an hour
    and not learn what is wrong. The system's own authorities are not loaded: that takes longer than all the looks at a
    table.
    """
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        try:
            return ssl.create_default_context(cafile=bundle)
        except OSError as error:  # ssl.SSLError is one too
            warn(f"AWS_CA_BUNDLE cannot be read ({type(error).__name__}); the answer is sent with botocore's bundle.")
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE)


def put_answer(
    url: str, body: bytes, *, sleep: Callable[[float], None] = time.sleep, warn: Callable[[str], None] = lambda _: None
) -> int:
    """Sends an answer to a presigned URL; gives the HTTP status, 0 where nothing got through. 2xx is delivered.

    Timeouts and four tries with growing pauses, within a minute in all, unlike crhelper's sender, which has no timeout
    and never gives up. A 4xx is final: the URL has expired or is invalid. A redirect is followed by
    the same PUT, once or twice, over HTTPS to the same bucket and nowhere else.
    The proxy is HTTPS_PROXY's (botocore's rules, NO_PROXY included).
    """
    context, status = trusted_authorities(warn), 0
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(2.0**attempt / 2)
        try:
            status = _put(url, body, context)
        except (urllib3.exceptions.HTTPError, ValueError) as error:  # ValueError: an invalid URL of a proxy
            warn(f"The answer did not get through: {type(error).__name__}.")
            status = 0
        if 0 < status < 500:
            break
    return status


def _put(url: str, body: bytes, context: ssl.SSLContext) -> int:
    status = 0
    for _ in range(REDIRECTS + 1):
        # No content type: it is part of what the URL's signature covers.
        answer = _pool(url, context).request(
            "PUT", url, body=body, headers={"content-type": ""}, retries=False, redirect=False
        )
        status = answer.status
        target = urljoin(url, answer.headers.get("location", ""))
        if status not in (307, 308) or not _same_bucket(url, target):
            break
        url = target
    return status


def _pool(url: str, context: ssl.SSLContext) -> Any:
    proxies: dict[str, str] = get_environ_proxies(url)
    proxy = proxies.get(urlsplit(url).scheme)
    if proxy:
        headers = None
        if "@" in proxy:
            headers = urllib3.make_headers(proxy_basic_auth=urllib3.util.parse_url(proxy).auth)
        return urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=context, timeout=TIMEOUT)
    return urllib3.PoolManager(ssl_context=context, timeout=TIMEOUT)


def _same_bucket(url: str, target: str) -> bool:
    """Whether a redirect stays with the bucket: over HTTPS, on the same host or on AWS's under the same first name."""
    before, after = urlsplit(url), urlsplit(target)
    mine, theirs = before.hostname or "", after.hostname or ""
    if not before.scheme == after.scheme == "https":
        return False
    return mine == theirs or (is_aws_host(theirs) and mine.partition(".")[0] == theirs.partition(".")[0])
