#!/bin/busybox sh
# Stage 1, PID 1 from the initramfs: the host's root read-only by 9p, a tmpfs over it that takes every write; then stage
# 2 on that. The kernel hands over NIWA_VM_JOB from its command line: the host's folder that says what to do (job.mjs).
set -e
trap 'echo "niwa-vm: stage 1 failed"; /bin/busybox poweroff -f' EXIT

# Busybox finds its own applets by /proc/self/exe.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </modules/order

mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 host /host
mount -t tmpfs -o mode=755 over /over
mkdir /over/upper /over/work
mount -t overlay -o lowerdir=/host,upperdir=/over/upper,workdir=/over/work root /new
job=/host$NIWA_VM_JOB

# /run and /tmp are the guest's own; what is needed of the host's is kept visible in them.
mkdir /stage/run /stage/tmp
mount -t tmpfs -o mode=755 run /stage/run
mount -t tmpfs -o mode=1777 tmp /stage/tmp
while IFS= read -r folder; do
  mkdir -p "/stage$folder"
  mount --bind "/new$folder" "/stage$folder"
done <"$job/binds"
mkdir /stage/run/vm
cp /bin/busybox /stage2.sh "$job/environment" "$job/command" /stage/run/vm

for area in run tmp; do mount --move /stage/$area /new/$area; done
for area in sys dev proc; do mount --move /$area /new/$area; done
exec /bin/busybox switch_root /new /run/vm/busybox sh /run/vm/stage2.sh
