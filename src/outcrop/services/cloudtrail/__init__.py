"""AWS CloudTrail: lookups in the audit trail, and the one trail that it is. It cannot be switched off."""
