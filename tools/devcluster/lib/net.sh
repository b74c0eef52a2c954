# shellcheck shell=bash
# The network of the cluster: a network namespace that is the node, joined to the
# machine by one pair of veth interfaces.
#
#   machine  $LINK 10.213.255.1 --- 10.213.255.2 eth0  node
#                                   10.213.0.1   cni0  (kube-apiserver, kubelet, ...)
#                                   10.213.0.0/17      pods, behind cni0
#                                   10.213.128.0/18    services: kube-proxy's rules
#
# So the cluster's ports, iptables rules and interfaces meet nobody else's, and
# they end with the namespace. One route makes pods and services reachable from
# the machine. There is no way out of the machine.

readonly NETNS=$RUN/netns
readonly LINK=dsdev0

in_node() { nsenter --net="$NETNS" "$@"; }

refuse_taken_network() {
  [[ ! -d /sys/class/net/$LINK ]] || return 0
  local others
  others=$({ ip -4 route show root "$NET.0.0/16"; ip -4 route show match "$NET.0.0/16"; } |
    grep -v '^default' || true)
  [[ -z $others ]] ||
    die "the machine has a route into $NET.0.0/16 ($others); set DATASHIM_DEVCLUSTER_NET to two other octets"
}

network_up() {
  [[ ! -e $RUN/network-complete ]] || return 0
  # What an interrupted `up` may have left half made.
  network_down
  if is_mounted "$NETNS"; then umount "$NETNS"; fi
  touch "$NETNS"
  unshare --net="$NETNS" true
  in_node ip link set lo up
  in_node sysctl -qw net.ipv4.ip_forward=1
  # Pods on one bridge reach each other through services only if bridged packets
  # pass the rules of kube-proxy too.
  [[ -d /proc/sys/net/bridge ]] || modprobe br_netfilter || die "the kernel has no br_netfilter"
  in_node sysctl -qw net.bridge.bridge-nf-call-iptables=1
  in_node ip link add cni0 type bridge
  in_node ip address add "$NODE_IP/17" dev cni0
  in_node ip link set cni0 up
  # Service addresses are nobody's: kube-proxy's rules turn them into those of
  # pods, but the kernel wants a route before it asks the rules.
  in_node ip route add "$SERVICE_CIDR" dev cni0
  # Made inside and moved out, so that a half-made pair goes with the namespace.
  in_node ip link add eth0 type veth peer name "$LINK" netns $$
  in_node ip address add "$LINK_IP/30" dev eth0
  in_node ip link set eth0 up
  ip address add "$HOST_IP/30" dev "$LINK"
  ip link set "$LINK" up
  ip route add "$NET.0.0/16" via "$LINK_IP" dev "$LINK"
  touch "$RUN/network-complete"
}

network_down() {
  if [[ -d /sys/class/net/$LINK ]]; then ip link delete "$LINK"; fi
}
