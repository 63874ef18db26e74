"""Verification of AWS signatures: SigV4 in headers, URLs and chunked bodies, and SigV2 in URLs.

Pure: given a request, a secret and the time, a function here verifies or refuses. Who owns a key and what
they may do is not known here. Strings are compared in constant time; nothing here logs.
"""
