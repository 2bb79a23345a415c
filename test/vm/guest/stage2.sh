#!/run/vm/busybox sh
# Stage 2, PID 1 on the host's root: the mounts and cgroups of a booted machine, then the command, then its status.
# Bare names are busybox's own applets; /bin/sh and what the command runs are the host's.
set -e
trap 'echo "niwa-vm: stage 2 failed"; poweroff -f' EXIT

# Sets token, directory, modules and terminal, and exports the command's environment.
. /run/vm/environment
rm /run/vm/environment
unset NIWA_VM_JOB

mount --make-rshared /
mkdir -p /dev/pts /dev/shm /dev/mqueue /lib/modules
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
mount --bind "$modules" /lib/modules
ip link set lo up
hostname niwa-vm

# Controllers can be switched on in a group only while it has no processes of its own, so PID 1 moves to a leaf.
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/init
echo 1 >/sys/fs/cgroup/init/cgroup.procs
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done

if [ -n "$NIWA_VM_DISK" ]; then
  mkdir -p "$NIWA_VM_DISK"
  mount -t ext4 -o noatime /dev/vda "$NIWA_VM_DISK"
fi

# The port to the host can be opened only once, a FIFO as often as anybody likes (/dev/stdout). The status goes the same
# way as the output, so it arrives after the last byte of it; the host then ends the machine.
for port in /sys/class/virtio-ports/*; do
  if [ "$(cat "$port/name")" = niwa-vm ]; then device=/dev/${port##*/}; fi
done
mkfifo /run/vm/output
cat /run/vm/output >"$device" &
exec 3>/run/vm/output
tell() { printf '\001%s %s\n' "$token" "$1" >&3; }

cd "$directory"
tell up
set +e
if [ -n "$terminal" ]; then
  setsid -c sh -c "stty $terminal -onlcr; exec /bin/bash" <>/dev/hvc0 >&0 2>&1 3>&-
else
  setsid /bin/sh /run/vm/command </dev/null >&3 2>&1 3>&-
fi
tell $?
while :; do sleep 3600; done
