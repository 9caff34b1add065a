"""Indexing of patterns: which phases and which calibration it takes, Hough indexing, a look at the pattern centre.

Patterns and descriptions of a scan in, arrays out. Reading vendors' indexing belongs to `acquisition`, everything that
starts from orientations to `methods.crystallography`, storing to the assets.
"""
