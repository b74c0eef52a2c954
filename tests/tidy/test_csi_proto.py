"""api/csi/*.proto say what the official files of the pinned Go modules say."""

import json
import re
import shutil
import subprocess

import pytest

from conftest import ROOT

API = ROOT / "api/csi"
SPEC = ROOT / "tests/tidy/csi-spec"
# Methods of the official services that we do not serve.
LEFT_OUT = {
    ".csi.v1.Controller": {
        "ControllerPublishVolume", "ControllerUnpublishVolume", "ListVolumes", "GetCapacity",
        "CreateSnapshot", "DeleteSnapshot", "ListSnapshots", "GetSnapshot",
        "ControllerExpandVolume", "ControllerGetVolume", "ControllerModifyVolume"},
    ".csi.v1.Node": {"NodeExpandVolume"},
}


def parse_text(text: str) -> dict:
    """protoc's text format as {name: [value or dict, ...]}."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[{}:]|[^\s{}:]+', text)
    at = 0

    def block() -> dict:
        nonlocal at
        fields: dict = {}
        while at < len(tokens) and tokens[at] != "}":
            name = tokens[at]
            if tokens[at + 1] == "{":
                at += 2
                value = block()
                assert tokens[at] == "}"
                at += 1
            else:
                assert tokens[at + 1] == ":", tokens[at:at + 3]
                value = tokens[at + 2].strip('"')
                at += 3
            fields.setdefault(name, []).append(value)
        return fields

    parsed = block()
    assert at == len(tokens)
    return parsed


def describe(folder, file: str) -> dict:
    """{name: what the wire shows of it} of all messages, enums and services."""
    compiled = subprocess.run(
        ["protoc", f"-I{folder}", "--descriptor_set_out=/dev/stdout", file],
        check=True, capture_output=True).stdout
    text = subprocess.run(
        ["protoc", "--decode=google.protobuf.FileDescriptorSet",
         "google/protobuf/descriptor.proto"],
        input=compiled, check=True, capture_output=True).stdout.decode()
    proto = parse_text(text)["file"][0]
    found: dict = {}

    def enum(scope, item):
        found[f"{scope}.{item['name'][0]}"] = {
            value["name"][0]: value["number"][0] for value in item.get("value", [])}

    def message(scope, item):
        name = f"{scope}.{item['name'][0]}"
        oneofs = [each["name"][0] for each in item.get("oneof_decl", [])]
        found[name] = {}
        for field in item.get("field", []):
            # An unknown option (we know it by number only) is a secret's mark.
            options = json.dumps(field.get("options", []))
            found[name][field["name"][0]] = (
                field["number"][0], field["label"][0], field["type"][0],
                field.get("type_name", [""])[0],
                oneofs[int(field["oneof_index"][0])] if "oneof_index" in field else "",
                "1059" in options)
        for nested in item.get("nested_type", []):
            message(name, nested)
        for nested in item.get("enum_type", []):
            enum(name, nested)

    scope = "." + proto["package"][0]
    for item in proto.get("message_type", []):
        message(scope, item)
    for item in proto.get("enum_type", []):
        enum(scope, item)
    for item in proto.get("service", []):
        found[f"{scope}.{item['name'][0]}"] = {
            method["name"][0]: (method["input_type"][0], method["output_type"][0],
                                "server_streaming" in method)
            for method in item.get("method", [])}
    return found


def module_folder(module: str) -> str:
    if not shutil.which("go"):
        pytest.skip("needs Go, for the official files of the pinned modules")
    listing = subprocess.run(["go", "mod", "download", "-json", module], cwd=SPEC,
                             check=True, capture_output=True, text=True).stdout
    return json.loads(listing)["Dir"]


def test_csi_is_the_specification():
    ours = describe(API, "csi.proto")
    official = describe(module_folder("github.com/container-storage-interface/spec"), "csi.proto")
    assert len(ours) > 40
    for name, declared in ours.items():
        expected = {key: value for key, value in official[name].items()
                    if key not in LEFT_OUT.get(name, set())}
        assert declared == expected, name


def test_secrets_are_marked():
    marked = {f"{name}.{field}" for name, fields in describe(API, "csi.proto").items()
              for field, value in fields.items() if isinstance(value, tuple) and value[-1] is True}
    assert ".csi.v1.NodeStageVolumeRequest.secrets" in marked
    assert all(name.endswith(".secrets") for name in marked)


def test_registration_is_kubelets():
    ours = describe(API, "registration.proto")
    folder = module_folder("k8s.io/kubelet") + "/pkg/apis/pluginregistration/v1"
    assert ours == describe(folder, "api.proto")
