"""Outcrop: model customization on your own machines, behind the AWS APIs people already use."""

__version__ = "0.1.0"
