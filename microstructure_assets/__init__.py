"""Microscope scans become characterised microstructures, as software-defined assets.

Start at `definitions.py` for the graph, `store/contract.py` for what each artifact is, `methods/` for the numerics.
Nothing is re-exported here, so that importing the package costs nothing. Whatever compiles later, compiles safely.
"""

from microstructure_assets.compiled import lock_compiled_code

__version__ = "0.1.0"

lock_compiled_code()
