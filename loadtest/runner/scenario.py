"""What a scenario is: `scenarios/*.json`, read and checked for the default runner and Locust; k6 reads them, too."""

import dataclasses
import json
import pathlib
import re

from runner.bad_clients import KINDS
from runner.bodies import BODIES, REPO

FOLDER = REPO / "loadtest" / "scenarios"
SERVER_THRESHOLDS = {"in_flight_after", "max_memory_growth_mib"}
UNITS = {"s": 1, "m": 60, "h": 3600}


class SettingError(Exception):
    """A setting makes no sense, or a tool or the server is not there: what, and what to do."""


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """What must hold for a stream. Latency is that of successes."""

    p99_ms: float
    max_failed_ratio: float = 0.0
    # The share of the rate that must be reached; below it the figures say nothing about that rate.
    min_rate_ratio: float | None = None


@dataclasses.dataclass(frozen=True)
class Refusals:
    """Statuses that are no failures in a stream, and how soon they must come."""

    statuses: tuple[int, ...]
    p99_ms: float


@dataclasses.dataclass(frozen=True)
class Stream:
    """Requests of one kind: `rate` a second for `duration_seconds`, or `requests` as fast as connections allow."""

    name: str
    body: str
    connections: int
    thresholds: Thresholds
    start_seconds: float = 0
    rate: float | None = None
    duration_seconds: float | None = None
    requests: int | None = None
    refusals: Refusals | None = None

    def __post_init__(self):
        paced = self.rate is not None and self.duration_seconds is not None
        if paced == (self.requests is not None):
            raise ValueError(f"stream `{self.name}`: expected either rate and duration_seconds, or requests")

    @property
    def n_requests(self):
        return self.requests or max(1, round(self.rate * self.duration_seconds))

    @property
    def end_seconds(self):
        return self.start_seconds + (self.duration_seconds or 0)

    @property
    def body_path(self):
        return REPO / self.body

    @property
    def content_type(self):
        return "text/csv" if self.body.endswith(".csv") else "application/json"

    def allows(self, status):
        return status == 200 or (self.refusals is not None and status in self.refusals.statuses)


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Streams, the bad clients beside them, and what must hold for the server."""

    name: str
    about: str
    streams: tuple[Stream, ...]
    bad_clients: dict[str, int] = dataclasses.field(default_factory=dict)
    server: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        unknown = [*(set(self.bad_clients) - set(KINDS)), *(set(self.server) - SERVER_THRESHOLDS)]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")

    @property
    def duration_seconds(self):
        return max(stream.end_seconds for stream in self.streams)

    def stretched(self, duration=None, rate=None, p99_ms=None, body=None):
        """The scenario with other figures; a duration and a rate need one paced stream."""
        streams = self.streams
        if (duration or rate) and (len(streams) > 1 or streams[0].rate is None):
            raise SettingError(
                f"the scenario `{self.name}` has fixed phases: DURATION and RATE are for steady, soak and bad-clients"
            )
        if duration:
            streams = [dataclasses.replace(stream, duration_seconds=duration) for stream in streams]
        if rate:
            streams = [dataclasses.replace(stream, rate=rate) for stream in streams]
        if p99_ms:
            streams = [with_p99(stream, p99_ms) for stream in streams]
        if body:
            # Generated bodies are there for their sizes: another one would make them all alike.
            if any((REPO / stream.body).parent == BODIES for stream in streams):
                raise SettingError(f"the scenario `{self.name}` makes its bodies itself: BODY is for the others")
            streams = [dataclasses.replace(stream, body=str(pathlib.Path(body).resolve())) for stream in streams]
        return dataclasses.replace(self, streams=tuple(streams))


def with_p99(stream, p99_ms):
    refusals = stream.refusals and dataclasses.replace(stream.refusals, p99_ms=p99_ms)
    return dataclasses.replace(
        stream, thresholds=dataclasses.replace(stream.thresholds, p99_ms=p99_ms), refusals=refusals
    )


def names():
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name):
    """Reads a scenario by its name or file; fields that nobody knows are errors, so that no typo loses a threshold."""
    path = pathlib.Path(name) if name.endswith(".json") else FOLDER / f"{name}.json"
    if not path.is_file():
        raise SettingError(f"there is no scenario `{name}`: expected one of {', '.join(names())}, or a .json file")
    try:
        document = json.loads(path.read_text())
        streams = tuple(stream_of(fields) for fields in document.pop("streams"))
        return Scenario(name=path.stem, streams=streams, **document)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(f"{path} is no scenario: {error}") from error


def stream_of(fields):
    fields = dict(fields)
    thresholds = Thresholds(**fields.pop("thresholds"))
    refusals = fields.pop("refusals", None)
    if refusals is not None:
        refusals = Refusals(statuses=tuple(refusals["statuses"]), p99_ms=refusals["p99_ms"])
    return Stream(thresholds=thresholds, refusals=refusals, **fields)


def seconds(text):
    """Reads `90s`, `30m` or `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match or float(match[1]) == 0:
        raise SettingError(f"`{text}` is no duration: expected a number above 0 with s, m or h, such as 90s")
    return float(match[1]) * UNITS[match[2]]
