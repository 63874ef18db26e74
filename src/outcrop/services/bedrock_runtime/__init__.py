"""Amazon Bedrock Runtime: talking to models.

invoke_model.py and converse.py hold the operations, each plain and streamed; targets.py finds the model that an
identifier means, generation.py runs it and turns engine failures into AWS's errors. Whatever goes wrong before the
first token is an ordinary HTTP error; afterwards it ends the stream as an exception event.
"""
