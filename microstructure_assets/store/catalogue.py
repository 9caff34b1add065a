"""DuckDB views over the tables of every scan, in a connection in memory: any number of readers, no file to lock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microstructure_assets.store.contract import ARTIFACTS
from microstructure_assets.store.home import resolve_home
from microstructure_assets.store.scans import ScanRegistry
from microstructure_assets.store.store import Store
from microstructure_assets.store.tiles import tiles_of

if TYPE_CHECKING:
    import duckdb


def connect(home: str | os.PathLike[str] | None = None) -> duckdb.DuckDBPyConnection:
    """Open the catalogue.

    Parameters
    ----------
    home : path, optional
        Folder of the home; as `resolve_home` finds it by default.

    Returns
    -------
    duckdb.DuckDBPyConnection
        With the view ``artifacts`` (a row per artifact that stands: scan, tile, artifact, content_hash, reason,
        created, path) and one view per table of the contract,
        named ``<artifact>_<table>`` and, where no other artifact has a
        table of that name, ``<table>``; each with the columns ``scan`` and ``tile`` in front.
    """
    import duckdb
    import pyarrow

    rows = _rows(Store(resolve_home(home)))
    # DuckDB 2 opens files by names found in a query; the views below name theirs, nothing else is wanted.
    connection = duckdb.connect(":memory:")
    columns = {
        name: [row[name] for row in rows]
        for name in ("scan", "tile", "artifact", "content_hash", "reason", "created", "path")
    }
    schema = pyarrow.schema([(name, pyarrow.string()) for name in columns])
    connection.register("artifact_rows", pyarrow.table(columns, schema=schema))
    connection.execute("CREATE TABLE artifacts AS SELECT * FROM artifact_rows")
    connection.unregister("artifact_rows")
    names = [table.name for spec in ARTIFACTS for table in spec.tables]
    for spec in ARTIFACTS:
        for table in spec.tables:
            files = [
                (row, Path(row["folder"]) / f"{table.name}.parquet") for row in rows if row["artifact"] == spec.name
            ]
            _create_view(connection, f"{spec.name}_{table.name}", files, table.columns)
            if names.count(table.name) == 1:
                connection.execute(f'CREATE VIEW "{table.name}" AS SELECT * FROM "{spec.name}_{table.name}"')
    return connection


def _rows(store: Store) -> list[dict[str, Any]]:
    rows = []
    registry = ScanRegistry(store.home)
    for scan in registry.names():
        tiles = list(tiles_of(store, registry.get(scan)) or {})
        for spec in ARTIFACTS:
            for tile in tiles if spec.per == "tile" else [None]:
                head, artifact = store.head(scan, spec.name, tile), store.find(scan, spec.name, tile)
                if head and artifact:
                    rows.append(
                        {
                            "scan": scan,
                            "tile": tile,
                            "artifact": spec.name,
                            "content_hash": head.content_hash,
                            "reason": head.reason,
                            "created": head.created,
                            "path": str(artifact.path),
                            "folder": str(artifact.folder),
                        }
                    )
    return rows


def _create_view(
    connection: duckdb.DuckDBPyConnection, name: str, files: list[tuple[dict[str, Any], Path]], columns: tuple[str, ...]
) -> None:
    files = [(row, path) for row, path in files if path.is_file()]
    if not files:
        empty = ", ".join(f'NULL AS "{column}"' for column in ("scan", "tile", *columns))
        connection.execute(f'CREATE VIEW "{name}" AS SELECT {empty} WHERE false')
        return
    import pyarrow

    # Two scans may share one file (equal content), so files are joined to the rows that name them.
    places = pyarrow.table(
        {
            "filename": [str(path) for _, path in files],
            "scan": [row["scan"] for row, _ in files],
            "tile": pyarrow.array([row["tile"] for row, _ in files], type=pyarrow.string()),
        }
    )
    connection.register("place_rows", places)
    connection.execute(f'CREATE TABLE "{name}_places" AS SELECT * FROM place_rows')
    connection.unregister("place_rows")
    paths = sorted({str(path) for _, path in files})
    quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    connection.execute(
        f'CREATE VIEW "{name}" AS SELECT p.scan, p.tile, t.* EXCLUDE (filename) '
        f"FROM read_parquet([{quoted}], filename = true, union_by_name = true) AS t "
        f'JOIN "{name}_places" AS p USING (filename)'
    )
