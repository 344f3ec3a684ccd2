"""A server that speaks S3, in this process; a test may have it break off."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse

import boto3
import pytest

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "of-the-tests", "AWS_SECRET_ACCESS_KEY": "of-the-tests"}


class Server:
    """Objects in memory, by moto's server; `breaks` says of a method and of how many objects it has asked for so far
    whether this time fails.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        self.url = self.bucket = ""
        self.reset()

    def reset(self) -> None:
        """Serve everything again."""
        self.breaks: Callable[[str, int], bool] = lambda method, number: False
        self.asked: Counter[str] = Counter()
        self.lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """As WSGI calls it."""
        method = environ["REQUEST_METHOD"]
        if environ["PATH_INFO"].strip("/").count("/"):  # an object, in a bucket
            with self.lock:
                self.asked[method] += 1
                number = self.asked[method]
            if self.breaks(method, number):
                start_response("503 Service Unavailable", [("Content-Length", "0")])
                return []
        return self.app(environ, start_response)

    def objects(self) -> set[str]:
        """The names of what is stored."""
        listed = boto3.resource("s3", endpoint_url=self.url, region_name="us-east-1").Bucket(self.bucket).objects.all()
        return {each.key for each in listed}


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """On a free port of this machine alone; what reads credentials from the environment finds some."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = Server(DomainDispatcherApplication(create_backend_app))
    listening = make_server("127.0.0.1", 0, server, threaded=True)
    server.url = f"http://127.0.0.1:{listening.port}"
    server.bucket = f"team-{listening.port}"  # moto keeps what is stored in the process
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        boto3.client("s3", endpoint_url=server.url).create_bucket(Bucket=server.bucket)
        yield server
    finally:
        listening.shutdown()
        thread.join()
