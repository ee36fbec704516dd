#!/bin/sh
# One box from the image, in a network namespace instead of a computer: clone.sh ROOT FOLDER
#
# As at a real start, everything of the image is read-only, /etc and /var are laid over with memory, /data is
# a fresh card's, and the first boot and the settings file are what the image itself does. Run it by
# `ip netns exec NAMESPACE unshare --mount --uts`.
set -eu

root=$1
folder=$2

mount --make-rprivate /
mkdir -p "$folder/root"
mount --bind "$root" "$folder/root"
mount -o remount,bind,ro "$folder/root"
for part in etc var; do
	mount -t tmpfs -o mode=0755 tmpfs "$folder/root/mnt"
	cp -a "$folder/root/$part/." "$folder/root/mnt"
	mount --move "$folder/root/mnt" "$folder/root/$part"
done
for part in data run tmp; do
	mount -t tmpfs -o mode=0755 tmpfs "$folder/root/$part"
done
mount -t proc proc "$folder/root/proc"
mount --rbind /sys "$folder/root/sys"
mount --rbind /dev "$folder/root/dev"
: >"$folder/root/etc/machine-id"
mkdir -p "$folder/root/run/meetingbox" "$folder/root/var/lib/meetingbox"
mount --bind "$folder" "$folder/root/run/meetingbox"

exec chroot "$folder/root" /bin/sh -euc '
	meetingbox provision boot
	mount --bind /data/meetingbox /var/lib/meetingbox
	hostname >/run/meetingbox/hostname
	cp /data/machine-id /run/meetingbox/
	exec meetingbox run --last-good'
