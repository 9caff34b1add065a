"""What stands behind the commands of `cli.py`: running jobs, showing what is stored, writing twins.

Nothing here computes; only `running.py` knows Dagster.
"""
