"""The demonstration: the real pages and services, driven by keys, from chair to signed receipt."""
