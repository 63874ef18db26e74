"""The steps of the chain, one file each; every step is a function of the call and the gateway."""
