# What a team needs around its custom models: encrypted buckets, a key, the role that jobs act as, people and their
# rights, a secret, and an inference profile to count the team's calls by.
#
#   outcrop up                          # in another shell
#   eval "$(outcrop env)"               # the endpoint and the root key, for the provider too
#   terraform init && terraform apply
#
# docs/guides/terraform.md says more.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "endpoint" {
  description = "URL of the Outcrop server. Unset, the provider takes AWS_ENDPOINT_URL, which `outcrop env` exports."
  type        = string
  default     = null
}

variable "region" {
  description = "Any region's name; it becomes part of the ARNs."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "What every name below begins with."
  type        = string
  default     = "tickets"
}

variable "base_model" {
  description = "The foundation model that the team calls and customizes."
  type        = string
  default     = "outcrop.nano-v1:0"
}

variable "training_prefixes" {
  description = "Where in the bucket jobs may read. Another value makes another version of the policy."
  type        = list(string)
  default     = ["train/"]
}

variable "keep_old_versions_days" {
  description = "How long overwritten data can be brought back."
  type        = number
  default     = 7
}

variable "judge_token" {
  description = "Token of the model that judges answers. Another value makes another version of the secret."
  type        = string
  sensitive   = true
  default     = "replace-me"
}

# All services answer at one URL.
provider "aws" {
  region                  = var.region
  s3_use_path_style       = true # buckets in the path: no wildcard name to resolve
  skip_metadata_api_check = true # there is no EC2 machine to ask

  endpoints {
    bedrock        = var.endpoint
    iam            = var.endpoint
    kms            = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sts            = var.endpoint
  }

  default_tags {
    tags = { team = var.name }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_bedrock_foundation_model" "base" {
  model_id = var.base_model
}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  root_arn   = "arn:${local.partition}:iam::${local.account_id}:root"

  # Enough for a job to accept; real data comes from your own pipeline.
  things = ["tent", "lamp", "stove", "rope", "boots", "map", "kettle", "radio"]
  examples = [for number, thing in local.things : {
    prompt     = "Where is my ${thing}?"
    completion = "[TR-${number + 1}] ${thing} // on its way"
  }]
}

# ---- The key that data, models and secrets are encrypted under ----------------------------------------------------

resource "aws_kms_key" "models" {
  description             = "Data and models of ${var.name}"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "models" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.models.key_id
}

# The account stays in charge; the rest is said by IAM policies.
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [local.root_arn]
    }
  }
  statement {
    sid       = "JobsThroughS3"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_role.jobs.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_kms_key_policy" "models" {
  key_id = aws_kms_key.models.id
  policy = data.aws_iam_policy_document.key.json
}

resource "aws_kms_grant" "engineer" {
  name              = "engineer"
  key_id            = aws_kms_key.models.key_id
  grantee_principal = aws_iam_user.engineer.arn
  operations        = ["Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_subset = { purpose = "evaluation" }
  }
}

# Signs what leaves the machine: verifiable by whoever has the public key.
resource "aws_kms_key" "releases" {
  description              = "Signatures of released models"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
}

data "aws_kms_public_key" "releases" {
  key_id = aws_kms_key.releases.arn
}

# ---- The bucket of training data ----------------------------------------------------------------------------------

resource "aws_s3_bucket" "data" {
  bucket        = "${var.name}-data"
  force_destroy = true # the versions that Terraform did not write go with it
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.models.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "data" {
  bucket                  = aws_s3_bucket.data.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "data" {
  bucket = aws_s3_bucket.data.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "data" {
  bucket     = aws_s3_bucket.data.id
  depends_on = [aws_s3_bucket_versioning.data]

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = var.keep_old_versions_days
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
  rule {
    id     = "scratch"
    status = "Enabled"
    filter {
      and {
        prefix = "scratch/"
        tags   = { keep = "no" }
      }
    }
    expiration {
      days = 30
    }
  }
}

resource "aws_s3_bucket_cors_configuration" "data" {
  bucket = aws_s3_bucket.data.id
  cors_rule {
    id              = "labelling"
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://labelling.example.com"]
    allowed_headers = ["*"]
    expose_headers  = ["ETag"]
    max_age_seconds = 300
  }
}

resource "aws_s3_bucket_notification" "data" {
  bucket      = aws_s3_bucket.data.id
  eventbridge = true
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "OnlyEncrypted"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.data.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-server-side-encryption"
      values   = ["AES256"]
    }
  }
}

resource "aws_s3_bucket_policy" "data" {
  bucket     = aws_s3_bucket.data.id
  policy     = data.aws_iam_policy_document.bucket.json
  depends_on = [aws_s3_bucket_public_access_block.data]
}

# Encrypted as the bucket says.
resource "aws_s3_object" "examples" {
  bucket       = aws_s3_bucket.data.id
  key          = "train/examples.jsonl"
  content      = join("", [for example in local.examples : "${jsonencode(example)}\n"])
  content_type = "application/jsonl"
  tags         = { kind = "training" }
  depends_on = [
    aws_s3_bucket_versioning.data,
    aws_s3_bucket_server_side_encryption_configuration.data,
  ]
}

# Encrypted as the object says; changes when the readers' list does.
resource "aws_s3_object" "manifest" {
  bucket                 = aws_s3_bucket.data.id
  key                    = "train/manifest.json"
  content                = jsonencode({ prefixes = var.training_prefixes })
  content_type           = "application/json"
  server_side_encryption = "aws:kms"
  kms_key_id             = aws_kms_key.models.arn
  bucket_key_enabled     = true
  metadata               = { owner = var.name }
  depends_on             = [aws_s3_bucket_versioning.data]
}

# ---- What jobs write: locked, so that results cannot be rewritten --------------------------------------------------

resource "aws_s3_bucket" "results" {
  bucket              = "${var.name}-results"
  object_lock_enabled = true
}

resource "aws_s3_bucket_object_lock_configuration" "results" {
  bucket = aws_s3_bucket.results.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = 1
    }
  }
}

