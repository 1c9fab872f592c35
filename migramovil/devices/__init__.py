"""Hardware. Drivers are dumb and blocking; a slot owns each device's state and its lane."""
