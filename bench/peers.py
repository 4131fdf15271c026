"""Compares the inference server with its peers: one command, one client, the same rows, in alternation.

`make bench-peers` makes the peers' environments from pins (minutes, the first time), fits the models, runs one server
at a time in turns, times the kernels on one model of LightGBM, and prints tables with what is wanted.
BENCH_SECONDS=3 (a load), BENCH_RUNS=3, BENCH_REQUESTS=1000000 (for memory), BENCH_OPEN_SECONDS=30,
BENCH_ONLY=floor,canopy,kernel,limits,… (default: all). Server logs are in bench/out.
"""

import json
import math
import os
import platform
import signal
import subprocess
import sys
from statistics import median

from common import CONNECTIONS, DIAMONDS, OUT, ROOT, TARGET, build, fit, need, number, say, script, wrk
from peers import data, limits, venvs, wanted
from peers.contenders import REGISTRY, URL, contenders

KERNELS = ["lightgbm", "onnxruntime", "tl2cgen", "lleaves"]
FOREST = ["--n-estimators", "100", "--max-depth", "10"]


def main():
    # Told to end, the run ends its servers as well.
    for hangup in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(hangup, signal.default_int_handler)
    need("wrk", "wrk")
    need("gcc", "gcc")
    seconds, runs = number("BENCH_SECONDS", 3), number("BENCH_RUNS", 3)
    n_requests, open_seconds = number("BENCH_REQUESTS", 1_000_000), number("BENCH_OPEN_SECONDS", 30)
    only = chosen()
    everybody = {name: contender for name, contender in contenders().items() if name in only}
    prepare(everybody)
    bodies = data.bodies()
    results = {}
    if everybody:
        results["speed"] = speed(everybody, bodies, seconds, runs)
    if "kernel" in only:
        results["kernel"] = kernel()
    if "limits" in only:
        one, batch = bodies["arrays"][1], bodies["arrays"][1024]
        results["limits"] = {
            "memory": limits.memory_after(n_requests, one),
            "open": limits.open_loop(open_seconds, one),
            "by_rate": limits.overload_by_rate(min(10, open_seconds), one),
            "by_work": limits.overload_by_work(min(10, open_seconds), batch),
        }
    report(everybody, results, seconds, runs)


def chosen():
    known = [*contenders(), "kernel", "limits"]
    only = os.environ.get("BENCH_ONLY", ",".join(known)).split(",")
    if unknown := [name for name in only if name not in known]:
        sys.exit(f"BENCH_ONLY names {', '.join(unknown)}, where some of {', '.join(known)} were expected")
    return only


def prepare(everybody):
    """Builds binaries and environments and fits the models, unless they are there."""
    build("canopy-trainer", "canopy-inference", "canopy-loadtest")
    # By itself, so that no other crate's features reach it.
    build("bench", extra=["--bin", "floor", "--no-default-features"])
    build("bench", extra=["--bin", "kernel"])
    for venv in ["kernel", *(contender.venv for contender in everybody.values() if contender.venv)]:
        venvs.make(venv)
    data.write_coded()
    say("fitting the models")
    # The same table, once with categories and once with their codes, as the peers have it.
    fit(REGISTRY, "diamonds", DIAMONDS, *FOREST)
    fit(REGISTRY, "coded", data.CODED, *FOREST)
    fit_peers()


def fit_peers():
    """Fits what the peers share, unless it is newer than the recipe and its pins."""
    recipe = [ROOT / "bench" / "peers" / "models.py", venvs.REQUIREMENTS / "kernel.txt"]
    last = OUT / "signature.json"
    if last.exists() and last.stat().st_mtime > max(path.stat().st_mtime for path in recipe):
        return
    for compiled in ("lleaves.o", "tl2cgen.so"):
        (OUT / compiled).unlink(missing_ok=True)
    venvs.run("kernel", "models.py", data.CODED, OUT)


def speed(everybody, bodies, seconds, runs):
    """Each server by itself, run by run in another order."""
    found = {name: {"ready_ms": [], "pss_mib": [], "loads": {n: [] for n in data.SIZES}} for name in everybody}
    names, first = list(everybody), {}
    for run in range(runs):
        turn = run % len(names)
        for name in names[turn:] + names[:turn]:
            say(f"run {run + 1} of {runs}: {name}")
            measure(name, everybody[name], bodies, seconds, found[name], first)
    return found


def measure(name, contender, bodies, seconds, found, first):
    # Not timed: systems drop files from memory that nobody has asked for since the last run, and disks are not compared.
    with contender.start(name):
        pass
    with contender.start(name) as server:
        found["ready_ms"].append(server.ready_ms)
        for n_rows in data.SIZES:
            body = bodies[contender.form][n_rows]
            check(name, contender, contender.ask(body), n_rows, first)
            post = script(f"{name}-{n_rows}", body, contender.headers)
            wrk(URL + contender.predict, 1, post)
            found["loads"][n_rows].append(wrk(URL + contender.predict, seconds, post))
        found["pss_mib"].append(server.pss_mib())


