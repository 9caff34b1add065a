"""Twin scans with known truth: microstructures, interaction volume, projected patterns, detector and the writers.

Not here: reading of scans (acquisition), any analysis of patterns (methods), orchestration.
"""
