"""The jobs of shares: take in what is whole (asked for by the sensor), release what is in quarantine (by a person)."""

import time

import dagster as dg
from pydantic import Field

from microstructure_assets.automation.share_sensor import TAKE_IN
from microstructure_assets.automation.under_way import tell_process
from microstructure_assets.resources import HomeResource


class ShareForm(dg.Config):
    """Which share."""

    share: str = Field("inbox", description="Name of the share, as `microstructure shares list` shows it")


class ReleaseForm(dg.Config):
    """What to release."""

    arrival: str = Field(description="Share and path, as the newest event of share_arrivals shows it: inbox/scan.h5")
    name: str = Field("", description="Another name for the scan; empty = made of the file's")


@dg.op
def take_in_share(context: dg.OpExecutionContext, config: ShareForm, home: HomeResource) -> None:
    """Copy, check and register everything of a share that is ready; what cannot be taken goes to quarantine."""
    from microstructure_assets.acquisition.shares.intake import take_in_all
    from microstructure_assets.acquisition.shares.settings import Shares

    tell_process(context.instance, context.run_id)
    own = home.store().home
    for outcome in take_in_all(own, Shares(own).get(config.share)):
        arrival = outcome.arrival
        say = context.log.warning if arrival.state == "quarantined" else context.log.info
        say(f"{arrival.key}: {arrival.state} ({arrival.reason})")


@dg.job(
    name=TAKE_IN,
    executor_def=dg.in_process_executor,
    description="Copy, check and register what is whole on a share. The sensor `shares` asks for it.",
    # What was broken off is made ready again by the sensor, with its own count of attempts.
    tags={"dagster/max_retries": "0"},
)
def take_in() -> None:
    """One share at a time, its arrivals one after another."""
    take_in_share()


@dg.op
def release(context: dg.OpExecutionContext, config: ReleaseForm, home: HomeResource) -> None:
    """Make an arrival in quarantine ready again."""
    from microstructure_assets.acquisition.shares.intake import release as release_one

    share, _, path = config.arrival.partition("/")
    arrival = release_one(home.store().home, share, path, time.time(), config.name or None)
    context.log.info(f"{arrival.key}: {arrival.reason}")


@dg.job(
    executor_def=dg.in_process_executor,
    description="Try again what is in quarantine, under another name if one is given.",
    tags={"dagster/max_retries": "0"},
)
def release_arrival() -> None:
    """The launchpad is the form."""
    release()
