"""The sensor that evaluates the assets' conditions, and the one that clears away runs whose process is gone."""

from __future__ import annotations

import dagster as dg

from microstructure_assets.automation.under_way import runs_left_behind

LEFT_BEHIND_SENSOR = "runs_left_behind"
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


def left_behind_sensor(tick_seconds: int = TICK_SECONDS) -> dg.SensorDefinition:
    """The sensor that fails runs which a power cut or a kill left as started, on from the start."""

    @dg.sensor(
        name=LEFT_BEHIND_SENSOR,
        minimum_interval_seconds=tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs as failed whose process on this machine is gone, so that they hold nothing up; what "
        "they had finished is kept, and automation asks for the rest.",
    )
    def left_behind(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        left = runs_left_behind(context.instance)
        for run in left:
            context.instance.report_run_failed(run, "Its process is gone without a word: killed, or a power cut.")
            context.log.warning(f"run {run.run_id} ({run.job_name}): its process is gone; marked as failed")
        return dg.SkipReason(f"{len(left)} runs were left behind")

    return left_behind
