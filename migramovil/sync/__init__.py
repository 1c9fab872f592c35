"""The wire: a pure machine decides, a thin engine carries out."""
