"""Content-addressed artifacts on disk: arrays, tables, documents, their keys, reasons, settings layers and catalogue.

The store knows names, bytes and hashes; it never computes a result and never reads a vendor's file.
Dagster is not imported here.
"""
