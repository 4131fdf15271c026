//! What every service needs and none owns: telemetry, health, shutdown, keys, limits, problem bodies.
