"""The wire: AWS service models, protocols, routing, validation and signatures.

Knows nothing of the product: everything here is true of any server that speaks AWS's protocols.
"""
