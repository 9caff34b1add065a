"""Where a method runs: the compiled kernels of the processor, or torch on a device that is named.

Methods take the name. The compiled kernels are the default and need no torch, which is loaded only for the others.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from microstructure_assets.errors import InputError

if TYPE_CHECKING:
    import torch

#: The compiled kernels.
COMPILED = "cpu"
#: The code of the graphics processor, on the processor: slower than the compiled kernels, there for tests.
TORCH_ON_PROCESSOR = "torch-cpu"

_precision_lock = threading.Lock()
_precision_users = 0
_precision_before: tuple[str, str] = ("", "")


class DeviceUnavailable(InputError, RuntimeError):
    """A graphics processor that is not there, or that this build of torch cannot use."""


def torch_device(name: str) -> torch.device | None:
    """The torch device of a name.

    Parameters
    ----------
    name : str
        ``cpu`` for the compiled kernels; ``cuda`` or ``cuda:1`` for a graphics processor; ``torch-cpu`` for the same
        code on the processor.

    Returns
    -------
    torch.device or None
        None for the compiled kernels.

    Raises
    ------
    ValueError
        If the name is none of these.
    DeviceUnavailable
        If torch finds no such graphics processor.
    """
    if name == COMPILED:
        return None
    kind, _, number = name.partition(":")
    known = name == TORCH_ON_PROCESSOR or name == "cuda" or (kind == "cuda" and number.isdecimal())
    if not known:
        raise ValueError(
            f"device: found {name!r}, expected {COMPILED!r} (compiled kernels), 'cuda', 'cuda:' and a number, or "
            f"{TORCH_ON_PROCESSOR!r}"
        )
    import torch

    if name == TORCH_ON_PROCESSOR:
        return torch.device("cpu")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(number or 0) >= found:
        raise DeviceUnavailable(
            f"device: {name!r} was asked for, and torch {torch.__version__} finds {found} graphics processors that it "
            f"can use; set the device to {COMPILED!r}, or install a build of torch for the driver of this machine"
        )
    return torch.device(name)


@contextmanager
def exact_products() -> Iterator[None]:
    """Hold torch's products of float32 to float32: neither TF32 nor bfloat16, which keep three digits, inside them.

    The precision belongs to the process, so overlapping uses are counted and the last one out restores it.
    """
    import torch

    global _precision_users, _precision_before
    matrix = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
    with _precision_lock:
        if _precision_users == 0:
            _precision_before = (matrix[0].fp32_precision, matrix[1].fp32_precision)
            matrix[0].fp32_precision, matrix[1].fp32_precision = "ieee", "ieee"
        _precision_users += 1
    try:
        yield
    finally:
        with _precision_lock:
            _precision_users -= 1
            if _precision_users == 0:
                matrix[0].fp32_precision, matrix[1].fp32_precision = _precision_before
