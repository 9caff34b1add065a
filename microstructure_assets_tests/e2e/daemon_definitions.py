"""The project's own definitions with ticks a second apart, for the test with the real daemon."""

from __future__ import annotations

from microstructure_assets.definitions import build_defs

defs = build_defs(tick_seconds=1)
