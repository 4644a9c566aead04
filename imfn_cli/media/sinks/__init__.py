"""Writers of frames; the ending of the name chooses one (`formats.py`)."""
