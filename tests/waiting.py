"For tests that start processes: wait for something to happen, ask whether a process group still runs."
import os
import time

import psutil


def wait_for(happened, seconds=600, pause=.1):
    "The first true value of `happened()`; fails after so many seconds"
    end = time.monotonic() + seconds
    while not (result := happened()):
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(pause)
    return result

def alive(group):
    "Whether a process of the group still runs; one that only waits to be reaped does not"
    for p in psutil.process_iter():
        try:
            if os.getpgid(p.pid) == group and p.status() != psutil.STATUS_ZOMBIE: return True
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess): pass
    return False


STUCK = """
import sys, time, torch
import {room} as room
torch.set_num_threads(1)
one, begun = room.{name}, []
def stuck(*args):
    begun.append(args)
    if len(begun) > {calls}: time.sleep(1000) # until it is killed
    return one(*args)
room.{name} = stuck
"""  # the beginning of a program whose work stands still after so many calls of a room's function
