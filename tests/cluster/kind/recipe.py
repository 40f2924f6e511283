"""What a node's image is made of: kind's own recipe, with what Debian and our builds have. Pure.

Source: `images/base` and `pkg/build/nodeimage` of kind. Its files are taken from its module when
the image is built; what its Dockerfile does with them is in `CONFIGURE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..archive import Image
from ..versions import Kubernetes

PROGRAM: Final = "/usr/local/bin/kubernetes"
COREDNS: Final = "/coredns"
PARTS: Final = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"),
    "kubectl",
)
"""What is called by its name in containers: links to the one program."""
NODE_PARTS: Final = ("kubelet", "kubeadm", "kubectl")
"""What is called by its name on a node."""
NETWORK_IMAGE: Final = "localhost/eurekube/pod-network:1"

_PACKAGES: Final = (
    *("systemd", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod", "procps"),
    *("jq", "containerd", "runc", "containernetworking-plugins"),
)

INSTALL: Final = f"""
cd "$1"
mount -t proc proc proc
cp --remove-destination /etc/resolv.conf etc/resolv.conf
printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod +x usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive
chroot . apt-get -q update
chroot . apt-get -q install --yes --no-install-recommends -o Dpkg::Options::=--force-unsafe-io \\
  {" ".join(_PACKAGES)}
rm -rf usr/sbin/policy-rc.d var/cache/* var/log/* var/lib/apt/lists/* usr/lib/python3*
rm -rf usr/bin/python3* usr/share/python* usr/share/doc usr/share/man usr/share/locale
rm -f usr/bin/containerd-shim usr/bin/containerd-shim-runc-v1 usr/bin/containerd-stress
umount proc
"""
"""Adds to the base image's tree at `$1` what a node runs, and takes its Python away: as files, as
dpkg would take seconds."""

CONFIGURE: Final = r"""
cd "$1"
cp -r "$2"/usr/local/bin/. usr/local/bin/
cp -r "$2"/kind "$2"/etc .
chmod -R u=rwX,go=rX kind etc/containerd etc/default etc/sysctl.d etc/systemd
chmod 755 usr/local/bin/* kind/bin/*
rm -f lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
rm -f lib/systemd/system/multi-user.target.wants/* etc/systemd/system/*.wants/*
rm -f lib/systemd/system/local-fs.target.wants/* lib/systemd/system/basic.target.wants/*
rm -f lib/systemd/system/sockets.target.wants/*udev*
rm -f lib/systemd/system/sockets.target.wants/*initctl*
echo ReadKMsg=no >> etc/systemd/journald.conf
ln -sf /usr/lib/systemd/systemd sbin/init
for unit in kubelet containerd undo-mount-hacks; do
  mkdir -p etc/systemd/system/multi-user.target.wants
  ln -sf /etc/systemd/system/$unit.service etc/systemd/system/multi-user.target.wants/
done
ln -sf /dev/null etc/systemd/system/systemd-binfmt.service
sed -i '0,/^set -o pipefail$/s//&\n. keep-sysctls.sh/' usr/local/bin/entrypoint
grep -q '^. keep-sysctls.sh$' usr/local/bin/entrypoint
rm -f usr/lib/sysctl.d/*
mkdir -p etc/kubernetes/manifests kind/manifests opt/cni/bin usr/local/sbin
chroot . ctr oci spec > spec.json
hooks='.hooks.createContainer = [{"path": "/kind/bin/mount-product-files.sh"}]'
chroot . jq "$hooks | del(.process.rlimits)" < spec.json > etc/containerd/cri-base.json
rm spec.json
for name in containerd ctr containerd-shim-runc-v2; do ln -sf /usr/bin/$name usr/local/bin/; done
ln -sf /usr/sbin/runc usr/local/sbin/runc
for name in host-local loopback ptp portmap; do mv usr/lib/cni/$name opt/cni/bin/; done
rm -rf usr/lib/cni
sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' etc/containerd/config.toml
sed -i "s|sandbox_image = .*|sandbox_image = \"$3\"|" etc/containerd/config.toml
"""
"""Does at `$1` what kind's Dockerfile does with its files at `$2`; `$3` is the pause image.

Before all else a node runs `KEEP_SYSCTLS`. Of the units only those that kind enables stay.
`restrict_oom_score_adj`: root may not be allowed to lower it. Debian has containerd, runc and the
plugins elsewhere than kind's units expect them.
"""

KEEP_SYSCTLS: Final = r"""
# A node may do everything, but what it sets of these it would set for the whole machine. systemd
# raises fs.file-max; a kubelet sets the others unless they are as it wants them, so it sees that.
mount --bind /proc/sys/fs /proc/sys/fs
mount -o remount,bind,ro /proc/sys/fs
while read -r name value; do
  echo "$value" > "/kind/sysctl-${name##*/}"
  mount --bind "/kind/sysctl-${name##*/}" "/proc/sys/$name"
