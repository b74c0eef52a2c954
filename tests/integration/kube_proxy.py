"""A plain HTTP proxy before a real kube-apiserver that can act after any write and cut all connections."""

import contextlib
import http.client
import http.server
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable

# Calls that say nothing about the state of the cluster.
NOISE = ("/leases", "/events", "/tokenreviews", "/subjectaccessreviews")


class ApiProxy:
    """Forwards every request. `after_write(method, path)` is called when the API server has answered a
    write and the caller has not heard of it yet."""

    def __init__(self, upstream: str):
        self.after_write: Callable[[str, str], None] = lambda method, path: None
        self.refused = threading.Event()  # Somebody came during an outage.
        self._upstream = urllib.parse.urlsplit(upstream)
        self._connections, self._is_out, self._lock = set(), False, threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()
                    return
                self.close_connection = True

            def forward(self):
                if proxy._enter(self.connection):
                    try:
                        proxy._forward(self)
                    finally:
                        proxy._leave(self.connection)
                else:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextlib.contextmanager
    def outage(self):
        """Cuts all connections and answers nobody until the block ends."""
        with self._lock:
            self.refused.clear()
            self._is_out = True
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        yield
        with self._lock:
            self._is_out = False

    def _enter(self, connection: socket.socket) -> bool:
        with self._lock:
            if self._is_out:
                self.refused.set()
                return False
            self._connections.add(connection)
            return True

    def _leave(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _forward(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        upstream = http.client.HTTPSConnection(self._upstream.hostname, self._upstream.port, context=context)
        try:
            headers = {name: value for name, value in request.headers.items()
                       if name.lower() not in ("host", "connection", "accept-encoding")}
            upstream.request(request.command, request.path, body, headers)
            response = upstream.getresponse()
            path = urllib.parse.urlsplit(request.path).path
            if request.command != "GET" and not any(part in path for part in NOISE):
                self.after_write(request.command, path)
            self._relay(request, response)
        except (OSError, http.client.HTTPException):  # One of the two has gone.
            request.close_connection = True
        finally:
            upstream.close()

    @staticmethod
    def _relay(request: http.server.BaseHTTPRequestHandler, response: http.client.HTTPResponse) -> None:
        request.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                request.send_header(name, value)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        while chunk := response.read1(1 << 16):  # A watch ends when the API server ends it.
            request.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            request.wfile.flush()
        request.wfile.write(b"0\r\n\r\n")
