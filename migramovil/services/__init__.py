"""What people do here. Rules of the work; windows only show them."""
