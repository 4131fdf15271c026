"""What a person reads after a run, and the same as one JSON document."""

import dataclasses

from runner.judge import failures

MARKS = {True: "ok  ", False: "FAIL", None: "?   "}


def text(scenario, outcome, checks):
    """Gives the table, what failed, and each threshold with its verdict."""
    lines = [*table(scenario, outcome), "", *what_failed(scenario, outcome)]
    lines += [f"{MARKS[check.holds]}  {check.what}" for check in checks]
    broken = sum(check.holds is False for check in checks)
    lines += ["", f"FAILED: {broken} of {len(checks)} thresholds are broken" if broken else "Passed"]
    if outcome.interrupted:
        lines[-1] += " (ended early)"
    return "\n".join(lines)


def table(scenario, outcome):
    width = max(len("Stream"), *(len(stream.name) for stream in scenario.streams))
    yield f"{'Stream':<{width}}  Requests  Per second   p50 ms   p90 ms   p99 ms   max ms  Refused  Failed"
    for stream in scenario.streams:
        result = outcome.results.get(stream.name)
        if result is None:
            yield f"{stream.name:<{width}}  did not begin"
            continue
        latency = "".join(f"{cell(result.latency_ms.get(name)):>9}" for name in ("p50", "p90", "p99", "max"))
        counts = f"{refused(stream, result):>9,}{failures(stream, result):>8,}"
        yield f"{stream.name:<{width}}{result.n_requests:>10,}{result.rate:>12,.1f}{latency}{counts}"


def cell(milliseconds):
    return "-" if milliseconds is None else f"{milliseconds:,.2f}"


def refused(stream, result):
    return sum(count for status, count in result.statuses.items() if status != 200 and stream.allows(status))


def what_failed(scenario, outcome):
    lines, limited = [], False
    for stream in scenario.streams:
        result = outcome.results.get(stream.name)
        if result is None:
            continue
        wrong = {status: count for status, count in result.statuses.items() if not stream.allows(status)}
        lines += [f"{stream.name}: {count:,} × status {status}" for status, count in sorted(wrong.items())]
        lines += [f"{stream.name}: {count:,} × {error}" for error, count in sorted(result.errors.items())]
        limited |= 429 in wrong
    lines += [f"bad clients: {count:,} × {complaint}" for complaint, count in sorted(outcome.complaints.items())]
    if limited:
        lines += [
            "429 is the limit of the key, or of all without one: 100 requests/s unless told otherwise.",
            "Start the server with --rate-limit 0 (CANOPY_RATE_LIMIT=0), or give the key `rate=100000 burst=100000`",
            "in the keys file.",
        ]
    return [*lines, ""] if lines else []


def document(scenario, outcome, checks):
    """Gives what `text` says as values."""
    return {
        "scenario": scenario.name,
        "passed": all(check.holds is not False for check in checks),
        "interrupted": outcome.interrupted,
        "streams": {name: dataclasses.asdict(result) for name, result in outcome.results.items()},
        "bad_clients": {"met": outcome.meetings, "complaints": outcome.complaints},
        "memory_bytes": {"before": outcome.memory_before, "after": outcome.memory_after},
        "in_flight_after": outcome.in_flight_after,
        "checks": [dataclasses.asdict(check) for check in checks],
    }
