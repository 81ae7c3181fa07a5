"""Memory and CPU limits of hosts: cgroup v1 and v2."""
