#!/usr/bin/env python3
"""Writes a container image from folders, without a daemon and without a registry.

The archive is an OCI layout and a docker archive at once, so that
`ctr images import`, `docker load` and `podman load` all take it. The same
folders give the same bytes: entries are sorted, times are fixed, everything
belongs to root unless --owner says otherwise.
"""

import argparse
import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile

# Not zero: some tools take a file of 1970 for one without a time.
FIXED_TIME = 315532800  # 1980-01-01, the oldest time a zip file can carry
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHUNK = 1 << 20


def relative_paths(root):
    """Every path below root, parents before children, in a fixed order."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        # os.walk lists links to folders among the folders but does not enter.
        names = sorted(folders + files)
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def parse_owner(text):
    path, _, owner = text.partition("=")
    uid, _, gid = owner.partition(":")
    if not path or not uid.isdigit() or not (gid or uid).isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is not PATH=UID[:GID]")
    return path.strip("/"), int(uid), int(gid or uid)


def owner_of(path, owners):
    for prefix, uid, gid in owners:
        if path == prefix or path.startswith(prefix + "/"):
            return uid, gid
    return 0, 0


def write_layer(root, owners, out):
    """One uncompressed layer: importing it is a copy, and its size is honest."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in relative_paths(root):
            full = os.path.join(root, path)
            info = tar.gettarinfo(full, arcname=path)
            if info is None:
                raise ValueError(f"{full}: sockets have no place in an image")
            if info.ischr() or info.isblk():
                raise ValueError(f"{full}: devices have no place in an image")
            info.uid, info.gid = owner_of(path, owners)
            info.uname = info.gname = ""
            info.mtime = FIXED_TIME
            if info.isreg():
                with open(full, "rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


def sha256_of(file):
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class Archive:
    """The outer tar: blobs named by their digest, then the two indexes."""

    def __init__(self, out):
        self.tar = tarfile.open(fileobj=out, mode="w")
        self.written = set()
        for folder in ("blobs", "blobs/sha256"):
            info = self._info(folder, 0)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            self.tar.addfile(info)

    @staticmethod
    def _info(name, size):
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, FIXED_TIME, 0o644
        return info

    def add(self, name, data):
        self.tar.addfile(self._info(name, len(data)), io.BytesIO(data))

    def blob(self, file, media_type):
        """Adds the file and returns its OCI descriptor."""
        digest = sha256_of(file)
        size = file.seek(0, os.SEEK_END)
        if digest not in self.written:
            file.seek(0)
            self.tar.addfile(self._info(f"blobs/sha256/{digest}", size), file)
            self.written.add(digest)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}

    def json_blob(self, value, media_type):
        return self.blob(io.BytesIO(to_json(value)), media_type)

    def close(self):
        self.tar.close()


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def image_config(args, diff_ids):
    config = {
        "Cmd": args.cmd or None,
        "Entrypoint": args.entrypoint or None,
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        + args.env,
        "Labels": dict(label.split("=", 1) for label in args.label) or None,
        "User": args.user,
        "WorkingDir": args.workdir,
    }
    created = "1980-01-01T00:00:00Z"
    return {
        "architecture": ARCHITECTURES.get(os.uname().machine, os.uname().machine),
        "config": {key: value for key, value in config.items() if value},
        "created": created,
        "history": [{"created": created, "created_by": "mkimage"} for _ in diff_ids],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }


def write_image(args, out):
    oci = "application/vnd.oci.image"
    archive = Archive(out)
    layers = []
    for root in args.layer:
        # Beside the result: /tmp may be a small tmpfs.
        with tempfile.TemporaryFile(dir=os.path.dirname(out.name)) as layer:
            write_layer(root, args.owner, layer)
            layers.append(archive.blob(layer, f"{oci}.layer.v1.tar"))
    diff_ids = [layer["digest"] for layer in layers]  # uncompressed: the same
    config = archive.json_blob(image_config(args, diff_ids), f"{oci}.config.v1+json")
    manifest_type = f"{oci}.manifest.v1+json"
    manifest = archive.json_blob(
        {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers},
        manifest_type,
    )
    manifest["annotations"] = {
        "io.containerd.image.name": args.name,
        "org.opencontainers.image.ref.name": args.name.rpartition(":")[2],
    }
    index = {"schemaVersion": 2, "mediaType": f"{oci}.index.v1+json", "manifests": [manifest]}
    archive.add("index.json", to_json(index))
    archive.add("oci-layout", to_json({"imageLayoutVersion": "1.0.0"}))

    def blob_path(descriptor):
        return "blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")

    docker = {
        "Config": blob_path(config),
        "Layers": [blob_path(layer) for layer in layers],
        "RepoTags": [args.name],
    }
    archive.add("manifest.json", to_json([docker]))
    archive.close()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--output", required=True, help="the archive to write")
    add("--name", required=True, help="for example localhost/thing:dev")
    add("--layer", required=True, action="append", help="a folder; may be repeated")
    add("--owner", action="append", default=[], type=parse_owner, metavar="PATH=UID[:GID]",
        help="who owns a path and what is below it; root otherwise")
    add("--entrypoint", action="append", help="one word; may be repeated")
    add("--cmd", action="append", help="one word; may be repeated")
    add("--env", action="append", default=[], metavar="NAME=VALUE")
    add("--label", action="append", default=[], metavar="NAME=VALUE")
    add("--user", default="", help="UID[:GID] or a name from the image's passwd")
    add("--workdir", default="")
    args = parser.parse_args()
    if ":" not in args.name.rpartition("/")[2]:
        parser.error(f"--name {args.name}: has no tag")
    for option in args.env + args.label:
        if "=" not in option:
            parser.error(f"'{option}' is not NAME=VALUE")
    for root in args.layer:
        if not os.path.isdir(root):
            parser.error(f"--layer {root}: not a folder")
    return args


def main():
    args = parse_arguments()
    args.output = os.path.abspath(args.output)
    partial = args.output + ".new"
    try:
        with open(partial, "w+b") as out:
            write_image(args, out)
        os.rename(partial, args.output)
    except (OSError, ValueError) as error:
        if os.path.exists(partial):
            os.unlink(partial)
        sys.exit(f"mkimage: {error}")


if __name__ == "__main__":
    main()
