"""The sensors that tell people of failed runs and of what came into quarantine."""

from __future__ import annotations

from typing import Any

import dagster as dg

from microstructure_assets.acquisition.shares.ledger import Ledger
from microstructure_assets.automation.under_way import PARTITION_TAG
from microstructure_assets.notices import NoticeFailed, send
from microstructure_assets.store.home import prepare_home, resolve_home

MOST_LISTED = 20


def failure_sensor(tick_seconds: int) -> dg.SensorDefinition:
    """The sensor that tells of each failed run; nothing is sent where the environment names nobody."""

    @dg.run_failure_sensor(
        name="failure_notices",
        minimum_interval_seconds=tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of failed runs, by webhook (MICROSTRUCTURE_WEBHOOK) or mail (MICROSTRUCTURE_MAIL).",
    )
    def failure_notices(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        of = f" of {run.tags[PARTITION_TAG]}" if PARTITION_TAG in run.tags else ""
        _tell(context.log, f"run failed: {run.job_name}{of}", f"run {run.run_id}\n{context.failure_event.message}")

    return failure_notices


def quarantine_sensor(tick_seconds: int) -> dg.SensorDefinition:
    """The sensor that tells of what came into quarantine since it last did."""

    @dg.sensor(
        name="quarantine_notices",
        minimum_interval_seconds=tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of what came into quarantine: by MICROSTRUCTURE_WEBHOOK or MICROSTRUCTURE_MAIL.",
    )
    def quarantine_notices(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        told = float(context.cursor or 0)
        aside = Ledger(prepare_home(resolve_home())).arrivals("quarantined")
        new = sorted((one for one in aside if one.since > told), key=lambda one: one.since)
        if not new:
            return dg.SkipReason("nothing new in quarantine")
        lines = [f"{arrival.key}: {arrival.reason}" for arrival in new[:MOST_LISTED]]
        if len(new) > MOST_LISTED:
            lines.append(f"and {len(new) - MOST_LISTED} more: microstructure inbox list")
        _tell(context.log, f"{len(new)} in quarantine", "\n".join(lines))
        context.update_cursor(str(new[-1].since))
        return dg.SkipReason(f"{len(new)} new in quarantine")

    return quarantine_notices


def _tell(log: Any, subject: str, text: str) -> None:
    """Send; a mail server that is down must not have the same run told again and again."""
    try:
        ways = send(f"microstructure: {subject}", text)
    except NoticeFailed as error:
        log.error(f"not told: {error}")
    else:
        log.info(f"told by {' and '.join(ways)}" if ways else "nobody to tell")
