"""The Transport over SSH: one connection a host. Only this room knows Fabric and paramiko.

connection     ``connect`` and the Transport itself
chain          sockets, jump hosts and retries: a connection through every hop
target         what to connect to, and the limits; ``client_config/`` adds ~/.ssh/config
host_keys      which host keys are trusted: known_hosts, the policy, scanning a new host
login          keys, passwords, sudo, doas
streams        one command on one channel; ``held`` one that stays; ``quoting`` its line
forward        channels to a host's ports
watchdog       ends connections that fell silent; ``cancellation`` ends waits on Ctrl-C
errors         foreign exceptions translated into ours; ``algorithms`` ciphers, signs of life
openssh        configuration for the ssh program, for ``edgeboot ssh``
"""
