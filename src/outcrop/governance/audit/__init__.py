"""The audit trail: every call is one event in files that notice each change made to them.

`events.py` turns a call into CloudTrail's record, `trail.py` appends it to the month's partition, `verification.py`
checks a folder without the server or its secrets, `lookup.py` finds events again. What is written and what is
hidden is said by `masking.py`; why nobody can change the past unseen stands in docs/concepts/audit.md.
"""
