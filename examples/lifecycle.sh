#!/usr/bin/env bash
# The life of a model on the terminal: train, compare, shadow, canary, promote, a bad model and its end, history.
# `make demo-lifecycle` runs it; DEMO_PORT is the port (8000).
set -euo pipefail
export USER=${USER:-$(id -un)} # who the ledger says it was
for variable in ${!CANOPY_*}; do unset "$variable"; done
cd "$(dirname "$0")/.."

port=${DEMO_PORT:-8000}
url=http://127.0.0.1:$port
folder=.demo
bin=${CARGO_TARGET_DIR:-target}/release
registry=$folder/models
server='' traffic=''

# On a terminal each step stays for a moment (DEMO_PAUSE seconds).
pause=$([ -t 1 ] && echo "${DEMO_PAUSE:-3}" || echo "${DEMO_PAUSE:-0}")
say() { sleep "$pause"; printf '\n\033[1m%s\033[0m\n' "$*"; }
note() { printf '\033[2m%s\033[0m\n' "$*"; }
# Shows the trainer's command as it could be typed, and runs it. The log stays away: the answer says it all.
trainer() {
    printf '$ canopy-trainer'
    for word in "$@"; do case $word in *' '*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac; done
    echo
    "$bin/canopy-trainer" "$@" --registry "$registry" --log error
}
# The same for `fit`, whose answer is long: only what became of the version.
fit() { trainer fit "$@" --target price --model diamonds | sed -n '/^Published/,/^Report/{/^Report/!p}'; }
ready() { curl --silent --fail --max-time 2 "$url/ready"; }
# Waits until something on the server is so; the limit only ends a demo that would wait for ever.
until_so() { # WHAT COMMAND...
    local what=$1 tries=0
    shift
    until "$@"; do
        if ((++tries > 300)); then echo "error: still waiting until $what; the server's log is $folder/inference.log" >&2; exit 1; fi
        kill -0 "$server" 2>/dev/null || { echo "error: the server has ended; its log:" >&2; tail -n 20 "$folder/inference.log" >&2; exit 1; }
        sleep 0.1
    done
}
# The series of a name that are not 0.
metric() { curl --silent "$url/metrics" | grep -F "$1" | grep -v '^#' | awk '$NF != 0' | sort || true; }
serves() { ready | grep -q "\"version\":$1[,}]"; }
compared() { metric 'canopy_challenger_requests_total{' | awk -v least="$1" '{ n += $NF } END { exit n < least }'; }
vetoed() { [ -n "$(metric canopy_challenger_vetoes_total)" ]; }
taken_away() { grep -q 'is taken away' "$folder/inference.log"; }
ask() { curl --silent "$url/predict" -H 'Content-Type: application/json' -d @examples/requests/diamond.json "$@"; }
shares() { # N: which versions answer so many sessions
    for session in $(seq "$1"); do
        ask -H "X-Canopy-Session: customer-$session" | sed 's/.*"version":\([0-9]*\).*/\1\n/'
    done | sort | uniq -c | awk '{ printf "  version %s answers %d of the sessions\n", $2, $1 }'
}
finish() { for process in $traffic $server; do kill "$process" 2>/dev/null || true; done; }
trap finish EXIT

for tool in cargo curl awk; do
    command -v "$tool" >/dev/null || { echo "error: $tool is not installed" >&2; exit 1; }
done
if curl --silent --output /dev/null --max-time 1 "$url/health"; then
    echo "error: something already answers on port $port; choose another with DEMO_PORT=8123" >&2
    exit 1
fi

say "1. Build (only the first time takes long)"
cargo build --release --locked -p canopy-trainer -p canopy-inference -p canopy-loadtest
rm -rf "$folder" && mkdir "$folder"

say "2. Train version 1, a small forest: the first version is the champion"
fit --data examples/data/diamonds.csv --n-estimators 10 --max-depth 6

say "3. Serve it, and send 100 requests a second until the end"
"$bin/canopy-inference" --model diamonds --registry "$registry" --listen "127.0.0.1:$port" --registry-poll-interval 500ms \
    --allow-anonymous --rate-limit 0 --drain-delay 0s --request-sample "$folder/requests" >"$folder/inference.log" 2>&1 &
server=$!
until_so "version 1 is ready" serves 1
ready && echo
"$bin/canopy-loadtest" --url "$url/predict" --rate 100 --duration 0s >"$folder/loadtest.log" 2>&1 &
traffic=$!

say "4. Train version 2, a larger forest, and compare both on rows that neither has learned from"
fit --data examples/data/diamonds.csv --n-estimators 50 --max-depth 10
trainer compare diamonds@1 2 | sed -n '1,8p'

say "5. Shadow: version 2 predicts beside version 1 on live requests, and answers none"
trainer canary set diamonds 2 --mode shadow --replay "$folder/requests/diamonds.jsonl"
until_so "200 requests are compared" compared 200
metric canopy_challenger_divergence_window
metric 'canopy_challenger_requests_total{'
shares 40

say "6. Canary: it answers a quarter of the sessions, each session always by the same version"
trainer canary set diamonds --percent 25
sleep 1 # two looks at the registry
shares 40

say "7. Promote it: the trial is over, version 2 answers everybody"
trainer promote diamonds 2 --reason "half the error, no complaints from the canary"
until_so "version 2 answers" serves 2
shares 40

say "8. The next export has the prices in cents. Version 3 learns that, and is right about it"
awk -F, 'BEGIN { OFS = "," } NR == 1 { for (i = 1; i <= NF; i++) if ($i == "price") column = i } NR > 1 { $column *= 100 } 1' \
    examples/data/diamonds.csv >"$folder/cents.csv"
note "With --promote not-worse, as the CronJob has it, only the gates let a version through:"
status=0
fit --data "$folder/cents.csv" --n-estimators 20 --max-depth 10 --promote not-worse || status=$?
note "The exit code is $status; the champion stays."

say "9. Somebody forces it into the canary: the servers veto it by themselves"
trainer canary set diamonds 3 --percent 25 --force --reason "the gate is wrong, surely"
until_so "the veto" vetoed
metric canopy_challenger_vetoes_total
until_so "the alias is away" taken_away
grep -E 'is vetoed|is taken away' "$folder/inference.log" | sed 's/.*"message":"\([^"]*\)".*/  the log: \1/'
shares 40

say "10. Somebody forces it to be the champion: one command goes back"
trainer promote diamonds 3 --force --reason "trust me"
until_so "version 3 answers" serves 3
ask && echo
trainer rollback diamonds --reason "prices a hundred times too high"
until_so "version 2 answers" serves 2
ask && echo

say "11. Who did what, when and why; and that nobody has changed the book since"
trainer history diamonds
trainer verify diamonds --ledger

say "12. What the clients saw of all this"
kill -INT "$traffic" && { wait "$traffic" || true; }
traffic=''
sed -n '/^Duration/,$p' "$folder/loadtest.log"
