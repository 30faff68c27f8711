#!/usr/bin/env bash
# Runs one test of OpenSSH's suite as the first process of namespaces of its own:
#
#   unshare --mount --net --pid --fork --kill-child isolated.sh <folder> <test> <seconds>
#
# <folder> is a copy of the suite that the test may write in. Bash reaps what the
# test leaves behind, and what still runs at the end is killed with its namespace.
set -u
folder=$1 test=$2 limit=$3

mount --make-rprivate /
mount -t proc proc /proc
# Pid files, the folder of sshd's child, commands that sshd runs as another user.
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd
if [ -d "$HOME/.ssh" ]; then mount -t tmpfs -o mode=700 ssh "$HOME/.ssh"; fi
ip link set lo up

# A test that reads /dev/zero by mistake would fill the disk.
ulimit -f 2097152
cd "$folder"
if [ -z "${test##t[0-9]*}" ]; then
  timeout --kill-after=5 "$limit" make -s ".OBJDIR=$folder" ".CURDIR=$folder" "BUILDDIR=$folder" "OBJ=$folder" \
    "TEST_SSH_SSH=$TEST_SSH_SSH" "TEST_SSH_SSHKEYGEN=$TEST_SSH_SSHKEYGEN" "$test" </dev/zero &
else
  timeout --kill-after=5 "$limit" sh "$folder/test-exec.sh" "$folder" "$folder/$test.sh" </dev/zero &
fi
job=$!
# Only a shell that waits takes back the children of others.
while kill -0 "$job" 2>/dev/null; do
  wait -n
  status=$?
done
wait "$job"
status=$?
exit "$status"
