"""The parts of `loadtest/run.py`; Locust uses `scenario`, `bodies` and `bad_clients`, too."""
