#!/bin/sh
# Put the device into this machine, or take it out: install.sh [install|uninstall]. Needs root.
#
# install    builds the program beside the one that runs, in /opt/appliance/versions/NAME, tries
#            it, and only then lets /opt/appliance/current point to it. If the new one does not
#            come up, the old one is put back. Settings, keys and state stay as they are.
# uninstall  takes away all of that, and leaves /etc/appliance, the key and /var/lib/appliance
#            (PURGE=1: those as well).
#
# START=0 installs without starting anything, as into an image.
set -eu
umask 022

checkout=$(cd "$(dirname "$0")/.." && pwd)
home=/opt/appliance
settings=/etc/appliance/appliance.toml
languages="de fr es"

say() { printf 'appliance: %s\n' "$*"; }
stop_with() { # CODE WORDS
  code=$1
  shift
  printf 'appliance: %s\n' "$*" >&2
  exit "$code"
}
systemd_runs() { [ -d /run/systemd/system ]; }
current_version() { readlink -f "$home/current" 2>/dev/null || true; }

# The name says what is inside: the same content is never built twice.
name_of_version() {
  number=$(sed -n 's/^version = "\(.*\)"/\1/p' "$checkout/pyproject.toml")
  content=$(
    cd "$checkout"
    {
      find appliance systemd requirements/run.lock pyproject.toml -type f \
        ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
      "$python" -VV
      uname -m
    } | sha256sum | cut -c 1-12
  )
  echo "$number-$content"
}

find_python() {
  for each in python3 python3.13 python3.12 python3.11; do
    if command -v "$each" >/dev/null && "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
      command -v "$each"
      return
    fi
  done
  stop_with 2 "no Python 3.11 or newer: this needs Debian 12, or anything newer"
}

add_debian_packages() {
  missing=""
  for each in $(sed 's/#.*//' "$checkout/systemd/debian.txt") \
    $(if [ "$(uname -m)" = aarch64 ]; then echo swig; fi); do # swig: for lgpio, where it has no wheel
    dpkg-query -W -f='${Status}' "$each" 2>/dev/null | grep -q 'ok installed' || missing="$missing $each"
  done
  if [ -n "$missing" ]; then
    say "Debian packages:$missing"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
  fi
}

# pip_locked LOCK NAME… : exactly what the lock says, checked by hash. "-NAME" is left out; without
# names, or with such names only, all the rest is taken.
pip_locked() {
  lock=$1
  shift
  awk -v names="$*" '
    BEGIN { count = split(names, listed); for (i = 1; i <= count; i++) {
      if (listed[i] ~ /^-/) without[substr(listed[i], 2)] = 1; else { with[listed[i]] = 1; some = 1 } } }
    /^[A-Za-z0-9]/ { name = $1; sub(/==.*/, "", name); taken = some ? name in with : !(name in without) }
    taken' "$checkout/$lock" >"$work/wanted.txt"
  # lgpio: with its C library inside, should it have to be built.
  PYPI=1 "$new/bin/python" -m pip install -q --disable-pip-version-check --no-deps --use-pep517 \
    --require-hashes -r "$work/wanted.txt"
}

pip_remove() { "$new/bin/python" -m pip uninstall -q -y --disable-pip-version-check "$@"; }

build_version() {
  say "Python packages from requirements/run.lock, into $new"
  rm -rf "$new"
  "$python" -m venv "$new"
  # The compiler of the sound kernels is no part of a device: 150 MB, needed once if at all.
  pip_locked requirements/run.lock -numba -llvmlite

  say "the package itself"
  mkdir "$work/source"
  cp -R "$checkout/appliance" "$checkout/pyproject.toml" "$checkout/README.md" "$checkout/LICENSE" "$work/source/"
  "$new/bin/python" -m pip install -q --disable-pip-version-check --no-deps "$work/source"
  package=$("$new/bin/python" -P -c 'import appliance; print(appliance.__path__[0])')

  put_kernels
  put_prompts
  mkdir "$new/systemd"
  cp -R "$checkout/systemd/." "$new/systemd/"
  mkdir "$new/systemd/catalog"
  "$new/bin/appliance" faults --catalogue en >"$new/systemd/catalog/appliance.catalog"
  for language in $languages; do
    "$new/bin/appliance" faults --catalogue "$language" >"$new/systemd/catalog/appliance.$language.catalog"
  done
  keep_bytecode
  touch "$new/complete"
}

