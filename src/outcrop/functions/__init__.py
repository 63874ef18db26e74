"""Functions: packages, isolated warm processes and the Runtime API they are served. It knows no Lambda API."""
