#!/usr/bin/env bash
# Install the locked npm packages of the page. usage: setup_node.sh FOLDER
set -euo pipefail
cd "$1"
fail() { echo "error: $*" >&2; exit 1; }
command -v npm >/dev/null || fail "npm is not there. Install Node.js 20 or newer."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] ||
  fail "Node.js $(node --version) is too old; version 20 or newer is needed."
echo "Installing npm packages …"
npm ci --no-audit --no-fund --loglevel=error ||
  fail "the npm packages could not be installed; check the network and run the same command again."
