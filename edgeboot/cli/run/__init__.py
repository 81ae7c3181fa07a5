"""What a command that works on hosts needs: inventory, bundle, connections, log."""
