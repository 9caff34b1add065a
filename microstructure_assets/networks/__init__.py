"""Torch models and the one training loop that they share.

Arrays and settings in, weights and arrays out. Where data come from and where results go belongs to `assets`; numerics
without a network to `methods`.
"""
