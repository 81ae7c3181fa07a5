"""Logging in and becoming root.

auth         keys, certificates, passwords, in the order OpenSSH tries them
secrets      passwords and passphrases: asked for once, proved on one host first
sudo         sudo with a password
privilege    why a command did not start as root, in the words of sudo, doas and shells
"""
