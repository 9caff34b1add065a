"""Acquisition: a scan on disk, whatever vendor wrote it, becomes one frozen `Scan` that is read on demand.

Belongs here: file formats, their validation, what lies beside a scan, watching a share.
Does not belong here: Dagster, the store, any numerical treatment of patterns or orientations.
"""
