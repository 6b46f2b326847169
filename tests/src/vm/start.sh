#!/bin/sh
# The first process: makes the usual surroundings, runs the job with its output to the second serial line, ends.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root
# leaves alone what is there already
/bin/busybox --install -s 2>/dev/null
mkdir -p /proc /sys /dev /run /tmp /root /etc /var/lib /var/tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/null >/dev/console 2>&1
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname vm
ip link set lo up
stty -F /dev/ttyS1 raw
echo "job starts after $(cut -d ' ' -f 1 /proc/uptime) s"
{ sh /job 2>&1; echo "exit $?"; } >/dev/ttyS1
echo "job ended after $(cut -d ' ' -f 1 /proc/uptime) s"
reboot -f
