#!/usr/bin/env bash
# The main job on real data: build, train, serve, predict. `make demo` runs it.
# DEMO_EXIT=1 shuts the server down again; DEMO_PORT is the port (8000).
set -euo pipefail
# Settings of the shell it is started from are not meant for the demo.
for variable in ${!CANOPY_*}; do unset "$variable"; done
cd "$(dirname "$0")/.."

port=${DEMO_PORT:-8000}
url=http://127.0.0.1:$port
folder=.demo
bin=${CARGO_TARGET_DIR:-target}/release

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Shows a command as it could be typed, and runs it.
run() { printf '$'; for word in "$@"; do case $word in *' '*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done; echo; "$@"; }

for tool in cargo curl; do
    command -v "$tool" >/dev/null || { echo "error: $tool is not installed" >&2; exit 1; }
done
if curl --silent --output /dev/null --max-time 1 "$url/health"; then
    echo "error: something already answers on port $port; choose another with DEMO_PORT=8123" >&2
    exit 1
fi

say "1. Build (only the first time takes long)"
run cargo build --release --locked -p canopy-trainer -p canopy-inference

say "2. Train on 53,940 diamonds and publish version 1"
rm -rf "$folder" && mkdir "$folder"
run "$bin/canopy-trainer" fit --data examples/data/diamonds.csv --target price --model diamonds --registry "$folder/models" --log-format pretty

say "3. Serve it on $url"
"$bin/canopy-inference" --model diamonds --registry "$folder/models" --listen "127.0.0.1:$port" \
    --allow-anonymous --drain-delay 0s >"$folder/inference.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 200); do # ten seconds: it takes milliseconds
    curl --silent --fail --output /dev/null "$url/ready" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
done
if ! curl --silent --fail --output /dev/null "$url/ready"; then
    echo "error: the server is not ready; its log ($folder/inference.log):" >&2
    cat "$folder/inference.log" >&2
    exit 1
fi
run curl -sS "$url/ready"; echo

say "4. Ask for the price of a diamond"
run curl -sS --fail-with-body "$url/predict" -H 'Content-Type: application/json' -d @examples/requests/diamond.json; echo

say "5. The first lines of /metrics"
echo "\$ curl $url/metrics"
# Whole first, then its head: curl must not see a closed pipe.
metrics=$(curl --silent --show-error --fail "$url/metrics")
head -n 12 <<<"$metrics"

if [ "${DEMO_EXIT:-0}" != 0 ]; then
    say "6. Shut down"
    kill -TERM "$server"
    wait "$server"
    trap - EXIT
    echo "the server drained and exited with 0"
    exit 0
fi

say "The server is running. Try in another terminal:"
cat <<EOF
  curl $url/predict -H 'Content-Type: application/json' -d @examples/requests/diamonds.json
  curl $url/predict -H 'Content-Type: text/csv' --data-binary @examples/requests/diamonds.csv
  curl $url/predict -H 'Content-Type: application/json' -d @examples/requests/misspelt.json
  curl $url/model
  open $url/docs in a browser; the report of the training run is $folder/models/diamonds/versions/1/report.html
  the server's log is $folder/inference.log; Ctrl-C here stops it
EOF
wait "$server"
