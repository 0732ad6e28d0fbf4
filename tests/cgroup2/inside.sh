# Runs the suites that were asked for, as one whom a machine with version 2 has: root logged in beside
# a shell of somebody else's, root as a service of its own, or a user with a delegated group.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp/inside TMPDIR=/tmp/inside
cd "$clone" || exit
groups=/sys/fs/cgroup
uid=0
mkdir -m 755 $HOME $groups/own
case $standing in
  login)
    sleep 100000 &
    echo $! > $groups/own/cgroup.procs
    ;;
  user)
    uid=64332
    echo "+cpu +memory +pids" > $groups/cgroup.subtree_control
    chown $uid $HOME $groups/own $groups/own/cgroup.{procs,threads,subtree_control}
    ;;
esac
(
  echo $BASHPID > $groups/own/cgroup.procs
  exec setpriv --reuid $uid --regid $uid --clear-groups /bin/bash -c '
    node_modules/.bin/node tests/cgroup2/level.ts
    exec node_modules/.bin/node --test --test-concurrency=1 --test-reporter=tap ${suites//,/ }'
)
echo o > /proc/sysrq-trigger
sleep 100
