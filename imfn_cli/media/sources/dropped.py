"""Frames that a live source gave while nobody took them: gaps in its times after it was kept waiting.

A camera or a server goes on while the program is busy, and what no buffer holds is gone. A gap by itself says
nothing: cameras give fewer frames in the dark. One that follows upon a wait says it.
"""


class DroppedFrames:
    """Counts them, never more than the source had time for while it was kept waiting.

    step: seconds from frame to frame, as the source states them; it is corrected where it is too short.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._least = float("inf")
        self._latest: float | None = None
        # Seconds for which nobody read since the source was last waited for, less what has been counted.
        self._kept = 0.0

    def __call__(self, shown: float, kept: float, waited: float) -> int:
        """How many were dropped just before a frame.

        shown: its presentation time, in seconds.   kept: seconds for which nobody read before it.   waited:
        seconds for which it was waited for then.
        """
        gap = 0.0 if self._latest is None else shown - self._latest
        self._latest = shown
        if gap > 0:
            self._least = min(self._least, gap)
        step = max(self._step, self._least) if self._least < float("inf") else self._step
        self._kept += kept
        dropped = max(0, min(round(gap / step) - 1, int(self._kept / step)))
        # Who waits has emptied all buffers: later gaps are the source's own.
        self._kept = 0.0 if waited > step / 2 else self._kept - dropped * step
        return dropped
