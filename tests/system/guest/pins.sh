#!/bin/sh
# 54 lines under the name that a Pi's chip has; what hangs on them is moved and read under
# /run/gpiosim/sim_gpioN. The button is up.
set -eu
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/pi
mkdir -p $chip/bank0
echo 54 >$chip/bank0/num_lines
echo pinctrl-bcm2711 >$chip/bank0/label
echo 1 >$chip/live
ln -sfn "/sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank0/chip_name)" /run/gpiosim
echo pull-up >/run/gpiosim/sim_gpio17/pull
udevadm settle
