"""Invented devices and people: real code for training, demonstration and tests."""
