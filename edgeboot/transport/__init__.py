"""How edgeboot talks to hosts.

base    the protocols: Transport, Held, Channel; commands and results as values
ssh     over SSH; the only room that imports Fabric and paramiko
fake    hosts in memory, for tests
"""
