"""Scans that land on shares: seen, waited for until they are whole, copied, checked, taken in or set aside.

A share is only ever read. What is known of it lies in the home's ledger. No Dagster here, and no numerics.
"""
