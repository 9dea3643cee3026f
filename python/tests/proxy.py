"""A proxy before a server that reads and changes what passes: other versions, other people's machines."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

# A Rewrite gets the path of a call and the decoded answer, and returns the answer to give.
Rewrite = Callable[[str, Any], Any]

hop_by_hop = {"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"}


class Proxy:
    """Passes calls on to a server; url is where clients reach it.

    rewrite changes every JSON answer. instead, where it is set, is the status,
    headers and body that every call is answered by in the server's place.
    """

    def __init__(self, target: str, rewrite: Rewrite = lambda _, body: body) -> None:
        self.rewrite = rewrite
        self.instead: tuple[int, dict[str, str], bytes] | None = None
        proxy, host = self, target.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.instead is not None:
                    self._answer(*proxy.instead)
                    return
                far = http.client.HTTPConnection(host, timeout=90)
                try:
                    far.request(self.command, self.path, body, dict(self.headers))
                    got = far.getresponse()
                    text = got.read()
                    if "json" in (got.getheader("Content-Type") or "") and text:
                        text = json.dumps(proxy.rewrite(self.path, json.loads(text))).encode()
                    self._answer(got.status, dict(got.getheaders()), text)
                finally:
                    far.close()

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for k, v in headers.items():
                    if k.lower() not in hop_by_hop:
                        self.send_header(k, v)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def close(self) -> None:
        """Take no more calls."""
        self._server.shutdown()
        self._server.server_close()
