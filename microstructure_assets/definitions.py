"""The one place where assets, jobs, sensors and resources meet."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)

from microstructure_assets.assets.agreement import agreement_lane  # noqa: E402
from microstructure_assets.assets.chemistry import chemistry_lane  # noqa: E402
from microstructure_assets.assets.crystallography import crystallography_lane  # noqa: E402
from microstructure_assets.assets.latents import latent_lane  # noqa: E402
from microstructure_assets.assets.length_scale import length_scale_lane  # noqa: E402
from microstructure_assets.assets.patterns import scan_lane  # noqa: E402
from microstructure_assets.assets.reports import report_lane  # noqa: E402
from microstructure_assets.assets.segmentation import segmentation_lane  # noqa: E402
from microstructure_assets.assets.settings import scan_settings, tile_settings  # noqa: E402
from microstructure_assets.assets.tiles import tile_lane  # noqa: E402
from microstructure_assets.automation.notices import failure_sensor, quarantine_sensor  # noqa: E402
from microstructure_assets.automation.sensors import TICK_SECONDS, automation_sensor, left_behind_sensor  # noqa: E402
from microstructure_assets.automation.share_jobs import release_arrival, take_in  # noqa: E402
from microstructure_assets.automation.share_sensor import share_arrivals, share_sensor  # noqa: E402
from microstructure_assets.jobs import characterize, configure, latents  # noqa: E402
from microstructure_assets.resources import HomeResource, environment_compute  # noqa: E402


def build_defs(overrides: Mapping[str, Any] | None = None, tick_seconds: int = TICK_SECONDS) -> dg.Definitions:
    """Fresh definitions; tests, command line and production share this.

    Parameters
    ----------
    overrides : mapping, optional
        Resources to use in place of the standard ones.
    tick_seconds : int
        Shortest time between two looks at the shares, or evaluations of the automation conditions [s].
    """
    return dg.Definitions(
        assets=[
            share_arrivals,
            scan_settings,
            tile_settings,
            scan_lane,
            length_scale_lane,
            tile_lane,
            segmentation_lane,
            crystallography_lane,
            chemistry_lane,
            latent_lane,
            agreement_lane,
            report_lane,
        ],
        jobs=[characterize, latents, configure, take_in, release_arrival],
        sensors=[
            automation_sensor(tick_seconds),
            share_sensor([take_in, characterize], tick_seconds),
            left_behind_sensor(tick_seconds),
            failure_sensor(tick_seconds),
            quarantine_sensor(tick_seconds),
        ],
        resources={
            "home": HomeResource(root=""),
            "compute": environment_compute(),
            **(overrides or {}),
        },
        executor=dg.in_process_executor,
    )


defs = build_defs()
