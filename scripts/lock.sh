#!/usr/bin/env bash
# Resolve the Python dependencies anew and write them down with hashes.
set -euo pipefail
uv lock --quiet --upgrade
uv export --quiet --frozen --no-header --no-annotate --no-emit-project --no-dev -o requirements.lock
uv export --quiet --frozen --no-header --no-annotate --no-emit-project --all-extras --no-extra train --all-groups -o requirements-dev.lock
