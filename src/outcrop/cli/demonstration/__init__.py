"""The main job from end to end, as any boto3 client would do it; `run.py` reads from top to bottom."""
