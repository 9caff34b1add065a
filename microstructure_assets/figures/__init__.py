"""Pictures of artifacts and the scan report: arrays and tables in, matplotlib figures, PNG bytes, one HTML page out.

Here belong drawing, colours and page layout. Not here: reading or writing files, numerics that decide, dagster.
"""
