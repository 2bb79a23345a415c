#!/bin/sh
# Builds ./root: Apache and PHP; and ./www: the site, which belongs to the customer, user 1000.
set -eu
cd "$(dirname "$0")"
../debian-root.sh root apache2 libapache2-mod-php
cp root/usr/lib/php/8.2/php.ini-production root/etc/php/8.2/apache2/php.ini
mkdir -p www
cp -r site/. www
chown -R 1000:1000 www