def check(name, contender, predictions, n_rows, first):
    """A server that answers something else has not done the same work: nothing is measured then."""
    if len(predictions) != n_rows:
        sys.exit(f"{name} answered {n_rows} rows with {len(predictions)} predictions")
    if not contender.venv:
        return
    expected = first.setdefault(n_rows, predictions)
    # ONNX Runtime adds up in 32 bits.
    if not all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(predictions, expected)):
        sys.exit(f"{name} predicts something else than the first of the Python servers for {n_rows} rows")


def kernel():
    """Every kernel on one model of LightGBM; ours is refused unless its predictions are LightGBM's."""
    found = {}
    for name in KERNELS:
        say(f"kernel: {name}")
        # tl2cgen tells its steps on standard output: the result is the last line.
        found[name] = json.loads(venvs.run("kernel", "kernel_peers.py", OUT, name).splitlines()[-1])
    say("kernel: canopy")
    files = [OUT / name for name in ("weights.safetensors", "signature.json", "rows.f64", "canopy.f64")]
    command = [TARGET / "kernel", *files]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit("our kernel cannot read the model of LightGBM")
    found["canopy"] = {**json.loads(run.stdout), "apart": apart(files[-1], OUT / "expected.f64")}
    if not found["canopy"]["apart"] <= 1e-9:
        sys.exit(f"our kernel and LightGBM are {found['canopy']['apart']:.1e} apart, relative: no time is worth anything")
    return found


def apart(*paths):
    """The largest relative difference of two files of 64-bit floats."""
    ours, theirs = (memoryview(path.read_bytes()).cast("d") for path in paths)
    if len(ours) != len(theirs):
        sys.exit(f"our kernel predicted {len(ours)} rows of {len(theirs)}")
    return max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))


def report(everybody, results, seconds, runs):
    model = next(line for line in open("/proc/cpuinfo") if line.startswith("model name")).split(":")[1].strip()
    print(f"\n{os.cpu_count()} cores ({model}), Python {platform.python_version()}")
    print(f"wrk, 1 thread, {CONNECTIONS} connections, {seconds} s a load, medians of {runs} runs in alternation")
    if "speed" in results:
        print_speed(everybody, results["speed"])
    if "kernel" in results:
        print_kernel(results["kernel"])
    if "limits" in results:
        print_limits(results["limits"])
    wanted.print_rows(results)


def print_speed(everybody, found):
    sizes = " | ".join(f"{n:,} rows: requests/s | p50, ms | p99, ms" for n in data.SIZES).replace("1 rows", "1 row", 1)
    print(f"\n| Server | {sizes} |\n| --- |{' --- |' * 3 * len(data.SIZES)}")
    for name, figures in found.items():
        cells = []
        for loads in figures["loads"].values():
            p50, p99 = (median([getattr(load, at) for load in loads]) for at in ("p50_ms", "p99_ms"))
            cells += [f"{median([load.rps for load in loads]):,.0f}", f"{p50:.2f}", f"{p99:.2f}"]
        print(f"| {everybody[name].title} | {' | '.join(cells)} |")
    print("\n| Server | Start to ready, ms (all) | Memory (PSS) after load, MiB | On disk, MiB |\n| --- | --- | --- | --- |")
    for name, figures in found.items():
        starts, pss = figures["ready_ms"], median(figures["pss_mib"])
        ready = f"{median(starts):,.1f} ({', '.join(f'{start:,.1f}' for start in starts)})"
        print(f"| {everybody[name].title} | {ready} | {pss:,.1f} | {everybody[name].size_mib():,.1f} |")
    print("\nOn disk: the binary, or what pip has installed without pip and the interpreter.")


def print_kernel(found):
    packages = {"canopy": "Canopy", "lightgbm": "LightGBM", "onnxruntime": "ONNX Runtime", "lleaves": "lleaves", "tl2cgen": "tl2cgen (gcc)"}
    print("\n| Kernel, 200 trees of 31 leaves, 1 thread | ns a row, 10,000 rows | µs for one row | Largest difference |")
    print("| --- | --- | --- | --- |")
    for name, title in packages.items():
        release = "" if name == "canopy" else f" {venvs.version('kernel', name)}"
        figures = found[name]
        times = f"{figures['ns_per_row']:,.0f} | {figures['us_one_row']:.2f}"
        print(f"| {title}{release} | {times} | {figures['apart']:.0e} |")


def print_limits(found):
    before, after, sent = found["memory"]
    print(f"\nMemory (PSS): {before:.1f} MiB once ready, {after:.1f} MiB after {sent:,} requests.")
    print(f"Open loop: {found['open']['requests']:,} requests, {found['open']['failed']:,} failed.")
    for title, overload in (("rate", found["by_rate"]), ("work", found["by_work"])):
        told = f"{overload.admitted_per_s:,.0f} admitted and {overload.refused_per_s:,.0f} refused a second"
        memory = f"{overload.memory_before:.1f} MiB before and {overload.memory_after:.1f} MiB after"
        print(f"Overload by {title}: {told}, {memory}.")


if __name__ == "__main__":
    main()
