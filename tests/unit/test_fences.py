"""The fence before each write to a table says until when that write can take effect: a successor waits for it."""

from __future__ import annotations

import pytest
from provisioner_function import Deployment
from provisioning import declare


@pytest.mark.parametrize("faults", [0, 1, 5, 8])
def test_a_write_to_a_table_follows_its_fence_at_once_also_where_the_ledger_was_slow(faults: int) -> None:
    with Deployment() as shop:
        shop.deploy(declare(Tags=[{"Key": "version", "Value": "1"}]))
        shop.aws.clock.sleep(3600.0)
        if faults:
            shop.aws.faults.on("PutItem", times=faults, error="throttled")
        assert shop.deploy(declare(Tags=[{"Key": "version", "Value": "2"}])).complete
        tagged = shop.aws.journal.of("TagResource")[-1]
        fence = [call for call in shop.aws.journal.of("PutItem") if call.effect][-1]
        busy_until = float(fence.params["Item"]["busy_until"]["N"])
        # 3 s to connect, 15 s to read: after that it cannot take effect any more.
        assert busy_until - tagged.at >= 18.0
