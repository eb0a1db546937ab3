"""Transcripts of the client protocol: reading them, and playing them on a server."""
