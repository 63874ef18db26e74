"""Customization jobs as processes: a folder per job, a worker that trains in it, a supervisor that keeps it alive.

The supervisor runs in the server and never imports torch; the worker (outcrop.training.worker) is a process of its own.
"""
