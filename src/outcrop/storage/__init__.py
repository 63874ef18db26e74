"""What outlives a process: the home folder, the database, objects, models and durable jobs.

Knows nothing of requests, signatures or wire names; services translate between those and this.
"""
