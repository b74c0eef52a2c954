#!/usr/bin/env python3
"""Writes a synthetic model: safetensors shards, an index, config and tokenizer.

The weights are noise from a seed made of the model's name, so two models never
hold the same numbers and the same name always makes the same bytes.

    make_model.py --name llama-staging --mib 256 OUT_DIR
"""

import argparse
import json
import pathlib
import zlib

import numpy
from safetensors.numpy import save_file

SHARDS = 2
TENSOR_ROWS = 1024


def make_shard(path: pathlib.Path, seed: int, shard: int, mib: int) -> dict[str, int]:
    """One shard of `mib` MiB of float32 in tensors of 8 MiB; returns their sizes."""
    random = numpy.random.default_rng(seed + shard)
    columns = (8 << 20) // 4 // TENSOR_ROWS
    tensors = {
        f"layers.{shard}.{i}.weight": random.standard_normal((TENSOR_ROWS, columns), dtype=numpy.float32)
        for i in range(max(1, mib // 8))
    }
    save_file(tensors, path, metadata={"format": "np"})
    return {name: tensor.nbytes for name, tensor in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--mib", type=int, default=256, help="size of all weights (default: 256)")
    args = parser.parse_args()

    args.out.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(args.name.encode())
    weight_map, total = {}, 0
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        sizes = make_shard(args.out / file, seed, shard, args.mib // SHARDS)
        weight_map.update(dict.fromkeys(sizes, file))
        total += sum(sizes.values())
        print(f"wrote {file}", flush=True)

    documents = {
        "config.json": {"model_type": "synthetic", "_name_or_path": args.name},
        "model.safetensors.index.json": {"metadata": {"total_size": total}, "weight_map": weight_map},
        "tokenizer.json": {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"hello": 0, "world": 1}}},
        "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
    }
    for file, document in documents.items():
        (args.out / file).write_text(json.dumps(document, indent=2) + "\n")
    print(f"model {args.name}: {total >> 20} MiB in {args.out}", flush=True)


if __name__ == "__main__":
    main()