# The units run Python without docstrings and asserts, and may not write here. Python keeps no such
# bytecode of its own modules, and would compile them at each start: a third of it. So what is
# loaded is loaded once now, and kept beside.
keep_bytecode() {
  for modules in appliance.__main__,appliance.cli,appliance.daemon,appliance.app,appliance.last_words \
    appliance.config.resolve appliance.devices.gpio appliance.dashboard.process; do
    PYTHONPYCACHEPREFIX="$new/pycache" PYTHONOPTIMIZE=2 "$new/bin/python" -P -c "import $modules"
  done
  if "$new/bin/python" -P -c 'import importlib.util as i, sys; sys.exit(not i.find_spec("lgpio"))'; then
    PYTHONPYCACHEPREFIX="$new/pycache" PYTHONOPTIMIZE=2 "$new/bin/python" -P -c 'import lgpio'
  fi
}

put_kernels() {
  kernels=$package/kernels/built
  rm -rf "$kernels"
  if [ -d "$checkout/appliance/kernels/built" ]; then
    cp -R "$checkout/appliance/kernels/built" "$kernels"
    if "$new/bin/appliance" kernels check "$kernels" >/dev/null; then
      say "sound kernels: those of the checkout"
      return
    fi
    rm -rf "$kernels"
  fi
  say "sound kernels: compiling them (a minute; several on a small board)"
  pip_locked requirements/run.lock numba llvmlite
  "$new/bin/appliance" kernels build --out "$kernels" >/dev/null
  pip_remove numba llvmlite
}

put_prompts() {
  prompts=$package/prompts/built
  rm -rf "$prompts"
  if [ -d "$checkout/appliance/prompts/built" ]; then
    cp -R "$checkout/appliance/prompts/built" "$prompts"
    if "$new/bin/appliance" prompts list --json | "$new/bin/python" -c '
import json, sys
told = [text["state"] for each in json.load(sys.stdin).values() for text in each["texts"].values()]
sys.exit(set(told) != {"rendered"})'; then
      say "spoken prompts: those of the checkout"
      return
    fi
  fi
  say "spoken prompts: rendering them"
  pip_locked requirements/dev.lock espeakng-loader
  "$new/bin/appliance" prompts build --out "$prompts" >/dev/null
  pip_remove espeakng-loader
}

put_settings() {
  install -d -m 755 /etc/appliance
  if [ -e "$settings" ]; then
    say "$settings stays as it is"
  else
    say "$settings: every setting, as a comment"
    "$new/bin/appliance" config example >"$work/appliance.toml"
    install -m 644 "$work/appliance.toml" "$settings"
  fi
  install -d -m 700 /etc/credstore # the key goes to /etc/credstore/openai_api_key
}

# Files of a version that live elsewhere: FROM:TO, from its folder systemd/.
placed_files() {
  cat <<EOF
appliance.service:/etc/systemd/system/appliance.service
appliance-dashboard.socket:/etc/systemd/system/appliance-dashboard.socket
appliance-dashboard.service:/etc/systemd/system/appliance-dashboard.service
sysusers.conf:/usr/lib/sysusers.d/appliance.conf
udev.rules:/usr/lib/udev/rules.d/70-appliance.rules
journald.conf:/etc/systemd/journald.conf.d/appliance.conf
catalog/appliance.catalog:/usr/lib/systemd/catalog/appliance.catalog
$(for language in $languages; do
    echo "catalog/appliance.$language.catalog:/usr/lib/systemd/catalog/appliance.$language.catalog"
  done)
EOF
}

