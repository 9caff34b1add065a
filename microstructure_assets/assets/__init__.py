"""Software-defined assets, thin: a body reads from the store, calls a method, writes, draws and reports.

No arithmetic and no file format belongs here.
"""
