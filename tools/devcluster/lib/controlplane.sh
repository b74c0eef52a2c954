# shellcheck shell=bash
# etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

kube() { "$(bin_path kubectl)" --kubeconfig "$ADMIN_KUBECONFIG" "$@"; }

start_etcd() {
  # No fsync: the state dies with the machine's uptime anyway (see state_up).
  start etcd "$(bin_path etcd)" --name devcluster --data-dir "$STATE/etcd" \
    --listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --log-level warn --unsafe-no-fsync \
    --cert-file "$PKI/etcd.crt" --key-file "$PKI/etcd.key" \
    --client-cert-auth --trusted-ca-file "$PKI/etcd-ca.crt"
}

etcd_ready() {
  in_node curl -sf --cacert "$PKI/etcd-ca.crt" --cert "$PKI/apiserver-etcd.crt" \
    --key "$PKI/apiserver-etcd.key" https://127.0.0.1:2379/readyz
}

start_apiserver() {
  start kube-apiserver "$(bin_path kube-apiserver)" \
    --etcd-servers https://127.0.0.1:2379 --etcd-cafile "$PKI/etcd-ca.crt" \
    --etcd-certfile "$PKI/apiserver-etcd.crt" --etcd-keyfile "$PKI/apiserver-etcd.key" \
    --bind-address "$NODE_IP" --advertise-address "$NODE_IP" --secure-port 6443 \
    --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --client-ca-file "$PKI/ca.crt" \
    --kubelet-certificate-authority "$PKI/ca.crt" --kubelet-preferred-address-types InternalIP \
    --kubelet-client-certificate "$PKI/apiserver-kubelet.crt" \
    --kubelet-client-key "$PKI/apiserver-kubelet.key" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$PKI/service-accounts.pub" \
    --service-account-signing-key-file "$PKI/service-accounts.key" \
    --service-cluster-ip-range "$SERVICE_CIDR" --authorization-mode Node,RBAC \
    --enable-admission-plugins NodeRestriction,MutatingAdmissionWebhook,ValidatingAdmissionWebhook \
    --allow-privileged \
    --requestheader-client-ca-file "$PKI/front-proxy-ca.crt" \
    --requestheader-allowed-names front-proxy-client --requestheader-username-headers X-Remote-User \
    --requestheader-group-headers X-Remote-Group \
    --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$PKI/front-proxy.crt" --proxy-client-key-file "$PKI/front-proxy.key"
}

start_controller_manager() {
  start kube-controller-manager "$(bin_path kube-controller-manager)" \
    --kubeconfig "$PKI/kube-controller-manager.kubeconfig" --bind-address 127.0.0.1 \
    --service-account-private-key-file "$PKI/service-accounts.key" --root-ca-file "$PKI/ca.crt" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --use-service-account-credentials --leader-elect=false
}

start_scheduler() {
  start kube-scheduler "$(bin_path kube-scheduler)" \
    --kubeconfig "$PKI/kube-scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false
}

healthz() { in_node curl -sfk "$1"; }
