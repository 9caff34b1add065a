"""System tests need programs that pip does not bring; `make test-system` installs them and allows no skip."""

from __future__ import annotations

import os
import shutil

import pytest

ASKED_FOR = bool(os.environ.get("MICROSTRUCTURE_SYSTEM_TESTS"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser."""
    if not ASKED_FOR:
        pytest.skip("needs a browser: run `make test-system`")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium found; `make test-system` installs it"
    return found