# ---- The role that jobs act as -------------------------------------------------------------------------------------

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["bedrock.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:bedrock:${var.region}:${local.account_id}:model-customization-job/*"]
    }
  }
}

# No role of the team may ever do more than this.
resource "aws_iam_policy" "boundary" {
  name = "${var.name}-boundary"
  path = "/boundaries/"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:*", "kms:*", "bedrock:*", "secretsmanager:GetSecretValue"]
      Resource = "*"
    }]
  })
}

resource "aws_iam_role" "jobs" {
  name                 = "${var.name}-jobs"
  path                 = "/service-role/"
  description          = "Customization jobs of ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.boundary.arn
  max_session_duration = 7200
}

data "aws_iam_policy_document" "read_data" {
  statement {
    actions   = ["s3:GetObject"]
    resources = [for prefix in var.training_prefixes : "${aws_s3_bucket.data.arn}/${prefix}*"]
  }
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [for prefix in var.training_prefixes : "${prefix}*"]
    }
  }
}

resource "aws_iam_policy" "read_data" {
  name        = "${var.name}-read-data"
  description = "Read the training data of ${var.name}"
  policy      = data.aws_iam_policy_document.read_data.json
}

resource "aws_iam_role_policy_attachment" "read_data" {
  role       = aws_iam_role.jobs.name
  policy_arn = aws_iam_policy.read_data.arn
}

resource "aws_iam_role_policy" "write_results" {
  name = "write-results"
  role = aws_iam_role.jobs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
      Resource = [aws_s3_bucket.results.arn, "${aws_s3_bucket.results.arn}/*"]
    }]
  })
}

resource "aws_iam_instance_profile" "jobs" {
  name = "${var.name}-jobs"
  role = aws_iam_role.jobs.name
}

# ---- People ---------------------------------------------------------------------------------------------------------

resource "aws_iam_group" "builders" {
  name = "${var.name}-builders"
  path = "/teams/"
}

resource "aws_iam_group_policy_attachment" "builders" {
  group      = aws_iam_group.builders.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonBedrockFullAccess"
}

resource "aws_iam_group_policy" "builders" {
  name  = "pass-the-job-role"
  group = aws_iam_group.builders.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "iam:PassRole"
      Resource  = aws_iam_role.jobs.arn
      Condition = { StringEquals = { "iam:PassedToService" = "bedrock.amazonaws.com" } }
    }]
  })
}

resource "aws_iam_user" "engineer" {
  name                 = "${var.name}-engineer"
  permissions_boundary = aws_iam_policy.boundary.arn
  force_destroy        = true
}

resource "aws_iam_user_group_membership" "engineer" {
  user   = aws_iam_user.engineer.name
  groups = [aws_iam_group.builders.name]
}

resource "aws_iam_user_policy" "engineer" {
  name = "read-results"
  user = aws_iam_user.engineer.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.results.arn}/*" }]
  })
}

resource "aws_iam_user_policy_attachment" "engineer" {
  user       = aws_iam_user.engineer.name
  policy_arn = aws_iam_policy.read_data.arn
}

resource "aws_iam_access_key" "engineer" {
  user = aws_iam_user.engineer.name
}

# ---- Secrets --------------------------------------------------------------------------------------------------------

resource "aws_secretsmanager_secret" "judge" {
  name                    = "${var.name}/judge-token"
  description             = "Token of the model that judges answers"
  kms_key_id              = aws_kms_key.models.arn
  recovery_window_in_days = 0 # destroying deletes at once
}

resource "aws_secretsmanager_secret_version" "judge" {
  secret_id     = aws_secretsmanager_secret.judge.id
  secret_string = var.judge_token
}

resource "aws_secretsmanager_secret_policy" "judge" {
  secret_arn = aws_secretsmanager_secret.judge.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.jobs.arn }
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
    }]
  })
}

# Where the engineer's programs find the key above; under the account's own key.
resource "aws_secretsmanager_secret" "engineer" {
  name                    = "${var.name}/engineer-key"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "engineer" {
  secret_id = aws_secretsmanager_secret.engineer.id
  secret_string = jsonencode({
    access_key_id     = aws_iam_access_key.engineer.id
    secret_access_key = aws_iam_access_key.engineer.secret
  })
  version_stages = ["AWSCURRENT", "issued"]
}

data "aws_secretsmanager_secret_version" "judge" {
  secret_id  = aws_secretsmanager_secret.judge.id
  depends_on = [aws_secretsmanager_secret_version.judge]
}

# ---- The model, counted per team --------------------------------------------------------------------------------------

resource "aws_bedrock_inference_profile" "team" {
  name        = var.name
  description = "Calls of ${var.name}"
  model_source {
    copy_from = data.aws_bedrock_foundation_model.base.model_arn
  }
}

# ---- What a pipeline needs to go on -----------------------------------------------------------------------------------

output "role_arn" {
  value = aws_iam_role.jobs.arn
}

output "training_data" {
  value = "s3://${aws_s3_bucket.data.id}/${aws_s3_object.examples.key}"
}

output "results" {
  value = "s3://${aws_s3_bucket.results.id}/"
}

output "key_arn" {
  value = aws_kms_key.models.arn
}

output "inference_profile_arn" {
  value = aws_bedrock_inference_profile.team.arn
}

output "judge_token" {
  value     = data.aws_secretsmanager_secret_version.judge.secret_string
  sensitive = true
}

output "release_verification_key" {
  value = data.aws_kms_public_key.releases.public_key_pem
}
