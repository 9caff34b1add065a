"""Speed of the pattern lane's steps beside the programs that one would use otherwise, at equal or better accuracy.

Each module of a step holds its benchmarks; `catalogue` lists them all, `running` measures, `tables` prints.
"""
