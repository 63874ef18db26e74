"""Service Quotas: what the account may have of everything, and requests for more.

A request waits until an administrator of this installation grants or denies it (`outcrop quotas grant`).
"""
