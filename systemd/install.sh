#!/bin/sh
# Installs the units and what belongs to them.
#
#   systemd/install.sh [--appliance] [DESTDIR]
#
# Without --appliance: a box on a computer that is used for other things too. Nothing is enabled, nothing of
# the computer's own is changed: `systemctl enable --now meetingbox` makes it a box.
# With it: the whole machine is the box. Logs in memory, no sleep, packet filter, first boot and provisioning,
# the keypad instead of a log-in, a restart of the machine when the box does not come up.
#
# DESTDIR: the root of the system to install into; default: this one. The program itself is expected as
# /usr/bin/meetingbox, for the image a link to /opt/meetingbox/bin/meetingbox.
set -eu

appliance=no
if [ "${1:-}" = --appliance ]; then
	appliance=yes
	shift
fi
case ${1:-} in
-*)
	echo "usage: install.sh [--appliance] [DESTDIR]" >&2
	exit 2
	;;
esac
root=${1:-}
root=${root%/}
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd -P)

# files FROM TO MODE: every file below a folder of ours, into a folder of the system.
files() {
	(cd "$here/$1" && find . -type f ! -name '*.swp' | LC_ALL=C sort) | while IFS= read -r file; do
		install -D -m "$3" "$here/$1/$file" "$root/$2/${file#./}"
	done
}

files system usr/lib/systemd/system 644
files sysusers.d usr/lib/sysusers.d 644
files tmpfiles.d usr/lib/tmpfiles.d 644
files udev/rules.d usr/lib/udev/rules.d 644
files udev/hwdb.d usr/lib/udev/hwdb.d 644
files share usr/share/meetingbox 644
files lib usr/lib/meetingbox 755

if [ "$appliance" = yes ]; then
	files appliance/system usr/lib/systemd/system 644
	files appliance/journald.conf.d usr/lib/systemd/journald.conf.d 644
	files appliance/logind.conf.d usr/lib/systemd/logind.conf.d 644
	files appliance/sleep.conf.d usr/lib/systemd/sleep.conf.d 644
	files appliance/system-preset usr/lib/systemd/system-preset 644
	files appliance/sysctl.d usr/lib/sysctl.d 644
	files appliance/udev/rules.d usr/lib/udev/rules.d 644
else
	files computer/system usr/lib/systemd/system 644
	# The packet filter lets in the ports of this range; a box works with any other too.
	files appliance/sysctl.d usr/share/meetingbox/sysctl.d 644
fi

if [ -z "$root" ]; then
	systemd-sysusers
	systemd-tmpfiles --create meetingbox.conf
	! command -v systemd-hwdb >/dev/null || systemd-hwdb update
	! command -v udevadm >/dev/null || udevadm control --reload || :
	systemctl daemon-reload
fi
if [ "$appliance" = yes ]; then
	# By our presets; links in /etc, so that an administrator can undo each.
	units=$(sed -n 's/^enable //p' "$here/appliance/system-preset/50-meetingbox.preset")
	for unit in $units; do
		[ -e "$root/usr/lib/systemd/system/$unit" ] || continue # seatd is a package of its own
		systemctl ${root:+--root="$root"} enable --quiet "$unit"
	done
	systemctl ${root:+--root="$root"} set-default --quiet meetingbox.target
fi
