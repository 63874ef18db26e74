# A workflow around custom models: what happens when data arrives, when a job ends, and who is told.
#
#   data in a bucket → EventBridge → state machine → function → topic → mail and function
#
#   outcrop up                          # in another shell
#   eval "$(outcrop env)"               # the endpoint and the root key, for the provider too
#   zip function.zip index.py           # the code of both functions
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
  default     = "retraining"
}

variable "package" {
  description = "The zip file with index.py."
  type        = string
  default     = "function.zip"
}

variable "base_model" {
  description = "The foundation model that calls go to."
  type        = string
  default     = "outcrop.nano-v1:0"
}

variable "team" {
  description = "Who gets mail."
  type        = string
  default     = "team@example.com"
}

variable "keep_logs_days" {
  description = "How long logs are kept."
  type        = number
  default     = 14
}

variable "loss_limit" {
  description = "The highest loss of a good model. Another value makes another version of the function."
  type        = number
  default     = 2.5
}

variable "data_prefix" {
  description = "Where in the bucket new data starts the workflow."
  type        = string
  default     = "incoming/"
}

variable "wait_seconds" {
  description = "How long the workflow waits for the rest of the data. Another value makes another version of it."
  type        = number
  default     = 60
}

# All services answer at one URL.
provider "aws" {
  region                  = var.region
  s3_use_path_style       = true # buckets in the path: no wildcard name to resolve
  skip_metadata_api_check = true # there is no EC2 machine to ask

  endpoints {
    bedrock    = var.endpoint
    cloudwatch = var.endpoint
    events     = var.endpoint
    iam        = var.endpoint
    lambda     = var.endpoint
    logs       = var.endpoint
    s3         = var.endpoint
    ses        = var.endpoint
    sesv2      = var.endpoint
    sfn        = var.endpoint
    sns        = var.endpoint
    sts        = var.endpoint
  }

  default_tags {
    tags = { team = var.name }
  }
}

data "aws_caller_identity" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
}

data "aws_bedrock_foundation_model" "base" {
  model_id = var.base_model
}

# ---- Roles: one for functions, one for machines, one for rules, one for the model's log ------------------------------

data "aws_iam_policy_document" "trust" {
  for_each = toset(["lambda", "states", "events", "bedrock"])
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_iam_role" "acting" {
  for_each           = data.aws_iam_policy_document.trust
  name               = "${var.name}-${each.key}"
  assume_role_policy = each.value.json
}

data "aws_iam_policy_document" "may" {
  for_each = {
    lambda  = ["logs:CreateLogStream", "logs:PutLogEvents"]
    states  = ["lambda:InvokeFunction", "sns:Publish", "logs:*", "events:PutEvents"]
    events  = ["states:StartExecution"]
    bedrock = ["logs:CreateLogStream", "logs:PutLogEvents"]
  }
  statement {
    actions   = each.value
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "acting" {
  for_each = data.aws_iam_policy_document.may
  name     = "may"
  role     = aws_iam_role.acting[each.key].id
  policy   = each.value.json
}

# ---- Functions -------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "judge" {
  name              = "/aws/lambda/${var.name}-judge"
  retention_in_days = var.keep_logs_days
}

resource "aws_cloudwatch_log_metric_filter" "poor" {
  name           = "poor-models"
  log_group_name = aws_cloudwatch_log_group.judge.name
  pattern        = "{ $.level = \"ERROR\" }"
  metric_transformation {
    name          = "PoorModels"
    namespace     = var.name
    value         = "1"
    default_value = "0"
  }
}

resource "aws_lambda_layer_version" "shared" {
  layer_name          = "${var.name}-shared"
  filename            = var.package
  source_code_hash    = filebase64sha256(var.package)
  compatible_runtimes = ["python3.12"]
  description         = "What both functions share"
}

resource "aws_lambda_function" "judge" {
  function_name    = "${var.name}-judge"
  description      = "Says whether a model is good enough"
  role             = aws_iam_role.acting["lambda"].arn
  runtime          = "python3.12"
  handler          = "index.judge"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  layers           = [aws_lambda_layer_version.shared.arn]
  timeout          = 10
  memory_size      = 256
  publish          = true

  environment {
    variables = { LOSS_LIMIT = tostring(var.loss_limit) }
  }

  depends_on = [aws_cloudwatch_log_group.judge, aws_iam_role_policy.acting]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.judge.function_name
  function_version = aws_lambda_function.judge.version
}

resource "aws_lambda_function" "note" {
  function_name    = "${var.name}-note"
  role             = aws_iam_role.acting["lambda"].arn
  runtime          = "python3.12"
  handler          = "index.note"
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.judge.name
  }

  depends_on = [aws_iam_role_policy.acting]
}

