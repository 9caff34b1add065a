"""Accuracy of the pattern lane on twins: regions, boundaries, weights, anomalies, beside rivals and the published recipe.

Experiments, their metrics and their tables belong here; nothing that the product itself needs does.
"""
