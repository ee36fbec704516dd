"""An emulated computer for the image, and everything a person in front of it has.

    tools        QEMU and its firmware, run out of the tools chroot
    boards       which parts make a PC or an arm64 board: a command line
    machine      one running computer: started, looked at, killed
    qmp          QEMU's monitor
    screen       what is on its screen
    keys, touch  what fingers do
    guest        a root shell inside, where the kernel's arguments ask for one; agent.py runs there
    disk         cards: copied, their partitions, files on the boot partition
    freeze.py    runs inside too: one thread of a process stands still

Nothing here knows pytest, or what is right: that is in the checks beside this folder.
"""
