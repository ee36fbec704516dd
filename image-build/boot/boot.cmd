# Which slot is started: see image-build/imagebuild/slotstate.py for the state that is kept on partition 2.
# Nothing is written when a confirmed slot starts. U-Boot sets devtype, devnum, distro_bootpart.

# Where things are loaded: the kernel may be larger than U-Boot's own addresses allow for on the Raspberry Pi.
if test "${vendor}" = raspberrypi; then
	setenv kernel_addr_r 0x00200000
	setenv ramdisk_addr_r 0x08000000
fi
setenv block ${scriptaddr}
setexpr block ${block} + 0x80000

setenv left 0
setenv slot a
setenv try
setenv extra
part start ${devtype} ${devnum} 2 state
setexpr state ${state} + @STATE_AT@
${devtype} dev ${devnum}
if ${devtype} read ${block} ${state} 2; then
	env import -t ${block} 0x400 left slot try
fi
# Words for the kernel's command line, for tests and for support; not there on a card as it is flashed.
setexpr words ${block} + 0x1000
if load ${devtype} ${devnum}:${distro_bootpart} ${words} extra.env; then
	env import -t ${words} ${filesize} extra
fi

setenv first ${slot}
if test -n "${try}" && test "${left}" != 0; then
	setenv first ${try}
	setexpr left ${left} - 1
	setexpr digit ${left} + 0x30
	setexpr at ${block} + @LEFT_AT@
	mw.b ${at} ${digit} 1
	${devtype} write ${block} ${state} 2
fi
setenv second a
if test "${first}" = a; then setenv second b; fi

# The firmware of the Raspberry Pi hands on a device tree with what it knows of the board.
if test -z "${fdt_addr}"; then setenv fdt_addr ${fdtcontroladdr}; fi

# A slot whose kernel can't be read is left out.
for now in ${first} ${second}; do
	if load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} slot-${now}/vmlinuz; then
		if load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} slot-${now}/initrd.img; then
			setenv bootargs @COMMAND_LINE@ slot=${now} ${extra}
			booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
		fi
	fi
done
echo "meetingbox: there is no kernel that starts. Flash the card again."
sleep 30
reset
