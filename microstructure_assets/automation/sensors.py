"""The sensor that evaluates the assets' conditions."""

from __future__ import annotations

import dagster as dg

from microstructure_assets.automation.conditions import AUTOMATION_SENSOR

automation_sensor = dg.AutomationConditionSensorDefinition(
    AUTOMATION_SENSOR,
    target="*",
    # A condition of our own is evaluated where our code is.
    use_user_code_server=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