resource "aws_lambda_permission" "note" {
  for_each = {
    events = aws_cloudwatch_event_rule.job_ended.arn
    s3     = aws_s3_bucket.data.arn
    sns    = aws_sns_topic.models.arn
  }
  statement_id   = "from-${each.key}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.note.function_name
  principal      = "${each.key}.amazonaws.com"
  source_arn     = each.value
  source_account = each.key == "s3" ? local.account_id : null
}

resource "aws_lambda_function_event_invoke_config" "note" {
  function_name                = aws_lambda_function.note.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 3600
}

# ---- State machines --------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "machines" {
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.keep_logs_days
}

resource "aws_sfn_activity" "review" {
  name = "${var.name}-review"
}

resource "aws_sfn_state_machine" "retraining" {
  name     = var.name
  role_arn = aws_iam_role.acting["states"].arn
  type     = "STANDARD"
  publish  = true

  definition = jsonencode({
    Comment = "Waits for the rest of the data, asks the judge, and tells the team"
    StartAt = "Gather"
    States = {
      Gather = { Type = "Wait", Seconds = var.wait_seconds, Next = "Judge" }
      Judge = {
        Type       = "Task"
        Resource   = "arn:aws:states:::lambda:invoke"
        Parameters = { FunctionName = aws_lambda_alias.live.arn, "Payload.$" = "$.detail" }
        OutputPath = "$.Payload"
        Retry      = [{ ErrorEquals = ["States.ALL"], MaxAttempts = 2 }]
        Next       = "Tell"
      }
      Tell = {
        Type     = "Task"
        Resource = "arn:aws:states:::sns:publish"
        Parameters = {
          TopicArn    = aws_sns_topic.models.arn
          Subject     = "A model was judged"
          "Message.$" = "States.JsonToString($)"
        }
        End = true
      }
    }
  })

  logging_configuration {
    level                  = "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.machines.arn}:*"
  }

  depends_on = [aws_iam_role_policy.acting]
}

resource "aws_sfn_alias" "live" {
  name = "live"
  routing_configuration {
    state_machine_version_arn = aws_sfn_state_machine.retraining.state_machine_version_arn
    weight                    = 100
  }
}

resource "aws_sfn_state_machine" "quick" {
  name     = "${var.name}-quick"
  role_arn = aws_iam_role.acting["states"].arn
  type     = "EXPRESS"

  definition = jsonencode({
    QueryLanguage = "JSONata"
    StartAt       = "Count"
    States        = { Count = { Type = "Pass", Output = "{% $count($states.input.models) %}", End = true } }
  })

  logging_configuration {
    level           = "ERROR"
    log_destination = "${aws_cloudwatch_log_group.machines.arn}:*"
  }

  depends_on = [aws_iam_role_policy.acting]
}

# ---- Events ----------------------------------------------------------------------------------------------------------

resource "aws_s3_bucket" "data" {
  bucket        = "${var.name}-data"
  force_destroy = true
}

resource "aws_s3_bucket_notification" "data" {
  bucket      = aws_s3_bucket.data.id
  eventbridge = true

  lambda_function {
    id                  = "note-labels"
    lambda_function_arn = aws_lambda_function.note.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "labels/"
    filter_suffix       = ".jsonl"
  }

  topic {
    id        = "tell-of-removals"
    topic_arn = aws_sns_topic.models.arn
    events    = ["s3:ObjectRemoved:*"]
  }

  depends_on = [aws_lambda_permission.note, aws_sns_topic_policy.models]
}

