"""The server under load, as the runner asks it: is it ready, does it take key and body, what do its metrics say."""

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from runner.scenario import SettingError

# A load test of this machine must not go through somebody's proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
GAUGES = ("canopy_process_resident_memory_bytes", "http_requests_in_flight")


class Server:
    """A base URL and a key."""

    def __init__(self, url, key):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingError(f"`{url}` is no URL of a server: expected one such as http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self.key = key

    def ask(self, path, body=None, content_type=None, timeout=10):
        """Gives status and text; raises `OSError` where there is no answer."""
        headers = {"X-API-Key": self.key} if self.key else {}
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with OPENER.open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")

    def check(self, stream):
        """Gives the model and version that are ready; raises where the server or a setting is not fit for a run."""
        try:
            status, text = self.ask("/ready")
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise SettingError(
                f"no server answers at {self.url}: {reason}\n"
                "       start one (make serve), or say where it is: make loadtest URL=http://HOST:PORT"
            ) from error
        ready = parsed(text)
        if status != 200:
            raise SettingError(f"{self.url}/ready answers {status}, not 200: {ready.get('reason', text[:200])}")
        self.check_prediction(stream)
        return f"{ready.get('model', '?')} version {ready.get('version', '?')}"

    def check_prediction(self, stream):
        status, text = self.ask("/predict", stream.body_path.read_bytes(), stream.content_type)
        detail = parsed(text).get("detail", text[:200])
        if status == 401:
            raise SettingError(f"the server answers 401: {detail}\n       set CANOPY_API_KEY to a key that it knows")
        # 429 and 503 may pass; the run will tell.
        if status not in (200, 429, 503):
            raise SettingError(
                f"the server answers {status} to {stream.body}: {detail}\n"
                "       the scenarios send diamonds; another model needs a body of its own: BODY=FILE"
            )

    def gauges(self):
        """Gives what `/metrics` says of memory and requests; nothing where it cannot be read."""
        try:
            status, text = self.ask("/metrics", timeout=5)
        except (OSError, http.client.HTTPException):
            return {}
        if status != 200:
            return {}
        found = {name: re.search(rf"^{name} (\S+)$", text, re.M) for name in GAUGES}
        values = {name: float(match[1]) for name, match in found.items() if match}
        answered = re.findall(r"^http_requests_total\{[^}]*predict[^}]*\} (\S+)$", text, re.M)
        return {**values, "answered": sum(map(float, answered))}


def parsed(text):
    """A JSON object, or an empty one: a proxy may answer with a page."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
