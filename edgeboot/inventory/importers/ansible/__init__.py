"""Ansible's inventories, as far as files describe them: hosts, groups, and variables.

model      hosts, groups and whose variables win
ini        the INI form; ``yaml`` the YAML form; ``hosts`` ranges, ports and addresses in names
variables  ``group_vars`` and ``host_vars`` beside the inventory and beside the playbooks
templates  simple references in Jinja2's syntax
k3s        which groups are servers and agents, and what becomes of the variables
"""
