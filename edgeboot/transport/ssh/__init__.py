"""The Transport over SSH; the only room that knows Fabric and paramiko."""
