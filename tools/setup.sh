#!/bin/sh
# Make the virtual environment of this checkout: tools/setup.sh <directory>
#
# Needs Python >= 3.11 and a package index in reach, nothing else. uv comes by pip, at the version and hashes of
# requirements-dev.lock. The stamp is written last, so an interrupted set-up continues with the next call.
set -eu
cd "$(dirname "$0")/.."
venv=$1

say() { printf 'setup  %s\n' "$*"; }
fail() { printf 'setup  %s\n' "$*" >&2; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  if [ -n "${PYTHON:-}" ]; then
    is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python >= 3.11"
    echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if is_new_enough "$candidate"; then echo "$candidate"; return; fi
  done
  fail "Python >= 3.11 is needed and none was found; install one, or name it: make PYTHON=/path/to/python3"
}

# Debian and Ubuntu keep ensurepip in a package of its own.
install_ensurepip() {
  package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    fail "$1 cannot make virtual environments; install the package $package and call again"
  fi
  say "install $package"
  apt-get -qq update >&2 || true
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$package" >&2 ||
    fail "$package could not be installed; install it and call again"
}

# Two calls at once in one checkout: the second waits for the first and then finds its work done.
mkdir -p .amx
if command -v flock >/dev/null; then exec 9>.amx/setup.lock; flock 9; fi

python=$(find_python)
if [ -e "$venv" ] && ! { is_new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
  say "$venv is incomplete or its Python is gone: made anew"
  rm -rf "$venv"
fi
if [ ! -e "$venv" ]; then
  "$python" -c 'import ensurepip' 2>/dev/null || install_ensurepip "$python"
  say "create $venv ($("$python" --version))"
  "$python" -m venv "$venv"
fi

uv_pin=$venv/uv.lock.txt
awk '/^[a-z]/ { inside = /^uv==/ } inside' requirements-dev.lock > "$uv_pin"
say "install $(head -n 1 "$uv_pin" | cut -d ' ' -f 1)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$uv_pin"

# uv draws bars on a terminal; elsewhere its list of packages would only be noise.
quiet=--quiet
if [ -t 2 ]; then quiet=; fi
say "install $(grep -c '==' requirements-dev.lock) packages from requirements-dev.lock"
export UV_HTTP_TIMEOUT="${UV_HTTP_TIMEOUT:-180}"
# The system's certificates, where there are some, know a company's proxy too.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"; fi
"$venv/bin/python" -m uv pip sync $quiet --python "$venv/bin/python" --require-hashes requirements-dev.lock
"$venv/bin/python" -m uv pip install $quiet --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
touch "$venv/.ready"
say "ready"
