#!/bin/sh
# Runs when the packages are in: finish-root.sh ROOT. Make a quiet machine of it.
set -eu
root=$1

echo appliance-test >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 appliance-test\n' >"$root/etc/hosts"
: >"$root/etc/resolv.conf"
chroot "$root" passwd --quiet --delete root
mkdir -p "$root/var/log/journal" # a journal that outlasts a reboot

# What wakes up by itself would disturb the timing of a test, or ask for a network.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  fstrim.timer systemd-timesyncd.service systemd-networkd-wait-online.service; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# PulseAudio runs where a test starts it, never for a user by itself.
rm -f "$root"/etc/systemd/user/*/pulseaudio*

# There is no network in there: pip takes what it needs from here.
mkdir -p "$root/usr/share/wheelhouse"
printf '[global]\nno-index = true\nfind-links = /usr/share/wheelhouse\n' >"$root/etc/pip.conf"

rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
