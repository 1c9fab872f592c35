"""The enrollment station of the Migramóvil."""

__version__ = "0.1.0"
