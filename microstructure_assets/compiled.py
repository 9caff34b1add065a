"""Compiled code on disk, which several processes may write at once.

numba numbers the files of a function's variants without a lock: of two processes that compile different variants at the
same time one may end up with the other's code under its own name, and from then on every process that loads it
crashes. A platform whose runs are processes meets this on its first day, when nothing is compiled yet.
"""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType
from typing import Any

WAIT_SECONDS = 60


def lock_compiled_code() -> None:
    """From now on in this process, variants are saved one at a time, also those of other libraries; imports nothing."""
    import wrapt

    wrapt.register_post_import_hook(_lock_saves, "numba.core.caching")


def _lock_saves(module: ModuleType) -> None:
    """Saving reads an index, writes it back with a new name, and writes the code under that name."""
    cache = module.IndexDataCacheFile
    save = cache.save

    @functools.wraps(save)
    def locked(self: Any, key: Any, data: Any) -> None:
        from filelock import FileLock, Timeout

        # What is not saved is compiled again, while a wrong file would stay; some network disks know no locks.
        with (
            contextlib.suppress(Timeout, OSError, NotImplementedError),
            FileLock(f"{self._index_path}.lock", timeout=WAIT_SECONDS),
        ):
            save(self, key, data)

    cache.save = locked
