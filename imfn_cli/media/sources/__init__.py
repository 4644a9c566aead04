"""Readers of frames: files and directories (`files.py`), what is read once as it comes (`live.py`)."""
