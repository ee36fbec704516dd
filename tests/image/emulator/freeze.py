"""Runs inside an emulated box: ``freeze.py THREAD-ID [FILE]`` lets one thread of a process stand still.

SIGSTOP stops whole processes; a box whose event loop hangs, or whose screen does, goes on otherwise. A thread
is stopped as debuggers do it (ptrace(2): PTRACE_SEIZE, PTRACE_INTERRUPT), for as long as this process lives.
FILE gets the time, in seconds of the monotonic clock, before it was.
"""

import ctypes
import os
import sys
import time

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000  # __WALL: threads, too

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
libc.ptrace.restype = ctypes.c_long


def main():
    thread = int(sys.argv[1])
    before = time.monotonic()
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if libc.ptrace(request, thread, None, None) != 0:
            number = ctypes.get_errno()
            sys.exit("ptrace: " + os.strerror(number))
    os.waitpid(thread, WALL)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w") as file:
            file.write(str(before))
    print("frozen", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main()
