"""Accuracy of the pattern lane on twins: regions, boundaries, weights and anomalies, beside rivals.

Experiments, their metrics and their tables belong here; nothing that the product itself needs does.
"""
