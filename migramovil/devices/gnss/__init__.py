"""Drivers of satellite receivers."""
