"""The training worker: a process that reads a job folder and leaves a result in it.

Runs as `python -m outcrop.training.worker FOLDER`, started by the supervisor or by hand. The only part of
training that imports torch.
"""
