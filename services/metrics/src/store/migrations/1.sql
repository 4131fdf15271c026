-- Times are milliseconds, minutes are whole minutes since the Unix epoch, both UTC.

-- A replica as it was last seen: what its counters are compared with at the next look.
CREATE TABLE replicas (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    process_start_seconds REAL,
    seen_ms INTEGER NOT NULL
) STRICT;

-- The last value of each counter, by its name and labels; written with the aggregates it went into.
CREATE TABLE counters (
    replica INTEGER NOT NULL REFERENCES replicas (id) ON DELETE CASCADE,
    series TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (replica, series)
) STRICT, WITHOUT ROWID;

-- How much time the rounds of a minute speak for.
CREATE TABLE rounds (
    minute INTEGER PRIMARY KEY,
    seconds REAL NOT NULL
) STRICT;

-- HTTP requests of a replica in a minute; probes are left out. `latency` is JSON: the upper bound of
-- each bucket and what fell into it alone.
CREATE TABLE traffic_minutes (
    minute INTEGER NOT NULL,
    replica TEXT NOT NULL,
    route TEXT NOT NULL CHECK (route IN ('predict', 'other')),
    seconds REAL NOT NULL,
    answered INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    latency TEXT NOT NULL,
    PRIMARY KEY (minute, replica, route)
) STRICT, WITHOUT ROWID;

-- What a version answered in a minute, over all replicas. `distributions` and `latency` are JSON.
-- With a rowid: without one, rows of this length would each fill a page of their own.
CREATE TABLE version_minutes (
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    seconds REAL NOT NULL,
    n_rows INTEGER NOT NULL,
    distributions TEXT NOT NULL,
    latency TEXT NOT NULL,
    PRIMARY KEY (model, version, minute)
) STRICT;
CREATE INDEX version_minutes_by_minute ON version_minutes (minute);

-- A sample of predictions. `inputs` is JSON: each feature's value by its name.
CREATE TABLE events (
    request_id TEXT NOT NULL,
    row INTEGER NOT NULL,
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    inputs TEXT NOT NULL,
    prediction REAL NOT NULL,
    PRIMARY KEY (request_id, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_time ON events (time_ms);
CREATE INDEX events_by_model ON events (model, time_ms);
CREATE INDEX events_by_version ON events (model, version, time_ms);

-- The truth, as it came; `time_ms` is when.
CREATE TABLE actuals (
    request_id TEXT NOT NULL,
    row INTEGER NOT NULL,
    actual REAL NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (request_id, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX actuals_by_time ON actuals (time_ms);

-- Minutes in which predictions or actuals have come since pair_minutes was written.
CREATE TABLE changed_minutes (
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    PRIMARY KEY (model, version, minute)
) STRICT, WITHOUT ROWID;

-- Sums over the pairs of prediction and actual, by the minute of the prediction; `moments` is JSON.
CREATE TABLE pair_minutes (
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    n_predictions INTEGER NOT NULL,
    n_pairs INTEGER NOT NULL,
    moments TEXT NOT NULL,
    PRIMARY KEY (model, version, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX pair_minutes_by_minute ON pair_minutes (minute);
