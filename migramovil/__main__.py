"""`python -m migramovil` is the command line."""

from migramovil.cli import main

if __name__ == "__main__":
    main()
