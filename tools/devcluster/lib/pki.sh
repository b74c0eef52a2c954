# shellcheck shell=bash
# Certificates and kubeconfigs: three authorities, a certificate for each
# component, nothing shared but the authority.

# Distinguished names come from the command line; without this file openssl adds
# the extensions of the machine's own configuration.
openssl_config() { printf '[req]\ndistinguished_name = dn\n[dn]\n'; }

authority() {
  local name=$1
  openssl req -x509 -config <(openssl_config) -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -nodes -keyout "$PKI/$name.key" -out "$PKI/$name.crt" -days 3650 -subj "/CN=$name" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,digitalSignature \
    2>>"$LOG/pki.log"
}

# certificate AUTHORITY NAME SUBJECT USAGE [SUBJECT_ALT_NAMES]
certificate() {
  local authority=$1 name=$2 subject=$3 usage=$4 names=${5:-}
  openssl req -x509 -config <(openssl_config) -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
    -nodes -keyout "$PKI/$name.key" -out "$PKI/$name.crt" -days 3650 -subj "$subject" \
    -CA "$PKI/$authority.crt" -CAkey "$PKI/$authority.key" \
    -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
    -addext "extendedKeyUsage=$usage" ${names:+-addext "subjectAltName=$names"} \
    2>>"$LOG/pki.log"
}

# kubeconfig NAME FILE: certificates embedded, so that the file can be copied.
kubeconfig() {
  local name=$1 file=$2
  cat >"$file" <<EOF
apiVersion: v1
kind: Config
clusters:
  - name: devcluster
    cluster:
      server: $API_URL
      certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
  - name: $name
    user:
      client-certificate-data: $(base64 -w0 "$PKI/$name.crt")
      client-key-data: $(base64 -w0 "$PKI/$name.key")
contexts:
  - name: devcluster
    context: {cluster: devcluster, user: $name}
current-context: devcluster
EOF
}

make_certificates() {
  local service=kubernetes.default.svc name
  authority ca
  authority front-proxy-ca
  authority etcd-ca
  certificate etcd-ca etcd /CN=etcd serverAuth IP:127.0.0.1
  certificate etcd-ca apiserver-etcd /CN=kube-apiserver clientAuth
  certificate ca apiserver /CN=kube-apiserver serverAuth \
    "IP:$NODE_IP,IP:$KUBERNETES_IP,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local"
  certificate ca apiserver-kubelet /CN=kube-apiserver-kubelet-client clientAuth
  certificate front-proxy-ca front-proxy /CN=front-proxy-client clientAuth
  certificate ca kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" serverAuth,clientAuth \
    "IP:$NODE_IP,DNS:$NODE_NAME"
  for name in kube-controller-manager kube-scheduler kube-proxy; do
    certificate ca "$name" "/CN=system:$name" clientAuth
  done
  certificate ca admin /O=system:masters/CN=admin clientAuth
  openssl genrsa -out "$PKI/service-accounts.key" 2048 2>>"$LOG/pki.log"
  openssl rsa -in "$PKI/service-accounts.key" -pubout -out "$PKI/service-accounts.pub" 2>>"$LOG/pki.log"
}

pki_up() {
  [[ ! -e $PKI/complete ]] || return 0
  mkdir -p "$PKI"
  chmod 700 "$PKI"
  make_certificates || { show_log "$LOG/pki.log"; die "openssl failed"; }
  local name
  for name in kubelet kube-controller-manager kube-scheduler kube-proxy; do
    kubeconfig "$name" "$PKI/$name.kubeconfig"
  done
  kubeconfig admin "$ADMIN_KUBECONFIG"
  private_to_caller "$ADMIN_KUBECONFIG"
  touch "$PKI/complete"
}
