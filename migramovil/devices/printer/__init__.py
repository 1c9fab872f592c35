"""Drivers of slip printers."""
