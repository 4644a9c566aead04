"""Fuzzing of every reader: `python -m tests.fuzz --runs 100000`, and a short run in `test_fuzz.py`."""
