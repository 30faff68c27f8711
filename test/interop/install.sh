#!/usr/bin/env bash
# Installs the servers of the laboratory: Debian's packages, databases and their npm
# drivers among them, and Debian 13 in a folder of its own for the newest OpenSSH. As root, on Debian 12 or later.
#   test/interop/install.sh          all of it
#   test/interop/install.sh --no-13  without Debian 13
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

# Each of these would start a server on the usual ports when it is installed.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  openssh-server openssh-client openssl procps \
  dropbear-bin tinysshd ucspi-tcp lsh-server lsh-utils \
  python3-asyncssh python3-paramiko python3-twisted python3-bcrypt \
  golang-go golang-golang-x-crypto-dev gcc libc6-dev libssh-dev libssl-dev \
  erlang-base erlang-crypto erlang-ssh proftpd-core proftpd-mod-crypto \
  ssh-audit debootstrap \
  postgresql mariadb-server-core mariadb-client-core redis-server
mkdir -p /run/sshd

# The drivers of these databases, as programs get them; none of them runs a script to install itself.
drivers=/var/cache/deadline-ssh/drivers
mkdir -p "$drivers"
npm install --prefix "$drivers" --ignore-scripts --no-audit --no-fund --silent \
  pg@8 mysql2@3 ioredis@5 mongodb@6 socks@2

target=/var/cache/deadline-ssh/trixie
if [ "${1:-}" != --no-13 ] && [ ! -x "$target/usr/sbin/sshd" ]; then
  # One of the two files is there, rarely both.
  mirror=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
    awk '/^URIs:/ { print $2; exit } /^deb / { sub(/\[[^]]*\] */, ""); print $2; exit }')
  rm -rf "$target"
  mkdir -p "$target"
  debootstrap --variant=minbase --include=openssh-server,openssh-client trixie "$target" "$mirror" >"$target.log" || {
    tail -n 20 "$target.log"
    exit 1
  }
fi
