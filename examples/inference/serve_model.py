#!/usr/bin/env python3
"""An inference stand-in: loads a model's weights as an inference server does
(safetensors, memory-mapped) and answers over HTTP which model it serves.

    serve_model.py /mnt/datasets/model-weights/my-model --port 8000

GET /         {"model": …, "tensors": …, "bytes": …, "sum": …, "load_seconds": …}
GET /healthz  200 once the weights are loaded
"""

import argparse
import http.server
import json
import pathlib
import time

import numpy
from safetensors import safe_open


def load(folder: pathlib.Path) -> dict:
    """Maps each shard and sums its tensors, so that every byte is read."""
    begin = time.monotonic()
    config = json.loads((folder / "config.json").read_text())
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    tensors = total_bytes = 0
    total = 0.0
    for file in sorted(set(index["weight_map"].values())):
        with safe_open(folder / file, framework="numpy") as shard:
            for name in shard.keys():
                tensor = shard.get_tensor(name)
                tensors += 1
                total_bytes += tensor.nbytes
                total += float(numpy.sum(tensor, dtype=numpy.float64))
    return {
        "model": config["_name_or_path"],
        "tensors": tensors,
        "bytes": total_bytes,
        "sum": round(total, 3),
        "load_seconds": round(time.monotonic() - begin, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()

    loaded = load(args.folder)
    print(json.dumps(loaded), flush=True)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path in ("/", "/healthz")
            body = json.dumps(loaded if known else {"error": "not found"}).encode() + b"\n"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The probes of the kubelet are not worth a line each."""

    http.server.ThreadingHTTPServer(("", args.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
