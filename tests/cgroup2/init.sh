#!/bin/busybox sh
# First process of the machine that long-run.ts starts. The files of the machine around it are there
# to be read, what is written stays in memory; control groups are of version 2, with all controllers.
b=/bin/busybox
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci fuse virtiofs overlay; do
  $b insmod /modules/$module.ko
done
$b mount -t virtiofs host /lower
$b mount -t tmpfs -o mode=755 upper /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root
cd /root
$b mount -t proc proc proc
$b mount -t sysfs sysfs sys
$b mount -t devtmpfs dev dev
$b mkdir -p dev/pts dev/shm
$b mount -t devpts pts dev/pts
$b mount -t tmpfs shm dev/shm
$b mount -t tmpfs -o mode=755 run run
$b mount -t cgroup2 -o nsdelegate cgroup2 sys/fs/cgroup
$b ip link set lo up
# The kernel hands on what it was told and does not know itself: clone, standing and suites.
exec $b switch_root /root /bin/bash "$clone/tests/cgroup2/inside.sh"
