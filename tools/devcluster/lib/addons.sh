# shellcheck shell=bash
# What runs in the cluster from the start: CoreDNS, MinIO, one cluster role binding.

s3_credentials() {
  if [[ ! -e $STATE/s3.env ]]; then
    # Made for this cluster and ending with it; nobody types them.
    touch "$STATE/s3.env.new"
    private_to_caller "$STATE/s3.env.new"
    printf 'S3_ACCESS_KEY=dev%s\nS3_SECRET_KEY=%s\n' \
      "$(openssl rand -hex 8)" "$(openssl rand -hex 20)" >"$STATE/s3.env.new"
    mv "$STATE/s3.env.new" "$STATE/s3.env"
  fi
  # shellcheck source=/dev/null
  source "$STATE/s3.env"
}

# The manifests with the values of this cluster. The names of the image archives
# make a Deployment roll when its image is another one.
render_manifests() {
  s3_credentials
  cat "$HERE"/manifests/*.yaml | sed \
    -e "s|@DNS_IP@|$DNS_IP|g" -e "s|@S3_IP@|$S3_IP|g" \
    -e "s|@COREDNS_IMAGE@|$(basename "$(image_path coredns)")|g" \
    -e "s|@MINIO_IMAGE@|$(basename "$(image_path minio)")|g" \
    -e "s|@S3_ACCESS_KEY@|$S3_ACCESS_KEY|g" -e "s|@S3_SECRET_KEY@|$S3_SECRET_KEY|g"
}

apply_addons() {
  render_manifests | kube apply -f - >"$LOG/addons.log" 2>&1 || {
    show_log "$LOG/addons.log"
    die "kube-apiserver did not take the manifests"
  }
}

# wait_for_deployment NAMESPACE NAME SECONDS
wait_for_deployment() {
  local namespace=$1 name=$2 seconds=$3
  kube --namespace "$namespace" rollout status "deployment/$name" --timeout "${seconds}s" \
    >"$LOG/$name.log" 2>&1 && {
    say "$name is ready"
    return
  }
  {
    kube --namespace "$namespace" get pods -o wide
    kube --namespace "$namespace" get events --sort-by .lastTimestamp
    kube --namespace "$namespace" logs "deployment/$name" --tail 20
  } >>"$LOG/$name.log" 2>&1 || true
  component_failed "$name" "was not available within $seconds s"
}
