"""Element maps of a scan, beside its patterns or its map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from microstructure_assets.assets.lane import lane
from microstructure_assets.assets.making import Maker
from microstructure_assets.assets.raw_states import states_of_manifest
from microstructure_assets.assets.views import ScanView
from microstructure_assets.store.draft import Draft


def fill_element_maps(view: ScanView, drafts: Mapping[str, Draft]) -> None:
    """The maps of all elements, and three of them as colours."""
    from microstructure_assets.acquisition.formats import open_scan
    from microstructure_assets.acquisition.raw_files import require_same
    from microstructure_assets.methods.chemistry import colour_composite, element_of, three_elements

    scan = open_scan(Path(view.scan.source), view.settings("acquisition"))
    states = states_of_manifest(view, scan)
    lines = list(scan.element_maps)
    counts = np.stack([np.asarray(scan.element_maps[line].read(), np.float32) for line in lines])
    elements = three_elements(view.settings("chemistry").colours)
    table = {
        "line": np.asarray(lines, object),
        "element": np.asarray([element_of(line) for line in lines], object),
        "unit": np.asarray([scan.element_maps[line].unit for line in lines], object),
        "mean": np.array([np.nanmean(own) if np.isfinite(own).any() else np.nan for own in counts]),
    }
    view.save(
        drafts["element_maps"],
        {"counts": counts, "rgb": colour_composite(counts, lines, elements)},
        tables={"elements": table},
        facts={"elements": ", ".join(sorted({str(name) for name in table["element"]})), "colours": " ".join(elements)},
        shown_tables={"elements": table, "colours": {"element": np.asarray(elements, object)}},
    )
    require_same(states, scan.files)


MAKERS = (Maker(("element_maps",), fill_element_maps),)

chemistry_lane = lane("chemistry", "chemistry", MAKERS)
