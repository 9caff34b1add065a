"""Crystallography of indexed maps: misorientations, kernel averages, grains and their statistics, colours.

Arrays of orientations in, arrays out, for square and hexagonal grids. Reading vendors' maps belongs to `acquisition`,
indexing of patterns to `indexing`, pictures to `figures`.
"""
