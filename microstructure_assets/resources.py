"""Dagster resources: the home's store, and the launchpad form of the settings."""

from __future__ import annotations

import os
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from pydantic import Field, create_model

from microstructure_assets.compute import DASK_VARIABLE, DEVICE_VARIABLE, PROCESSOR, Compute, compute_at
from microstructure_assets.memory import DEFAULT_GIB, MEMORY_VARIABLE, memory_limit
from microstructure_assets.settings import settings_groups
from microstructure_assets.store.home import HOME_VARIABLE, Home, prepare_home, resolve_home
from microstructure_assets.store.store import Store


class HomeResource(dg.ConfigurableResource):
    """The home that runs work on; empty = as the environment says."""

    root: str = Field(
        "",
        description="Folder of the home; empty = MICROSTRUCTURE_HOME, else data/ of the checkout, or ~/microstructure",
    )

    def store(self) -> Store:
        """The store of this home."""
        return Store(prepare_home(resolve_home(self.root or None)))


class ComputeResource(dg.ConfigurableResource):
    """Where blocks of work run, in how much memory and on what."""

    dask: str = Field(
        "", description=f"Address of a Dask scheduler, as tcp://host:8786; empty = {DASK_VARIABLE}, else this machine"
    )
    memory_limit_gib: str = Field(
        "",
        description=f"Memory of each process that works [GiB], at least 1; empty = {MEMORY_VARIABLE}, else "
        f"{DEFAULT_GIB:g}",
    )

    device: str = Field(
        "",
        description="cpu, or a graphics processor as cuda or cuda:1, for the methods that can use one; empty = "
        f"{DEVICE_VARIABLE}, else {PROCESSOR}",
    )

    def compute(self) -> Compute:
        """This machine, or the cluster."""
        memory = memory_limit(self.memory_limit_gib or os.environ.get(MEMORY_VARIABLE, ""))
        device = self.device or os.environ.get(DEVICE_VARIABLE, "") or PROCESSOR
        return compute_at(self.dask or os.environ.get(DASK_VARIABLE, ""), memory, device)


def environment_compute() -> ComputeResource:
    """The place of work that the environment says."""
    return ComputeResource(dask="", memory_limit_gib="", device="")


def settings_form() -> type[dg.Config]:
    """The launchpad form of every setting: one optional text field each, with default, bounds and description.

    Every field is a text, so that an empty one can say "leave as it is" and ``default`` "take my value away".
    """
    fields: dict[str, Any] = {}
    for group, model in settings_groups().items():
        for name, info in model.model_fields.items():
            help_text = (
                f"{group}.{name}: {info.description}. Default: {'none' if info.default is None else info.default}"
            )
            fields[f"{group}__{name}"] = (str, Field("", description=help_text))
    tile = (str, Field("", description="Slot (t03) or named region's slot (r00) to set; empty = the whole scan"))
    return create_model("SettingsForm", __base__=dg.Config, tile=tile, **fields)


def changes_of(form: dg.Config) -> dict[str, str]:
    """The settings that a filled form changes, by full name."""
    values = form.model_dump() if hasattr(form, "model_dump") else dict(form)
    return {name.replace("__", "."): value for name, value in values.items() if "__" in name and value != ""}


def open_instance(home: Home, *, capture_output: bool = True) -> dg.DagsterInstance:
    """Dagster's instance of a home, in this process and for its children.

    Without ``capture_output`` what runs print goes to the terminal instead of Dagster's logs: its capture takes the
    terminal away, and with it the progress bars.

    The first one is made under a lock: several first starts at once would leave SQLite's schema broken for good.
    """
    prepare_home(home)
    os.environ[HOME_VARIABLE] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with home.lock("instance"):
        nowhere = {"module": "dagster.core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
        instance = dg.DagsterInstance.from_ref(
            InstanceRef.from_dir(str(home.dagster), overrides=None if capture_output else {"compute_logs": nowhere})
        )
        # The event log's schema is made at its first use, so it is used while the lock is held.
        instance.get_dynamic_partitions("scan")
        instance.all_asset_keys()
    return instance
