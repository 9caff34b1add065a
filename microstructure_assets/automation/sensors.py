"""The sensor that evaluates the assets' conditions."""

from __future__ import annotations

import dagster as dg

AUTOMATION_SENSOR = "automation"
TICK_SECONDS = 30


def automation_sensor(tick_seconds: int = TICK_SECONDS) -> dg.AutomationConditionSensorDefinition:
    """The sensor over all assets, on from the start."""
    return dg.AutomationConditionSensorDefinition(
        AUTOMATION_SENSOR,
        target="*",
        # A condition of our own is evaluated where our code is.
        use_user_code_server=True,
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=tick_seconds,
    )
