"""How edgeboot talks to hosts.

base    the protocols: Transport, Held, Channel; commands and results as values
ssh     the real one; only it knows Fabric and paramiko
fake    hosts in memory, for tests
"""
