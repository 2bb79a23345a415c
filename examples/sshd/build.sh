#!/bin/sh
# Builds ./root: sshd with the user customer; ./home: that user's files, kept between containers; and keys: the server's
# in ./root, the customer's in ./keys, and what the client knows of both.
set -eu
cd "$(dirname "$0")"
../debian-root.sh root openssh-server procps
if ! grep -q ^customer: root/etc/passwd; then
  echo 'sshd:x:101:65534::/run/sshd:/usr/sbin/nologin' >>root/etc/passwd
  echo 'customer:x:1000:1000::/home/customer:/bin/bash' >>root/etc/passwd
  echo 'customer:x:1000:' >>root/etc/group
  ssh-keygen -q -t ed25519 -N '' -C '' -f root/etc/ssh/ssh_host_ed25519_key
fi
touch root/var/log/lastlog root/var/log/wtmp root/run/utmp # where sshd notes logins
mkdir -p root/run/sshd keys home/.ssh home/www
[ -e keys/customer ] || ssh-keygen -q -t ed25519 -N '' -C customer -f keys/customer
echo "customer-site $(cat root/etc/ssh/ssh_host_ed25519_key.pub)" >keys/known_hosts
cp keys/customer.pub home/.ssh/authorized_keys
chown -R 1000:1000 home
chmod 700 home home/.ssh
