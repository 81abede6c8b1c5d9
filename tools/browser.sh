#!/bin/sh
# Installs Debian's Chromium for the browser test, where there is none and apt is at hand.
set -eu
command -v chromium >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "Installing Chromium …"
  apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
else
  echo "Chromium is missing: the browser test will be skipped. Install the package \`chromium\`." >&2
fi
