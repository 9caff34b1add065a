"""The sensor that looks at the shares, has what is whole taken in, and has every new scan characterised."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from microstructure_assets.acquisition.shares.intake import declared_files, put_back
from microstructure_assets.acquisition.shares.ledger import Arrival, Ledger
from microstructure_assets.acquisition.shares.listing import reader_of
from microstructure_assets.acquisition.shares.polling import poll
from microstructure_assets.acquisition.shares.settings import Share, Shares
from microstructure_assets.automation.under_way import ACTIVE
from microstructure_assets.errors import InputError
from microstructure_assets.partitions import scan_partitions
from microstructure_assets.store.content import hash_json
from microstructure_assets.store.home import Home, prepare_home, resolve_home

SHARE_SENSOR = "shares"
SHARE_TAG = "microstructure/share"
TAKE_IN, CHARACTERIZE = "take_in", "characterize"
#: Of all shares together in one tick; Dagster ends one after 60 s, and then nothing of it counts.
TICK_BUDGET_S = 15.0
MOST_SHOWN = 100

share_arrivals = dg.AssetSpec(
    "share_arrivals",
    group_name="acquisition",
    description="What came to the shares: taken in as scans, waited for, or in quarantine with the reason. Its newest "
    "event lists what is in quarantine; `microstructure inbox` shows the same, and `release_arrival` tries one again.",
    kinds={"table"},
    owners=["team:microscopy"],
)


@dataclass(frozen=True)
class _Cursor:
    """What the last tick had dealt with: moments of the newest scan asked for, and a hash of what was last told."""

    taken: float = 0.0
    told: str = ""

    @classmethod
    def read(cls, text: str | None) -> _Cursor:
        return cls(**json.loads(text)) if text else cls()

    def text(self) -> str:
        return json.dumps({"taken": self.taken, "told": self.told})


def share_sensor(jobs: Sequence[Any], tick_seconds: int) -> dg.SensorDefinition:
    """The sensor, on from the start.

    Parameters
    ----------
    jobs : sequence of job
        `take_in` and `characterize`.
    tick_seconds : int
        Shortest time between two looks [s].
    """

    @dg.sensor(
        name=SHARE_SENSOR,
        jobs=jobs,
        minimum_interval_seconds=tick_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at every share; asks for `take_in` where something is whole, and for `characterize` of each "
        "new scan.",
    )
    def shares(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return look(context.instance, prepare_home(resolve_home()), context.cursor, context.log)

    return shares


def look(instance: dg.DagsterInstance, home: Home, cursor_text: str | None, log: Any) -> dg.SensorResult:
    """One tick: look at every share for its part of the time, then ask for what is due.

    Only the ledger is written, and with the same observations a second time it would be written the same.
    """
    ledger, cursor = Ledger(home), _Cursor.read(cursor_text)
    shares, errors = _polled(home, ledger, log)
    requests = [_take_in(share) for share in shares if _to_be_taken(instance, ledger, share)]
    arrivals = ledger.arrivals()
    new = [arrival for arrival in arrivals if arrival.state == "taken" and arrival.since > cursor.taken]
    requests += [_characterize(arrival) for arrival in new]
    told = hash_json([errors, [[arrival.key, arrival.state, arrival.reason] for arrival in arrivals]])
    events = [_account(arrivals, errors)] if told != cursor.told else []
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[scan_partitions.build_add_request([str(arrival.scan) for arrival in new])],
        asset_events=events,
        cursor=_Cursor(max([cursor.taken, *(arrival.since for arrival in new)]), told).text(),
    )


def _polled(home: Home, ledger: Ledger, log: Any) -> tuple[list[Share], dict[str, str]]:
    """Every share, and what kept some from being read."""
    shares = Shares(home).all()
    errors = {}
    for share in shares:
        try:
            seen = poll(
                share,
                ledger,
                reader_of(share),
                TICK_BUDGET_S / len(shares),
                declared=declared_files(home, share),
            )
        except InputError as error:
            errors[share.name] = str(error)
        else:
            if seen.error:
                errors[share.name] = seen.error
        if share.name in errors:
            log.warning(f"share {share.name}: {errors[share.name]}")
    return shares, errors


def _to_be_taken(instance: dg.DagsterInstance, ledger: Ledger, share: Share) -> bool:
    """Whether something is ready and nobody is at it; what an ended process left is made ready again."""
    running = dg.RunsFilter(job_name=TAKE_IN, statuses=ACTIVE, tags={SHARE_TAG: share.name})
    if instance.get_runs_count(running):
        return False
    put_back(ledger, share.name, time.time())
    return bool(ledger.arrivals("ready", share=share.name))


def _take_in(share: Share) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=TAKE_IN,
        run_config={"ops": {"take_in_share": {"config": {"share": share.name}}}},
        tags={SHARE_TAG: share.name},
    )


def _characterize(arrival: Arrival) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=CHARACTERIZE,
        partition_key=arrival.scan,
        run_key=f"{arrival.scan}:{arrival.since}",
        tags={SHARE_TAG: arrival.share},
    )


def _account(arrivals: Sequence[Arrival], errors: dict[str, str]) -> dg.AssetMaterialization:
    """The event that tells in the UI what stands where."""
    counts = dict.fromkeys(("waiting", "ready", "taking", "taken", "quarantined"), 0)
    for arrival in arrivals:
        counts[arrival.state] += 1
    aside = [arrival for arrival in arrivals if arrival.state == "quarantined"]
    rows = [
        dg.TableRecord({"arrival": arrival.key, "reason": arrival.reason, "since": _moment(arrival.since)})
        for arrival in aside[:MOST_SHOWN]
    ]
    metadata: dict[str, Any] = {**counts, **{f"share {name}": text for name, text in errors.items()}}
    if rows:
        metadata["quarantine"] = dg.MetadataValue.table(rows)
    if len(aside) > MOST_SHOWN:
        metadata["not_shown"] = len(aside) - MOST_SHOWN
    return dg.AssetMaterialization("share_arrivals", metadata=metadata)


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
