#!/bin/sh
# Makes a root directory of Debian packages and all that they depend on: debian-root.sh DIRECTORY PACKAGE...
#
# The packages come from the machine's own Debian mirror and are only unpacked: none of their scripts runs, so the users,
# links and files that these would make are the caller's to add. debootstrap runs them, and takes half a minute instead of
# a few seconds. Does nothing where the directory has been made of the same packages before.
set -eu

if [ $# -lt 2 ] || [ "$(id -u)" != 0 ]; then
  echo "usage: debian-root.sh DIRECTORY PACKAGE..., as root" >&2
  exit 2
fi
root=$1
shift
packages="base-files base-passwd bash coreutils dash libc-bin netbase $*"
version=$(cksum "$0" | cut -d ' ' -f 1)

if [ "$(cat "$root/.packages" 2>/dev/null)" = "$version $packages" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# With an empty list of installed packages, apt finds and fetches the whole closure, and leaves the host's own alone.
mkdir -p "$work/cache/archives/partial"
: >"$work/status"
fetch() {
  # shellcheck disable=SC2086 # one word each
  apt-get -q -y --no-install-recommends --download-only -o Dir::State::status="$work/status" \
    -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 install $packages
}
# Old lists name versions that the mirror no longer has.
fetch >"$work/log" 2>&1 || { apt-get -qq update && fetch; } >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }

rm -rf "$root" "$root.unfinished"
mkdir -p "$root.unfinished"
for name in bin sbin lib lib64; do
  mkdir -p "$root.unfinished/usr/$name"
  ln -s "usr/$name" "$root.unfinished/$name"
done
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root.unfinished" --keep-directory-symlink --numeric-owner \
    --exclude=./usr/share/doc --exclude=./usr/share/info --exclude=./usr/share/locale --exclude=./usr/share/man
done
cp "$root.unfinished/usr/share/base-passwd/passwd.master" "$root.unfinished/etc/passwd"
cp "$root.unfinished/usr/share/base-passwd/group.master" "$root.unfinished/etc/group"
cp "$root.unfinished/usr/share/libc-bin/nsswitch.conf" "$root.unfinished/etc/nsswitch.conf"
rmdir "$root.unfinished/var/run" "$root.unfinished/var/lock"
ln -s /run "$root.unfinished/var/run"
ln -s /run/lock "$root.unfinished/var/lock"
ldconfig -r "$root.unfinished"
echo "$version $packages" >"$root.unfinished/.packages"
mv "$root.unfinished" "$root"
