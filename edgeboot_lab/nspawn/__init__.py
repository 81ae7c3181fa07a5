"""The first driver: systemd-nspawn containers that boot real Debian."""
