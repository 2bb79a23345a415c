#!/bin/sh
# Builds ./root: nginx and what it needs.
set -eu
cd "$(dirname "$0")"
../debian-root.sh root nginx
