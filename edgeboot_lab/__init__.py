"""Throw-away hosts to try edgeboot on: systemd-nspawn containers that boot real Debian.

(Or virtual machines by Vagrant, the second driver: :mod:`edgeboot_lab.vagrant`. The rest of this is
about containers.)

A lab is a few hosts (``server-1``, ``agent-1``, ``agent-2``, …) on one bridge. Each boots systemd
and OpenSSH, and has its own network namespace, address, host key, machine-id and memory ceiling;
none has Python. They run a real K3s (``facts``: full capabilities, key rings, bpf, a writable
/proc/sys), so a lab is **no security boundary**: root in a lab host is root on the machine, and
what K3s writes into kernel-wide settings (``vm.overcommit_memory``, ``kernel.panic``) it writes for
the machine.

The entry point is :mod:`edgeboot_lab.lab` (``up``, ``down``, ``list_labs``, ``find_host``);
operations on one host are on :class:`edgeboot_lab.nspawn.hosts.LabHost`. The rest, bottom up:

    errors  run  names  locks  state     expected errors, commands, derived names, lab.json
    requirements                         what the machine needs
    cgroup/                              control groups: base, v1, v2, and which this machine has
    nspawn/                              containers: image, rootfs, mounts, network, boot, hosts
    access  inventory_file               keys, ssh command line, the inventory
    teardown  lab                        removing every trace; the lab
    vagrant/                             the second driver: virtual machines

Every kernel object carries a name derived from the lab's, so ``down`` finds it without a record: a
controller killed at any point leaves nothing that the next ``up`` or ``down`` of that name misses.
Lab names are machine-wide, whatever the state directory.

/proc/meminfo in a host shows the machine's memory, not the host's ceiling: a file bound over it
would be static, and a MemAvailable that never moves misleads more than it helps. The ceiling is in
``memory.limit_in_bytes`` (cgroup v1) or ``memory.max`` (v2).
"""
