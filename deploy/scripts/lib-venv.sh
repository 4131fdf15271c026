# shellcheck shell=bash
# The virtual environment of the tests in Python; sourced. Its first use needs the internet, the others take no time.
venv=target/manifests-venv

ensure_venv() {
    local requirements=deploy/tests/requirements.txt
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
        echo "error: $(python3 --version) is too old: 3.10 or newer is needed" >&2
        exit 1
    }
    # The stamp is a copy of the list, written last: an installation that was interrupted is made again.
    if ! cmp -s "$requirements" "$venv/installed.txt"; then
        echo "making $venv from $requirements"
        rm -rf "$venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
        cp "$requirements" "$venv/installed.txt"
    fi
}
