"""Counts the instructions of a request: the figure that does not move with the machine's load.

Runs our server, and the do-nothing floor, under callgrind, once with N and once with 2N requests on one connection;
what the second run executed more, divided by N, is a request. Counting begins when the server is warm, since threads
that start beside each other execute some million instructions more or less, by chance.
Access log, key, rate limit and metrics are on. Needs valgrind and python3; run it with `make bench-instructions`.
BENCH_INSTRUCTION_REQUESTS=1000 is N; BENCH_REPEAT=2 counts everything twice and prints how far the counts are apart.
"""

import re
import socket
import subprocess
import sys

from common import LIMITS, OUT, TARGET, DIAMONDS, Server, build, fit, inference, need, number
from peers import data

PORT = 18095
REGISTRY = OUT / "peers-models"
FOREST = ["--n-estimators", "100", "--max-depth", "10"]
SIZES = [1, 64]
WARM_UP = 50
ATTEMPTS = 2


def main():
    need("callgrind_control", "valgrind")
    n, repeat = number("BENCH_INSTRUCTION_REQUESTS", 1000), number("BENCH_REPEAT", 1)
    build("canopy-trainer", "canopy-inference")
    build("bench", extra=["--bin", "floor", "--no-default-features"])
    data.write_coded()
    fit(REGISTRY, "diamonds", DIAMONDS, *FOREST)
    fit(REGISTRY, "coded", data.CODED, *FOREST)
    bodies = data.bodies()
    print(f"instructions a request, from {n:,} requests on one connection; access log on\n")
    print("| Server | 1 row | 64 rows |\n| --- | --- | --- |")
    cases = [
        ("axum floor", [TARGET / "floor", f"127.0.0.1:{PORT}"], "/health", "arrays"),
        ("Canopy, arrays", ours("coded"), "/ready", "arrays"),
        ("Canopy, objects with names", ours("diamonds"), "/ready", "objects"),
    ]
    apart = 0.0
    for title, command, ready, form in cases:
        cells = []
        for n_rows in SIZES:
            request = post(bodies[form][n_rows])
            # Batches take long under callgrind, and their counts are large enough with fewer.
            share = n if n_rows == 1 else max(n // 4, 1)
            counts = [per_request(command, ready, request, share) for _ in range(repeat)]
            apart = max(apart, max(counts) / min(counts) - 1)
            cells.append(f"{min(counts):,.0f}")
        print(f"| {title} | {' | '.join(cells)} |", flush=True)
    if repeat > 1:
        print(f"\nThe counts of {repeat} runs are {apart:.2%} apart at most.")
    print(f"\n{valgrind_version()} shows programs a processor with AVX2 and without AVX-512; what ran there is counted.")


def ours(model):
    # A look at the registry costs, too, and is no part of a request.
    return inference(model, REGISTRY, PORT, *LIMITS, "--registry-poll-interval", "1h")


def per_request(command, ready, request, n):
    """The least of several runs: what a server does by the clock, such as a look at its keys, can only add."""

    def least(n):
        return min(instructions(command, ready, request, n) for _ in range(ATTEMPTS))

    return (least(2 * n) - least(n)) / n


def instructions(command, ready, request, n):
    """What a server executes for n requests and to end."""
    counts = OUT / "callgrind.out"
    tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={counts}", *command]
    # One worker for the floor: threads that look for each other's work would count by chance. Ours stays on a thread.
    environment = {"CANOPY_API_KEYS": "bench:bench", "TOKIO_WORKER_THREADS": "1"}
    url = f"http://127.0.0.1:{PORT}"
    with Server(tool, url, ready, environment, "callgrind.log", patience=120, quiet=True, pause=0.1) as server:
        send(request, WARM_UP)
        start = ["callgrind_control", "--instr=on", str(server.process.pid)]
        subprocess.run(start, check=True, capture_output=True)
        send(request, n)
    found = re.search(r"^totals: (\d+)", counts.read_text(), re.M)
    if not found:
        sys.exit(f"callgrind has written no total; see {OUT / 'callgrind.log'}")
    return int(found[1])


def post(body):
    head = "POST /predict HTTP/1.1\r\nhost: bench\r\nx-api-key: bench\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def send(request, n):
    """Sends it n times, one after the other, and reads each answer whole."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(n):
            connection.sendall(request)
            read(connection)


def read(connection):
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(f"the server answered {answer[:500].decode()}")
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    while len(body) < length:
        body += received(connection)


def received(connection):
    data = connection.recv(65536)
    if not data:
        sys.exit("the server closed the connection in the middle of the count")
    return data


def valgrind_version():
    return subprocess.run(["valgrind", "--version"], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