done <<END
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
END
"""
"""What a kubelet wants is in `setupKernelTunables` of its container manager."""

TOOLS: Final = r"""
cd "$1"
mkdir -p "$2"/usr/local/bin "$2"/tmp "$2"/run
files="bin/sh bin/cat bin/ip usr/sbin/conntrack usr/sbin/nft usr/sbin/xtables-nft-multi"
files="$files $(echo usr/lib/*/xtables/*.so)"
libraries=$(chroot . ldd $files | grep -oE '(=> |^[[:space:]]+)/[^ ]+' | grep -o '/.*' | sort -u)
tar -chf - $files $(echo "$libraries" | cut -c2-) | tar -xf - -C "$2"
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
  ln -sf xtables-nft-multi "$2/usr/sbin/$name"
done
"""
"""Copies from the tree `$1` into `$2` what kube-proxy and the pods' network call.

The libraries of the plugins too: without `libm.so.6` `statistic` cannot be loaded, and Services
with two endpoints are dead.
"""

IMPORT: Final = r"""
cd "$1"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount --bind "$2" mnt
cat > run/import.sh <<'END'
containerd --config /run/none.toml > /run/log 2>&1 &
until ctr version > /run/version 2>&1; do kill -0 $! || { cat /run/log; exit 1; }; sleep 0.1; done
for name in kubernetes coredns pause; do
  ctr --namespace k8s.io images import --snapshotter overlayfs /mnt/$name.tar
done
while read -r name tag; do
  ctr --namespace k8s.io images tag --force "$name" "$tag"
done < /mnt/tags
ctr --namespace k8s.io content ls | while read -r blob size rest; do
  case $size in *[0-9]MB|*[0-9]MiB) ctr --namespace k8s.io content rm "$blob" ;; esac
done
kill $!
wait
END
echo 'version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]' > run/none.toml
chroot . sh -e /run/import.sh
snapshot=$(find var/lib/containerd -path "*/fs/usr/local/bin/kubernetes")
ln -f "$snapshot" usr/local/bin/kubernetes
find var/lib/containerd/io.containerd.content.v1.content/blobs -size +1M -delete
rm -rf var/lib/containerd/tmpmounts
umount mnt run proc
"""
"""Gives the images of folder `$2` to the containerd of the tree `$1`, where they stay unpacked.

The packed layers go, as `discard_unpacked_layers` of kind's configuration has it, and the node's
own program is the same file as that of the images: 460 MB, not 700.
"""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KUBERNETES_IMAGE: Final = Image("localhost/eurekube/kubernetes:1", environment={"PATH": _PATH})
COREDNS_IMAGE: Final = Image("localhost/eurekube/coredns:1", entrypoint=(COREDNS,))


def node_image(version: Kubernetes) -> Image:
    """How the image of a node is called and started."""
    return Image(
        f"localhost/eurekube/kind-node:v{version}",
        entrypoint=("/usr/local/bin/entrypoint", "/sbin/init"),
        environment={"container": "docker", "PATH": _PATH},
        stop_signal="SIGRTMIN+3",
    )


def tags(listed: Sequence[str], pause: str) -> list[tuple[str, str]]:
    """Which image has which further name; `listed` is what `kubeadm config images list` prints.

    `pause` is what the pause image is called by itself.
    """
    found = [(KUBERNETES_IMAGE.name, NETWORK_IMAGE)]
    for name in listed:
        program = name.rpartition("/")[2].partition(":")[0]
        own = {"pause": pause, "coredns": COREDNS_IMAGE.name}.get(program, KUBERNETES_IMAGE.name)
        found.append((own, name))
    return found


def pause_image(listed: Sequence[str]) -> str:
    """What kubeadm of this version calls the pause image.

    Raises:
        ValueError: it lists none.
    """
    for name in listed:
        if "/pause:" in name:
            return name
    raise ValueError(f"kubeadm lists no pause image: {', '.join(listed) or 'nothing'}")


MADE_OF: Final = (
    *(INSTALL, CONFIGURE, KEEP_SYSCTLS, TOOLS, IMPORT),
    *(repr(image) for image in (KUBERNETES_IMAGE, COREDNS_IMAGE)),
    *(PROGRAM, COREDNS, *PARTS, *NODE_PARTS, NETWORK_IMAGE),
)
"""What decides on the image: when it changes, the image is built anew."""
