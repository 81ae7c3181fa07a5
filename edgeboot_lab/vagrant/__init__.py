"""The second driver: virtual machines by Vagrant."""
