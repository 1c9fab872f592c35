"""Drivers of MRZ readers."""
