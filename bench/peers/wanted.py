"""What the comparison is to show: each ratio with its bound and aim, met or not. A target missed is printed, too."""

from statistics import median

from peers.limits import p99

# The floor is wanted to be reached with key, rate limit, metrics and counting; ours also writes a line for each request,
# unless it says "not logged", which none of the others does.
AGAINST = [
    (1, "canopy-unlogged", "floor", "the floor, requests not logged", 0.85, 1.0),
    (1, "canopy", "floor", "the floor", 0.85, 1.0),
    (64, "canopy-unlogged", "floor", "the floor, requests not logged", 0.7, 1.0),
    (64, "canopy", "floor", "the floor", 0.7, 1.0),
    (1, "canopy-unlogged", "fastapi-onnx", "FastAPI + ONNX Runtime, requests not logged", 8, 10),
    (1, "canopy", "fastapi-onnx", "FastAPI + ONNX Runtime", 8, 10),
    (1, "canopy-unlogged", "mlserver", "MLServer, requests not logged", 400, 500),
    (1, "canopy", "mlserver", "MLServer", 400, 500),
]


def rows(results):
    """What, found, bound, aim; what was left out of this run has no row."""
    speed, kernel = results.get("speed", {}), results.get("kernel", {})

    def rps(name, n_rows):
        return median([load.rps for load in speed[name]["loads"][n_rows]])

    for n_rows, ours, name, title, bound, aim in AGAINST:
        # Where a peer has answered nothing in its time, there is no ratio.
        if {ours, name} <= speed.keys() and rps(name, n_rows):
            what = f"{n_rows} row{'s' if n_rows > 1 else ''}, requests/s against {title}"
            yield what, rps(ours, n_rows) / rps(name, n_rows), ">=", bound, aim
    if kernel:
        ours = kernel["canopy"]
        yield "kernel in batches, time against lleaves", ours["ns_per_row"] / kernel["lleaves"]["ns_per_row"], "<=", 0.7, 0.4
        ratio = ours["us_one_row"] / kernel["onnxruntime"]["us_one_row"]
        yield "kernel, one row, time against ONNX Runtime", ratio, "<=", 0.3, 0.1
    # One binary with the same forest, logging or not: its starts are of one kind.
    starts = [ms for name in ("canopy", "canopy-unlogged") if name in speed for ms in speed[name]["ready_ms"]]
    if starts:
        yield f"start to ready, ms, {len(starts)} starts amid the others", median(starts), "<=", 25, 12
    if limits := results.get("limits"):
        _, after, sent = limits["memory"]
        yield f"memory (PSS) after {sent:,} requests, MiB", after, "<=", 25, 15
        summary = limits["open"]
        yield f"open loop, {summary['rate']:,.0f} requests/s, p99, ms", p99(summary, "latency_ms"), "<", 5, 2
        yield "its requests that failed", summary["failed"], "<=", 0, 0
        for title, found in (("by rate", limits["by_rate"]), ("by work", limits["by_work"])):
            yield f"overload {title}, p99 of the admitted, ms", found.p99_ms, "<", 50, 50
            yield f"overload {title}, p99 of a refusal, ms", found.refused_p99_ms, "<", 50, 5
            failures = sum(found.other_failures.values())
            yield f"overload {title}, neither answered nor refused", failures, "<=", 0, 0
            growth = found.memory_after - found.memory_before
            yield f"overload {title}, memory that it adds, MiB", growth, "<=", 2, 0.5


def print_rows(results):
    print("\n| Wanted | Found | Bound | Aim | |\n| --- | --- | --- | --- | --- |")
    for what, found, sign, bound, aim in rows(results):
        verdict = "aim reached" if holds(found, sign, aim) else "met" if holds(found, sign, bound) else "**missed**"
        shown = {">=": "≥", "<=": "≤", "<": "<"}[sign]
        print(f"| {what} | {found:,.2f} | {shown} {bound} | {shown} {aim} | {verdict} |")


def holds(found, sign, bound):
    return {">=": found >= bound, "<=": found <= bound, "<": found < bound}[sign]
