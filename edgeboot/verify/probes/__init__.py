"""Pods that ask each other."""
