#!/usr/bin/env bash
# The browser tests need Debian's Chromium: install it when we may, else say what to install.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium …"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-dejavu-core >/dev/null && exit 0
fi
echo "error: the browser tests need Chromium. Install it: sudo apt-get install chromium" >&2
exit 1
