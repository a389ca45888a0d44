"""A stand-in for a Qdrant: the requests that polysight makes, answered by the in-memory mode of qdrant-client.

    python stand_in.py PORT

It is not a Qdrant. Its filters, scores and pages are those that Qdrant's own authors keep in step with their server; the HTTP
around them is read off Qdrant's OpenAPI description. docs/adr/0001-index.md says when the tests last ran on a real one.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from threading import Lock
from urllib.parse import urlsplit

from qdrant_client import QdrantClient, models


class Refused(Exception):
    """An HTTP status and what is wrong."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Collections:
    """What is kept, by method and path."""

    def __init__(self):
        self.client = QdrantClient(":memory:")
        self.lock = Lock()

    def answer(self, method, path, body):
        """The `result` of an answer."""
        match method, path.strip("/").split("/"):
            case "PUT", ["collections", name]:
                return self.make(name, body)
            case "DELETE", ["collections", name]:
                return self.existing(name).delete_collection(name)
            case "GET", ["collections", name]:
                return plain(self.existing(name).get_collection(name))
            case "PUT", ["collections", name, "index"]:
                # Everything is compared one by one here.
                self.existing(name)
                return {"status": "completed"}
            case "PUT", ["collections", name, "points"]:
                points = [models.PointStruct.model_validate(point) for point in body["points"]]
                return plain(self.existing(name).upsert(name, points))
            case "POST", ["collections", name, "points"]:
                return plain(self.existing(name).retrieve(name, body["ids"], body["with_payload"], body["with_vector"]))
            case "PUT", ["collections", name, "points", "payload"]:
                return plain(self.existing(name).overwrite_payload(name, body["payload"], body["points"]))
            case "POST", ["collections", name, "points", "delete"]:
                return plain(self.existing(name).delete(name, models.PointIdsList(points=body["points"])))
            case "POST", ["collections", name, "points", "count"]:
                return plain(self.existing(name).count(name))
            case "POST", ["collections", name, "points", "scroll"]:
                points, offset = self.existing(name).scroll(
                    name,
                    limit=body["limit"],
                    offset=body.get("offset"),
                    with_payload=body["with_payload"],
                    with_vectors=body["with_vector"],
                )
                return {"points": plain(points), "next_page_offset": offset}
            case "POST", ["collections", name, "points", "query"]:
                found = self.existing(name).query_points(
                    name,
                    query=body["query"],
                    limit=body["limit"],
                    query_filter=models.Filter.model_validate(body.get("filter", {})),
                    with_payload=body["with_payload"],
                )
                return plain(found)
        raise Refused(404, f"{method} {path} is not one of the requests that polysight makes")

    def existing(self, name):
        if not self.client.collection_exists(name):
            raise Refused(404, f"there is no collection {name}")
        return self.client

    def make(self, name, body):
        if self.client.collection_exists(name):
            raise Refused(409, f"there is a collection {name} already")
        vectors = models.VectorParams.model_validate(body["vectors"])
        return self.client.create_collection(name, vectors, metadata=body["metadata"])


def plain(value):
    """As JSON has it."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.model_dump(mode="json")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collections = Collections()

    def handle_any(self):
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length) or b"null")
        path = urlsplit(self.path).path
        try:
            if path == "/":
                status, reply = 200, {"title": "stand-in", "version": version("qdrant-client")}
            else:
                with self.collections.lock:
                    result = self.collections.answer(self.command, path, body)
                status, reply = 200, {"result": result, "status": "ok"}
        except Refused as refused:
            status, reply = refused.status, {"status": {"error": str(refused)}}
        except Exception as error:
            status, reply = 400, {"status": {"error": repr(error)}}
        reply = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
