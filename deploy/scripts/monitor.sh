#!/usr/bin/env bash
# The fleet on one screen, as the metrics service sees it: replicas, versions, rates, drift, quality. Changes nothing.
# On a terminal it is drawn anew until Ctrl-C; elsewhere it is printed once. Needs curl and jq.
#
# Settings, as variables:
#   NAMESPACE=canopy      where Canopy is
#   CONTEXT=…             refuses another kubectl context
#   MODEL=…  WINDOW=24h   which model and which window; without them the service's first ones
#   WATCH=5               seconds between looks; 0: once
#   OPEN=1                show the dashboard in a browser instead, until Ctrl-C, with the way to the key
#   METRICS_PORT=8001     the port of this machine for that
#   URL=http://…          a metrics service that is reached without kubectl, such as that of `make watch` or `make up`
#   API_KEY_FILE=FILE     a file with the key; without it the one in Secret inference-client-key, with URL none
#   KUBECTL=kubectl  NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib.sh"

# The header with the key, for curl's standard input; nothing where there is none.
key_header() {
    local key=''
    if [ -n "${API_KEY_FILE:-}" ]; then
        key=$(<"$API_KEY_FILE")
    elif [ -z "${URL:-}" ]; then
        key=$(kn get secret inference-client-key -o go-template='{{.data.key|base64decode}}' 2>/dev/null) || true
    fi
    if [ -n "$key" ]; then printf 'X-API-Key: %s\n' "$key"; fi
}

# A way to the service, made anew where the pod at its end is another one by now.
reach() {
    if [ -n "${URL:-}" ]; then base=${URL%/}; return; fi
    if [ -n "${forwarder:-}" ] && kill -0 "$forwarder" 2>/dev/null; then return; fi
    forward service/metrics 8001 "${1:-}" || return
    base=http://127.0.0.1:$forwarded
}

# The state document into $work/state; else why there is none into $trouble.
look() {
    local status
    trouble=''
    if ! reach; then trouble="no way to Service metrics: $(reason)"; return 1; fi
    status=$(curl --silent --show-error --max-time 10 --output "$work/state" --write-out '%{http_code}' -H @- --get "$base/api/state" \
        ${MODEL:+--data-urlencode "model=$MODEL"} ${WINDOW:+--data-urlencode "window=$WINDOW"} <<<"$header" 2>"$work/err") || true
    case $status in
        200) return ;;
        401) trouble="the key is not accepted: API_KEY_FILE=FILE names a file with another" ;;
        000) trouble="no answer: $(reason)"; kill "${forwarder:-}" 2>/dev/null || true ;;
        *) trouble="status $status: $(jq -r '.detail // .title // empty' "$work/state" 2>/dev/null)" ;;
    esac
    return 1
}

# Coloured by the sign at a line's start and the words that stand for it, and cut at the terminal's edge.
paint() {
    local line columns=''
    if [ -n "$terminal" ]; then columns=$({ stty size </dev/tty || echo '0 0'; } 2>/dev/null | cut -d ' ' -f 2); fi
    while IFS= read -r line; do
        if [ "${columns:-0}" -gt 20 ]; then line=${line:0:columns}; fi
        case $line in
            Canopy*) printf '%s%s%s' "$bold" "$line" "$plain" ;;
            '! Problem'* | '!'*unreachable* | '!'*ALARM* | '!'*alarm* | '!'*WORSE* | '! No'*) printf '%s%s%s' "$red" "$line" "$plain" ;;
            '!'*) printf '%s%s%s' "$yellow" "$line" "$plain" ;;
            *) printf '%s' "$line" ;;
        esac
        printf '%s\n' "$clear_line"
    done
}

show() {
    if look; then
        jq --raw-output --from-file "$here/monitor.jq" "$work/state" 2>"$work/err" || { trouble="the answer is no state document: $(reason)"; return 1; }
    else
        return 1
    fi
}

once() {
    show >"$work/screen" || die "$trouble"
    paint <"$work/screen"
}

# The last good screen stays while the service is away, with a line that says so.
watch_on() {
    clear_line=$'\e[K'
    printf '\e[H\e[J'
    while :; do
        if show >"$work/new"; then
            mv "$work/new" "$work/screen"
        else
            { echo "! $trouble; trying again"; grep -v '^! .*; trying again$' "$work/screen" 2>/dev/null || true; } >"$work/old"
            mv "$work/old" "$work/screen"
        fi
        printf '\e[H'
        paint <"$work/screen"
        printf '\e[J'
        sleep "$WATCH"
    done
}

open_dashboard() {
    reach "$METRICS_PORT" || die "the dashboard cannot be opened on port $METRICS_PORT: $(reason) (METRICS_PORT=8002)"
    say "The dashboard: $base"
    if [ -z "${URL:-}" ]; then
        say "Its key: kubectl --context=$context -n $NAMESPACE get secret inference-client-key -o go-template='{{.data.key|base64decode}}'"
    fi
    for browser in xdg-open open wslview; do
        if command -v $browser >/dev/null; then $browser "$base" >/dev/null 2>&1 || true; break; fi
    done
    if [ -n "${URL:-}" ]; then return; fi
    say "Open until Ctrl-C"
    wait "$forwarder" || die "the way to the dashboard is gone: $(cat "$work"/forward.* | tail -n 1)"
}

settings "$@"
WATCH=${WATCH:-$(if [ -n "$terminal" ]; then echo 5; else echo 0; fi)} METRICS_PORT=${METRICS_PORT:-8001}
expect WATCH '^[0-9]{1,4}$' 'seconds, or 0'
expect METRICS_PORT '^[0-9]{2,5}$' 'a port of this machine'
for tool in curl jq; do
    command -v $tool >/dev/null || die "$tool is not installed (apt install $tool, brew install $tool)"
done
base='' trouble='' clear_line='' forwarder=''
if [ -z "${URL:-}" ]; then
    connect ''
    need_namespace
    exists service metrics || die "there is no metrics service in $NAMESPACE: make deploy"
fi
if on OPEN; then open_dashboard; exit 0; fi
header=$(key_header)
if [ "$WATCH" = 0 ]; then once; else watch_on; fi
