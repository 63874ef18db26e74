"""AWS Secrets Manager: secrets in versions, with staging labels, resource policies and recovery windows.

Values are sealed before they reach the database: under this service's own key (the counterpart of AWS's
aws/secretsmanager), or under a data key of the KMS key that the secret names. Rotation is configured here and performed
once functions can be run.
"""