# Let a version be the one that runs from the next start on: one rename, and the files that name it.
use_version() {
  ln -sfn "$1" "$home/current.new"
  mv -T "$home/current.new" "$home/current"
  for each in $(placed_files); do
    install -D -m 644 "$1/systemd/${each%%:*}" "${each#*:}"
  done
  ln -sfn "$home/current/bin/appliance" /usr/local/bin/appliance
  systemd-sysusers /usr/lib/sysusers.d/appliance.conf
  journalctl --update-catalog
  if systemd_runs; then
    systemctl daemon-reload
    udevadm control --reload 2>/dev/null && udevadm trigger --subsystem-match=gpio --subsystem-match=usb || true
    systemctl try-restart systemd-journald
  fi
}

start_device() {
  systemctl enable -q appliance.service appliance-dashboard.socket
  if ! systemd_runs || [ "${START:-1}" = 0 ]; then
    say "it starts with the machine"
    return
  fi
  systemctl restart appliance-dashboard.socket
  systemctl stop appliance-dashboard.service
  systemctl reset-failed appliance.service 2>/dev/null || true
  if systemctl restart appliance.service; then
    say "it runs: $(systemctl show -P StatusText appliance.service)"
    return
  fi
  journalctl -q -t appliance -n 5 --no-pager -o cat | sed 's/^/  /' >&2
  if [ -n "$old" ] && [ "$old" != "$new" ]; then
    say "the new version does not come up: back to $old"
    use_version "$old"
    systemctl reset-failed appliance.service
    systemctl restart appliance.service
    stop_with 1 "not upgraded: the version before runs again"
  fi
  stop_with 1 "installed, but it does not come up: see journalctl -t appliance -x"
}

# The version that runs and the one before it stay, for a way back by hand.
remove_older_versions() {
  for each in "$home"/versions/*; do
    [ "$each" = "$new" ] || [ "$each" = "$old" ] || rm -rf "$each"
  done
}

install_device() {
  add_debian_packages
  python=$(find_python)
  old=$(current_version)
  new=$home/versions/$(name_of_version)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$home/versions"
  if [ -e "$new/complete" ]; then
    say "$new is built already"
  else
    build_version
  fi
  put_settings
  # Settings that the new version refuses must not stop the old one.
  "$new/bin/appliance" config check >"$work/check.txt" 2>&1 || {
    cat "$work/check.txt" >&2
    stop_with 2 "nothing was changed: correct $settings and try again"
  }
  use_version "$new"
  start_device
  remove_older_versions
  say "installed $(basename "$new"); settings: $settings; key: /etc/credstore/openai_api_key"
}

uninstall_device() {
  if systemd_runs; then
    systemctl disable -q --now appliance.service appliance-dashboard.socket 2>/dev/null || true
    systemctl stop appliance-dashboard.service 2>/dev/null || true
    systemctl revert appliance.service 2>/dev/null || true # what the unit set of itself at run time
  else
    systemctl disable -q appliance.service appliance-dashboard.socket 2>/dev/null || true
  fi
  for each in $(placed_files); do
    rm -f "${each#*:}"
  done
  rm -f /usr/local/bin/appliance
  rm -rf "$home"
  journalctl --update-catalog
  if systemd_runs; then
    systemctl daemon-reload
    systemctl try-restart systemd-journald
  fi
  if [ "${PURGE:-0}" = 1 ]; then
    rm -rf /etc/appliance /etc/credstore/openai_api_key /var/lib/appliance
    userdel appliance 2>/dev/null || true
    say "uninstalled, with settings, key and state"
  else
    say "uninstalled; /etc/appliance, the key and /var/lib/appliance stay (PURGE=1 takes them as well)"
  fi
}

[ "$(id -u)" = 0 ] || stop_with 2 "this needs root: sudo make ${1:-install}"
command -v systemctl >/dev/null || stop_with 2 "this machine has no systemd"
case ${1:-install} in
install) install_device ;;
uninstall) uninstall_device ;;
*) stop_with 2 "usage: install.sh [install|uninstall]" ;;
esac
