"""Checks of what was made: what the figures of an artifact say against it, as asset checks in the web UI.

Here belong limits, verdicts and their events. What a figure is, and how it is computed, is the methods' and assets'.
"""
