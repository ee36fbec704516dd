"""Builds the flashable image of meetingbox. Runs on the standard library alone.

    manifest   what is asked for        lock      what that is, exactly: versions and SHA-256
    archive    mirrors, downloads       base      Debian packages -> the base, and the tools chroot
    chroot     commands inside them     app       Python packages of uv.lock, and our own, for the target
    rootfs     base + app + ours        boot      kernel, initramfs, boot loader -> the boot partition
    slot       rootfs -> squashfs       disk      partitions -> the disk
    sbom       what is in it            build     the order of all that

Nothing here imports the box, and the box imports nothing from here.
"""
