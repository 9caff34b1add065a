"""The base of errors whose cause is what the user gave: a file, a name, a setting."""

from __future__ import annotations


class InputError(ValueError):
    """Something given cannot be used; the message names it, what was found, what is expected and what to do."""
