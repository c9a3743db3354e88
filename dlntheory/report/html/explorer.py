"""The explorer: a page with sliders, and the server on this machine that answers it."""

import json
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..comparison import as_rule
from .answers import BOUNDS, CURVES, INITS, Settings, answer, as_settings
from .render import check_libraries, render

ADDRESS = "127.0.0.1"
"""The only address that is listened at: nothing outside this machine reaches it."""
TITLES = {"depth": "hidden layers", "width": "width of hidden layers", "batch": "batch size"}
STOPS: dict[str, tuple[float, ...]] = {
    "beta": (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 0),
    "step_size": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1),
    "steps": (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100, 200, 500, 1000, 10_000),
}
"""The values at which the sliders of these settings stop."""


def page() -> str:
    """The page, with the first answer in it."""
    check_libraries()
    from .charts import explorer_charts  # needs the extra

    first, curves = answer(Settings()), {name: [as_rule(rule) for rule in rules] for name, (_, rules) in CURVES.items()}
    return render(
        "explore.html",
        ("explore.js",),
        connect=True,
        bounds=BOUNDS,
        stops=STOPS,
        inits=INITS,
        settings=Settings(),
        charts=explorer_charts(
            {name: (TITLES[name], rules) for name, rules in curves.items()},
            {**first["curves"], "energies": first["energies"]},
        ),
    )


class Server(ThreadingTCPServer):
    """Serves the page and its answers at a port of this machine; port 0 means any that is free.

    Raises:
        OSError: for a port that is taken, or not allowed.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, page: str):
        super().__init__((ADDRESS, port), partial(Handler, page=page))

    @property
    def address(self) -> str:
        """The address of the page, for a browser."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    """Answers GET, and only under this machine's own names: no page of another site can ask through its visitor."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "dlntheory"
    sys_version = ""

    def __init__(self, *arguments: Any, page: str):
        self.page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """The page at ``/``, an answer at ``/answer?depth=2&…``."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{ADDRESS}:{port}", f"localhost:{port}"):
            return self._send(HTTPStatus.FORBIDDEN, "text/plain", f"Wanted the host {ADDRESS}:{port}.")
        asked = urlsplit(self.path)
        if asked.path == "/":
            return self._send(HTTPStatus.OK, "text/html", self.page)
        if asked.path != "/answer":
            return self._send(HTTPStatus.NOT_FOUND, "text/plain", "There is / and /answer.")
        try:
            settings = as_settings(dict(parse_qsl(asked.query, keep_blank_values=True)))
            return self._send(HTTPStatus.OK, "application/json", json.dumps(answer(settings), allow_nan=False))
        except (ValueError, ArithmeticError) as error:
            return self._send(HTTPStatus.BAD_REQUEST, "text/plain", str(error))

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is the user's."""
