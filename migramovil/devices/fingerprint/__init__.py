"""Drivers of fingerprint readers."""