resource "aws_cloudwatch_event_rule" "data_arrived" {
  name        = "${var.name}-data-arrived"
  description = "New data starts the workflow"
  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [aws_s3_bucket.data.id] }
      object = { key = [{ prefix = var.data_prefix }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "retraining" {
  rule      = aws_cloudwatch_event_rule.data_arrived.name
  target_id = "workflow"
  arn       = aws_sfn_alias.live.arn
  role_arn  = aws_iam_role.acting["events"].arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 10
  }
}

resource "aws_cloudwatch_event_rule" "job_ended" {
  name = "${var.name}-job-ended"
  event_pattern = jsonencode({
    source        = ["aws.bedrock"]
    "detail-type" = ["Model Customization Job State Change"]
    detail        = { jobStatus = ["Completed", "Failed", "Stopped"] }
  })
}

resource "aws_cloudwatch_event_target" "note" {
  rule      = aws_cloudwatch_event_rule.job_ended.name
  target_id = "note"
  arn       = aws_lambda_function.note.arn
}

resource "aws_cloudwatch_event_target" "mail" {
  rule      = aws_cloudwatch_event_rule.job_ended.name
  target_id = "mail"
  arn       = aws_sns_topic.models.arn

  input_transformer {
    input_paths    = { job = "$.detail.jobName", status = "$.detail.jobStatus" }
    input_template = "\"<job> is <status>.\""
  }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "${var.name}-nightly"
  schedule_expression = "cron(0 3 * * ? *)"
  state               = "DISABLED"
}

# What the team's own programs report.
resource "aws_cloudwatch_event_bus" "team" {
  name = var.name
}

resource "aws_cloudwatch_event_rule" "reported" {
  name           = "reported"
  event_bus_name = aws_cloudwatch_event_bus.team.name
  event_pattern  = jsonencode({ source = [{ prefix = "com.example." }] })
}

# ---- Topic and mail --------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "models" {
  name         = "${var.name}-models"
  display_name = "Models of ${var.name}"
}

data "aws_iam_policy_document" "topic" {
  statement {
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.models.arn]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "s3.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "models" {
  arn    = aws_sns_topic.models.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "team" {
  topic_arn = aws_sns_topic.models.arn
  protocol  = "email"
  endpoint  = var.team
}

resource "aws_sns_topic_subscription" "note" {
  topic_arn           = aws_sns_topic.models.arn
  protocol            = "lambda"
  endpoint            = aws_lambda_function.note.arn
  filter_policy       = jsonencode({ verdict = ["poor"] })
  filter_policy_scope = "MessageBody"
  depends_on          = [aws_lambda_permission.note]
}

# The sender; the address gets a mail with a link, good for a day.
resource "aws_ses_email_identity" "robot" {
  email = "robot@example.com"
}

resource "aws_sesv2_email_identity" "reports" {
  email_identity = "reports@example.com"
}

resource "aws_ses_template" "judged" {
  name    = "${var.name}-judged"
  subject = "{{model}} is {{verdict}}"
  text    = "The loss is {{loss}}; the limit is ${var.loss_limit}."
  html    = "<p>The loss is <b>{{loss}}</b>; the limit is ${var.loss_limit}.</p>"
}

# ---- Calls of models -------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "calls" {
  name              = "/${var.name}/model-calls"
  retention_in_days = var.keep_logs_days
}

resource "aws_bedrock_model_invocation_logging_configuration" "calls" {
  logging_config {
    embedding_data_delivery_enabled = false
    cloudwatch_config {
      log_group_name = aws_cloudwatch_log_group.calls.name
      role_arn       = aws_iam_role.acting["bedrock"].arn
    }
  }
  depends_on = [aws_iam_role_policy.acting]
}

resource "aws_bedrock_inference_profile" "workflow" {
  name = "${var.name}-workflow"
  model_source {
    copy_from = data.aws_bedrock_foundation_model.base.model_arn
  }
}

resource "aws_bedrock_provisioned_model_throughput" "steady" {
  provisioned_model_name = "${var.name}-steady"
  model_arn              = data.aws_bedrock_foundation_model.base.model_arn
  model_units            = 1
}

# ---- What a pipeline needs to go on ----------------------------------------------------------------------------------

output "workflow" {
  value = aws_sfn_alias.live.arn
}

output "data" {
  value = "s3://${aws_s3_bucket.data.id}/${var.data_prefix}"
}

output "topic" {
  value = aws_sns_topic.models.arn
}
