"""Whether a scenario's thresholds hold. A check without a verdict could not be made, and says why."""

import dataclasses

MIB = 2**20


@dataclasses.dataclass(frozen=True)
class Check:
    """One threshold; `holds` is none where it could not be judged."""

    what: str
    holds: bool | None


def judge(scenario, outcome):
    """Gives a check for each threshold, in the order of the scenario."""
    checks = []
    for stream in scenario.streams:
        result = outcome.results.get(stream.name)
        if result is None or result.n_requests == 0:
            checks.append(Check(f"{stream.name}: it never began", False))
        else:
            checks += stream_checks(stream, result, outcome.interrupted)
    return [*checks, *crowd_checks(scenario, outcome), *server_checks(scenario, outcome)]


def stream_checks(stream, result, interrupted):
    limits, p99 = stream.thresholds, result.latency_ms.get("p99")
    if p99 is None:
        yield Check(f"{stream.name}: p99 is unknown, for nothing succeeded", False)
    else:
        yield Check(f"{stream.name}: p99 {p99:.2f} ms, must be below {limits.p99_ms:g} ms", p99 < limits.p99_ms)
    failed = failures(stream, result)
    allowed = limits.max_failed_ratio * result.n_requests
    text = f"{stream.name}: {failed:,} of {result.n_requests:,} failed, at most {allowed:,.0f} may"
    yield Check(text, failed <= allowed)
    if not interrupted and result.n_requests < stream.n_requests:
        yield Check(f"{stream.name}: {stream.n_requests - result.n_requests:,} requests are not accounted for", False)
    if limits.min_rate_ratio is not None:
        floor = limits.min_rate_ratio * stream.rate
        yield Check(f"{stream.name}: {result.rate:,.1f} requests/s, must reach {floor:,.1f}", result.rate >= floor)
    if stream.refusals and result.refused_p99_ms is not None:
        limit = stream.refusals.p99_ms
        text = f"{stream.name}: p99 of refusals {result.refused_p99_ms:.2f} ms, must be below {limit:g} ms"
        yield Check(text, result.refused_p99_ms < limit)


def failures(stream, result):
    wrong = sum(count for status, count in result.statuses.items() if not stream.allows(status))
    return wrong + sum(result.errors.values())


def crowd_checks(scenario, outcome):
    if not scenario.bad_clients:
        return
    met = sum(outcome.meetings.values())
    missing = [kind for kind in scenario.bad_clients if not outcome.meetings.get(kind)]
    wrong = sum(outcome.complaints.values())
    yield Check(f"bad clients: {wrong:,} of {met:,} were answered as they should not be, none may", wrong == 0)
    if missing and not outcome.interrupted:
        yield Check(f"bad clients: none of these met the server: {', '.join(missing)}", False)
    yield Check("the server still predicts afterwards", outcome.answers_after)


def server_checks(scenario, outcome):
    if "in_flight_after" in scenario.server:
        limit, left = scenario.server["in_flight_after"], outcome.in_flight_after
        said = "unknown: /metrics cannot be read" if left is None else f"{left:.0f}"
        text = f"server: requests in flight afterwards {said}, at most {limit:g} may be"
        yield Check(text, None if left is None else left <= limit)
    if "max_memory_growth_mib" in scenario.server:
        yield memory_check(scenario.server["max_memory_growth_mib"], outcome)


def memory_check(limit, outcome):
    if outcome.memory_before is None and outcome.memory_after is None:
        return Check("server: memory unknown, for /metrics cannot be read", None)
    if outcome.memory_before is None or outcome.memory_after is None:
        return Check("server: memory unknown at one end of the run, for /metrics could not be read then", False)
    before, after = outcome.memory_before / MIB, outcome.memory_after / MIB
    return Check(
        f"server: memory {before:.1f} MiB after the warm-up, {after:.1f} MiB at the end, may grow by {limit:g} MiB",
        after - before <= limit,
    )
