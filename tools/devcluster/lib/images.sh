# shellcheck shell=bash
# The images of the cluster: built by tools/image into the cache, imported into
# containerd. A name that contains the hash of everything that went in is built
# once.

readonly IMAGE_TOOLS=$HERE/../image
readonly IMAGES=(pause coredns minio demo)

image_inputs() {
  local common=("$IMAGE_TOOLS"/lib.sh "$IMAGE_TOOLS"/mkimage.py)
  case $1 in
    pause) printf '%s\n' "${common[@]}" "$IMAGE_TOOLS"/{pause.c,pause-image.sh} ;;
    demo) printf '%s\n' "${common[@]}" "$IMAGE_TOOLS"/{demo-requirements.txt,demo-image.sh} "$IMAGE_TOOLS"/../../examples/inference/*.py ;;
    *) printf '%s\n' "${common[@]}" "$IMAGE_TOOLS"/static-image.sh ;;
  esac
}

# The path of an image's archive, built or not.
image_path() {
  local name=$1 program='' inputs
  mapfile -t inputs < <(image_inputs "$name")
  # The path of a program says what is in it.
  case $name in coredns | minio) program=$(bin_path "$name") ;; esac
  echo "$CACHE/images/$name-$(hash_of "${inputs[@]}" <<<"$program").tar"
}

make_image() {
  local name=$1 out=$2
  case $name in
    pause | demo) "$IMAGE_TOOLS/$name-image.sh" "$out" ;;
    *) "$IMAGE_TOOLS/static-image.sh" "$(bin_path "$name")" "$out" ;;
  esac
}

build_image() {
  local name=$1 label=$2 out log=$CACHE/log/image-$1.log start=$EPOCHREALTIME lock
  out=$(image_path "$name")
  [[ ! -e $out ]] || return 0
  mkdir -p "$CACHE/images" "$CACHE/log"
  printf '%simage %s ... ' "$label" "$name" >&2
  exec {lock}>"$CACHE/images/$name.lock"
  flock "$lock"
  if [[ ! -e $out ]] && ! make_image "$name" "$out" >"$log" 2>&1; then
    echo 'FAILED' >&2
    show_log "$log"
    die "image $name did not build"
  fi
  exec {lock}>&-
  printf '%s s\n' "$(seconds_since "$start")" >&2
}

build_images() {
  local name number=0
  for name in "${IMAGES[@]}"; do
    number=$((number + 1))
    build_image "$name" "[$number/${#IMAGES[@]}] "
  done
}

# Imports what this containerd does not have yet.
import_images() {
  local name path
  mkdir -p "$STATE/images"
  for name in "${IMAGES[@]}"; do
    path=$(image_path "$name")
    [[ $(cat "$STATE/images/$name" 2>/dev/null) != "$path" ]] || continue
    images import "$path" >"$LOG/import-$name.log" 2>&1 || {
      show_log "$LOG/import-$name.log"
      die "containerd did not take the image $path"
    }
    echo "$path" >"$STATE/images/$name"
  done
}

load_image() {
  local tar=$1
  require_root load-image
  [[ -f $tar ]] || die "$tar: no such file"
  main_pid containerd >/dev/null || die "the cluster is not up"
  images import "$tar"
}
