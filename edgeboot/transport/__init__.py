"""How edgeboot talks to hosts; only ``ssh`` knows Fabric and paramiko."""
