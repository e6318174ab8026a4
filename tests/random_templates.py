"""What tests of random templates share: how they draw, and the resource that lets a stack be without its tables."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

# Not shrunk: each example is one deploy or several. The same examples each time, since CI must not depend on chance.
DEPLOYED = settings(deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
ALWAYS = {"Always": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "a stack needs one"}}}
