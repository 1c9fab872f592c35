"""Disk: the only room of the station with SQL."""
