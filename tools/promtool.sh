#!/bin/sh
# Puts Prometheus' promtool from Debian's package into a folder, where there is none. Installs and starts nothing.
set -eu
into=$(cd "$1" && pwd)
[ -x "$into/promtool" ] && exit 0
if command -v promtool >/dev/null 2>&1; then
  ln -s "$(command -v promtool)" "$into/promtool"
elif command -v apt-get >/dev/null 2>&1; then
  echo "Fetching promtool …"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  cd "$folder"
  if [ "$(id -u)" = 0 ]; then apt-get update -qq >/dev/null; fi
  apt-get download -qq prometheus 2>/dev/null
  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool >promtool
  chmod 755 promtool
  mv promtool "$into/promtool"
else
  echo "promtool is missing: install Prometheus." >&2
  exit 1
fi
