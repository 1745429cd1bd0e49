"""Processes that are killed at random moments of their work, and what they acknowledged until then."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable


def killed(work: Callable[[int, int], None], kills: int, seed: int) -> list[str]:
    """The lines that `work(turn, out)` wrote to the descriptor `out`, one fork after another until each was killed."""
    draw = random.Random(seed)
    acknowledged: list[str] = []
    for turn in range(kills):
        end, out = os.pipe()
        child = os.fork()
        if not child:
            os.close(end)
            work(turn, out)
            os._exit(1)
        os.close(out)
        told = os.read(end, 1)
        time.sleep(draw.random() * 0.08)
        os.kill(child, signal.SIGKILL)
        while part := os.read(end, 1 << 16):
            told += part
        os.close(end)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        # A line that was cut is an answer that nobody received.
        acknowledged += told.decode().split("\n")[:-1]
    return acknowledged


__all__ = ["killed"]
