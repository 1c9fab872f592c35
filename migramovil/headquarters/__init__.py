"""The receiving side. It knows the subject and the wire, nothing of the station."""
