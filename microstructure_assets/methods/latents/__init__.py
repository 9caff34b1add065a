"""What latents of patterns say: which of them are in use, their clusters, their plane, their bands.

Arrays in, arrays out; the network that makes them belongs to `networks`.
"""
