"""Eyes: arrays in, measurements out. Nothing here decides."""
