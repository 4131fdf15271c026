# The state document of canopy-metrics (`GET /api/state`) as lines of text; monitor.sh shows them.
# A line that needs somebody's eye begins with `!`: colour is never the only sign.

def pad(n): (. // "" | tostring) as $s | $s + (" " * ([n - ($s | length), 0] | max));
def lpad(n): (. // "" | tostring) as $s | (" " * ([n - ($s | length), 0] | max)) + $s;
# Zeros at the end stay: 0.50 beside 0.25.
def fixed(n): if n == 0 then round | tostring else
    (. * pow(10; n) | round) as $i | (if $i < 0 then "-" else "" end) as $sign | ($i | fabs | floor | tostring) as $d
    | (if ($d | length) <= n then "0" * (n + 1 - ($d | length)) + $d else $d end) as $d
    | "\($sign)\($d[:-n]).\($d[-n:])" end;
# Three figures that count, as people read them: 0.0123, 4.56, 560.1, 12345.
def short: if . == null then "-" else fabs as $a
    | if $a == 0 then "0" elif $a < 0.0001 then "<0.0001" elif $a < 0.1 then fixed(4) elif $a < 10 then fixed(2)
      elif $a < 1000 then fixed(1) else fixed(0) end end;
def percent: if . == null then "-" else (. * 100) as $p
    | (if $p == 0 then "0" elif $p < 0.1 then "<0.1" elif $p < 10 then ($p | fixed(1)) else ($p | fixed(0)) end) + " %" end;
def rate: if . == null then "-" else short + "/s" end;
def seconds: if . == null then "-" elif . < 0.001 then (. * 1e6 | fixed(0)) + " µs"
    elif . < 1 then (. * 1000 | fixed(1)) + " ms" else fixed(2) + " s" end;
def bytes: if . == null then "-" else (. / 1048576 | fixed(0)) + " MiB" end;
def span: if . == null then "-" elif . < 120 then fixed(0) + " s" elif . < 7200 then (. / 60 | floor | tostring) + " min"
    elif . < 172800 then (. / 3600 | floor | tostring) + " h" else (. / 86400 | floor | tostring) + " days" end;
def clock: if . == null then "-" else .[0:10] + " " + .[11:19] end;
def mark(bad): if bad then "! " else "  " end;
def between: if . == null or .value == null then "-" else (.value | short)
    + (if .low == null or .high == null then "" else " (\(.low | short) to \(.high | short))" end) end;

def fleet: .fleet
    | mark(.ready == 0 or .unreachable > 0 or .invalid > 0 or .version_skew) + "Fleet     \(.ready) ready"
      + (if .not_ready > 0 then ", \(.not_ready) not ready" else "" end)
      + (if .unreachable > 0 then ", \(.unreachable) unreachable" else "" end)
      + (if .invalid > 0 then ", \(.invalid) invalid" else "" end)
      + (if .version_skew then ", MORE THAN ONE VERSION" else "" end)
      + "; requests \(.requests_per_second | rate), errors \(.error_ratio | percent)"
      + ", p50 \(.p50_seconds | seconds), p95 \(.p95_seconds | seconds), p99 \(.p99_seconds | seconds)",
    if .replicas == [] then "! No replica is known: is CANOPY_TARGETS right, and is anything deployed?" else
      "  " + ("REPLICA" | pad(30)) + ("STATE" | pad(13)) + ("VERSION" | lpad(7)) + ("REQUESTS" | lpad(11)) + ("ERRORS" | lpad(9))
        + ("P50" | lpad(10)) + ("P99" | lpad(10)) + ("MEMORY" | lpad(9)) + ("UP" | lpad(9)),
      (.replicas[] | mark(.state != "ready") + (.url | sub("^https?://"; "") | pad(30)) + (.state | gsub("_"; " ") | pad(13))
        + (.version // "-" | lpad(7)) + (.requests_per_second | rate | lpad(11)) + (.error_ratio | percent | lpad(9))
        + (.p50_seconds | seconds | lpad(10)) + (.p99_seconds | seconds | lpad(10)) + (.memory_bytes | bytes | lpad(9))
        + (.uptime_seconds | span | lpad(9)) + (if .reason then "  \(.reason)" else "" end)) end;

def versions: if .versions == [] then "  Versions  none has answered in this window" else
    "  " + ("VERSION" | pad(9)) + ("ROLE" | pad(13)) + ("ROWS" | lpad(10)) + ("ROWS/S" | lpad(11)) + ("DRIFT" | lpad(9))
      + ("RMSE AT TRAINING" | lpad(18)) + "  RMSE LIVE",
    (.versions[] | mark(.drift_level == "warning" or .drift_level == "alarm") + (.version | pad(9)) + (.role | pad(13))
      + (.rows | lpad(10)) + (.rows_per_second | rate | lpad(11)) + (.drift_level // "unknown" | lpad(9))
      + (.training.rmse | short | lpad(18)) + "  " + (.live.rmse | between)) end;

# Those that are not well; of a quiet model the first three, so that one sees it is looked at.
def drift: .drift | if . == null then "  Drift     unknown: there is nothing to compare yet" else
    mark(.level == "warning" or .level == "alarm") + "Drift     version \(.version), \(.rows) rows in \(.window): \(.level | ascii_upcase)"
      + (if .reason then ": \(.reason)" else "" end),
    ([(.prediction // empty | .name = "the prediction")] + .features) as $all
    | ([$all[] | select(.level == "warning" or .level == "alarm")] | if . == [] then $all[:3] else . end) as $shown
    | if $shown == [] then empty else
        "  " + ("FEATURE" | pad(22)) + ("LEVEL" | pad(9)) + ("PSI" | lpad(9)) + ("MISSING" | lpad(9)) + ("UNSEEN" | lpad(9)) + "  WHY",
        ($shown[] | mark(.level == "warning" or .level == "alarm") + (.name | pad(22)) + (.level | pad(9)) + (.psi | short | lpad(9))
          + (.missing_ratio | percent | lpad(9)) + (.unseen_ratio | percent | lpad(9)) + "  \(.reason // "")"),
        ($all | length - ($shown | length) | if . > 0 then "  and \(.) more" else empty end) end end;

def quality: .quality | if . == null then "  Quality   unknown: no actual has come (POST /actuals)" else
    mark(.worse_than_training == true) + "Quality   version \(.version), \(.pairs) pairs in \(.window): RMSE \(.rmse | between), at training \(.training.rmse | short)"
      + (if .worse_than_training == true then ": WORSE THAN AT TRAINING" else "" end),
    "            MAE \(.mae | between), bias \(.bias | between), R² \(.r2 | between), without an actual \(.without_actual_ratio | percent)" end;

def aliases: .aliases[:3][] | "  Alias     \(.time | clock)  \(.alias) \(.action): \(.from // "none") to \(.to // "none")"
    + (if .by then ", by \(.by)" else "" end) + (if .reason then ": \(.reason)" else "" end);

def problems: .problems[] | "! Problem   \(.text)", "            \(.action)";

# Names and reasons are other people's words: what would move a terminal's cursor does not reach it.
("Canopy \(.model // "-"), the last \(.window), at \(.generated_at | clock) UTC (canopy-metrics \(.canopy_version))"
  + (if (.models | length) > 1 then "; models: \(.models | join(", "))" else "" end),
problems, fleet, versions, drift, quality, aliases) | gsub("[[:cntrl:]]"; " ")
