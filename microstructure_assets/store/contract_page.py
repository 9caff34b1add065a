"""`docs/artifacts.md` as the contract says it; `make docs` writes it."""

from __future__ import annotations

import sys
from pathlib import Path

from microstructure_assets.store.contract import ARTIFACTS, SCHEMA_VERSION
from microstructure_assets.store.specs import ArtifactSpec

HEAD = f"""# Artifacts

Every artifact is a Dagster asset of the same name. Arrays are zarr v3 groups that `xarray.open_zarr` opens, tables are
parquet files that `pandas.read_parquet` and the DuckDB views of the same name read, documents are JSON.

```
microstructure path SCAN ARTIFACT [--tile t03] [--part TABLE]
```

Dimensions: `y, x` are the points of the scan (coordinates in µm, or in points where no step is known), `dy, dx` the
pixels of the detector, `roi` the regions of interest of a tile, `cluster` the clusters of a ROI (arrays are padded to
the largest ROI; `cluster_count` says how many hold), `k` principal components. Names, dimensions and columns listed
here are kept; more may be added. Schema version {SCHEMA_VERSION}. This page is written by the contract (`make docs`).
"""


def contract_markdown() -> str:
    """The page."""
    return "\n".join([HEAD, *(_section(spec) for spec in ARTIFACTS)])


def _section(spec: ArtifactSpec) -> str:
    lines = [f"## {spec.name}", "", f"{spec.title} One per {spec.per}. Code version {spec.code_version}."]
    if spec.dependencies:
        lines += ["", f"Made of: {', '.join(f'`{name}`' for name in spec.dependencies)}."]
    if spec.settings:
        lines += ["", f"Settings: {', '.join(f'`{name}`' for name in spec.settings)}."]
    if spec.variables:
        lines += ["", "| variable | dimensions | units | holds |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{item.name}` | {', '.join(item.dimensions)} | {item.units} | {item.description} |"
            for item in spec.variables
        ]
    for table in spec.tables:
        lines += [
            "",
            f"Table `{table.name}`: {table.description}. Columns {', '.join(f'`{name}`' for name in table.columns)}.",
        ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(contract_markdown(), encoding="utf-8")
