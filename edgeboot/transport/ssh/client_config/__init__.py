"""``~/.ssh/config`` and ``/etc/ssh/ssh_config``: what they say about a target.

resolve    a target and what the configuration says about it become a chain of hops
readers    who reads the configuration: ``ssh -G`` where ssh is installed, else our own reader
program    asks ssh
subset     reads the files itself: what needs no program, no DNS and no network
files      the files as lines, ``Include`` followed
settings   what is taken from the configuration
tokens     ``%h`` and ``${HOME}`` in paths
"""
