"""Benchmarks: how right the product is, on twins whose truth is known.

What is measured and how it is reported belongs here; what is measured, and tests that must pass, do not.
"""
