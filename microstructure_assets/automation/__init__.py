"""What happens without a person: the condition under which assets are asked for again, and its sensor.

Conditions look at the store's small files and Dagster's events only; nothing is computed here.
"""
