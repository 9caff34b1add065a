"""Whether the raw files are still those that the manifest was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microstructure_assets.assets.views import ScanView
from microstructure_assets.store.content import hash_json

if TYPE_CHECKING:
    from microstructure_assets.acquisition.scan import Scan

# Sizes and times of the raw files: a note of the manifest, no part of its content, so that files that were only
# touched or copied change nothing.
STATE = "raw_files_state"


def states_of_manifest(view: ScanView, scan: Scan) -> list[tuple[str, int, int]]:
    """States of the raw files, which are those that the manifest was made of."""
    from microstructure_assets.acquisition.raw_files import CHANGED, RawFilesChanged, file_states

    states, manifest = file_states(scan.files), view.standing("scan_manifest")
    known = manifest.notes.get(STATE) if manifest else None
    if known is not None and known != hash_json(states):  # manifests from before this fact was written lack it
        latest = max(states, key=lambda state: state[2])[0]
        raise RawFilesChanged(
            f"{scan.path}: found other sizes or times of its {len(states)} files than when they were hashed (the one "
            f"changed last: {latest}), expected the same; {CHANGED}"
        )
    return states
