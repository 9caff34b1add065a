"""The web UI as a user meets it, in a real browser."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microstructure_assets.servers import start, stop
from microstructure_assets.store.home import HOME_VARIABLE, Home, prepare_home

pytestmark = pytest.mark.system


def run(home: Home, *words: str) -> str:
    """Run `microstructure` and return what it prints."""
    environment = {**os.environ, HOME_VARIABLE: str(home.root)}
    line = [sys.executable, "-m", "microstructure_assets.cli", *words]
    return subprocess.run(line, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running UI over a home with the nickel scan in it."""
    import kikuchipy.data

    home = prepare_home(Home(tmp_path_factory.mktemp("ui") / "home"))
    source = Path(kikuchipy.data.__file__).parent / "kikuchipy_h5ebsd" / "patterns.h5"
    run(home, "characterize", str(source), "--name", "nickel")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "microstructure_assets.cli", "ui", "--port", str(port)]
    server = start(command, {**os.environ, HOME_VARIABLE: str(home.root)})
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not answers(address):
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.5)
        yield address
    finally:
        stop([server])


def answers(address: str) -> bool:
    """Whether the server is there."""
    try:
        with urllib.request.urlopen(f"{address}/server_info", timeout=2):
            return True
    except OSError:
        return False


def ask(site: str, query: str) -> dict:  # type: ignore[type-arg]
    """Answer of the server to a GraphQL query."""
    request = urllib.request.Request(
        f"{site}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return dict(json.load(reply)["data"])


@pytest.fixture
def page(chromium: str, site: str, tmp_path: Path) -> Callable[[str], str]:
    """The DOM of a page after its scripts have run."""

    def load(path: str) -> str:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}"]
        flags += ["--window-size=1600,1200", "--virtual-time-budget=25000", "--dump-dom", f"{site}{path}"]
        return subprocess.run([chromium, *flags], capture_output=True, text=True, timeout=180).stdout

    return load


def test_the_lineage_shows_every_group(page: Callable[[str], str]) -> None:
    dom = page("/asset-groups")
    for name in ("patterns", "tiles", "segmentation", "reports", "settings"):
        assert f">{name}<" in dom, name
    assert "Join the Dagster community" not in dom


def test_a_groups_lineage_shows_its_assets(page: Callable[[str], str]) -> None:
    dom = page("/locations/microstructure_assets/asset-groups/tiles/lineage")
    for name in ("pca_scores", "gmm_clusters", "cnmf_weights", "weight_boundaries"):
        assert name in dom, name


def test_the_jobs_page_offers_characterize_and_configure(page: Callable[[str], str]) -> None:
    dom = page("/jobs")
    assert "characterize" in dom
    assert "configure" in dom


def test_an_asset_carries_its_picture_reason_and_hash(site: str) -> None:
    query = """{ assetNodeOrError(assetKey: {path: ["segmentation_map"]}) { ... on AssetNode {
        assetMaterializations(limit: 1) { partition metadataEntries { label
            ... on MarkdownMetadataEntry { mdStr } ... on TextMetadataEntry { text }
            ... on IntMetadataEntry { intValue }
        } } } } }"""
    event = ask(site, query)["assetNodeOrError"]["assetMaterializations"][0]
    entries = {entry["label"]: entry for entry in event["metadataEntries"]}
    assert event["partition"] == "nickel"
    assert entries["regions"]["intValue"] == 2
    assert entries["reason"]["text"] == "computed: first time"
    picture = re.search(r"data:image/png;base64,([A-Za-z0-9+/=]+)", entries["picture"]["mdStr"])
    assert picture
    assert len(picture.group(1)) * 3 / 4 <= 60_000


def test_the_daemon_runs_beside_the_server(site: str) -> None:
    deadline = time.monotonic() + 90
    healthy: dict[str, bool] = {}
    while time.monotonic() < deadline and not healthy.get("SENSOR"):
        answer = ask(site, "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }")
        healthy = {
            item["daemonType"]: item["healthy"] for item in answer["instance"]["daemonHealth"]["allDaemonStatuses"]
        }
        time.sleep(1)
    assert healthy["SENSOR"]
