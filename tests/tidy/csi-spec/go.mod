// The official definitions that tests/tidy/test_csi_proto.py compares
// api/csi/*.proto with. Holds no Go code.
module datashim.io/tests/csi-spec

go 1.22

require (
	github.com/container-storage-interface/spec v1.12.0
	k8s.io/kubelet v0.34.4
)
