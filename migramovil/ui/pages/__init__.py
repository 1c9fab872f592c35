"""The station's pages, each over the desk's services and made of the kit alone."""
