#!/usr/bin/env bash
# Make the virtual environment and install the locked packages and this project into it.
# usage: setup_python.sh PYTHON VENV LOCKFILE
set -euo pipefail
python=$1 venv=$2 lock=$3

fail() { echo "error: $*" >&2; exit 1; }

command -v "$python" >/dev/null || fail "$python is not there. Install Python 3.11 or newer."
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' ||
  fail "$("$python" --version) will not do: Python 3.11 to 3.13 is needed (make PYTHON=python3.11 …)."

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  uv=.tools/bin/uv
  if [ ! -x "$uv" ]; then
    echo "Installing uv into .tools …"
    "$python" -m venv .tools 2>/dev/null ||
      fail "Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"
    .tools/bin/python -m pip install --quiet uv || fail "uv could not be installed; is the network up?"
  fi
fi

[ -x "$venv/bin/python" ] || "$uv" venv --quiet --seed --python "$python" "$venv"
export VIRTUAL_ENV=$PWD/$venv
echo "Installing locked packages …"
"$uv" pip install --quiet --require-hashes -r "$lock" ||
  fail "the packages could not be installed; check the network and run the same command again."
"$uv" pip install --quiet --no-deps --editable . || fail "the project could not be installed."
