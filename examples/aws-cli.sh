#!/usr/bin/env bash
# Customize a model with the AWS CLI (version 1 or 2), from the training data to the last clean-up.
#
#   eval "$(outcrop env)"
#   examples/aws-cli.sh train.jsonl
set -euo pipefail

training_file=$1
name="cli-$(date +%s)-$RANDOM"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

aws s3 mb "s3://$name"
aws s3 cp "$training_file" "s3://$name/train.jsonl"

# The role that the job acts as: this account's customization jobs may assume it, for this bucket.
account=$(aws sts get-caller-identity --query Account --output text)
cat > "$scratch/trust.json" <<JSON
{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "bedrock.amazonaws.com"},
  "Condition": {
    "StringEquals": {"aws:SourceAccount": "$account"},
    "ArnEquals": {"aws:SourceArn": "arn:aws:bedrock:*:$account:model-customization-job/*"}}}]}
JSON
cat > "$scratch/data.json" <<JSON
{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"],
  "Resource": ["arn:aws:s3:::$name", "arn:aws:s3:::$name/*"]}]}
JSON
role=$(aws iam create-role --role-name "$name" --query Role.Arn --output text \
  --assume-role-policy-document "file://$scratch/trust.json")
aws iam put-role-policy --role-name "$name" --policy-name data --policy-document "file://$scratch/data.json"

aws bedrock create-model-customization-job \
  --job-name "$name" \
  --custom-model-name "$name" \
  --role-arn "$role" \
  --base-model-identifier outcrop.nano-v1:0 \
  --training-data-config "{\"s3Uri\": \"s3://$name/train.jsonl\"}" \
  --output-data-config "{\"s3Uri\": \"s3://$name/output/\"}" \
  --hyper-parameters '{"epochCount": "2", "batchSize": "8", "learningRate": "0.001"}'

job() { aws bedrock get-model-customization-job --job-identifier "$name" --query "$1" --output text; }
until [ "$(job status)" != InProgress ]; do sleep 1; done
if [ "$(job status)" != Completed ]; then
  job failureMessage >&2
  exit 1
fi
aws s3 ls --recursive "s3://$name/output/"

throughput=$(aws bedrock create-provisioned-model-throughput \
  --provisioned-model-name "$name" --model-id "$(job outputModelArn)" --model-units 1 \
  --query provisionedModelArn --output text)
status() {
  aws bedrock get-provisioned-model-throughput --provisioned-model-id "$throughput" --query status --output text
}
until [ "$(status)" = InService ]; do sleep 0.5; done

echo '{"prompt": "Hello, how are you?", "max_tokens": 32, "temperature": 0}' > "$scratch/question.json"
aws bedrock-runtime invoke-model --model-id "$throughput" \
  --body "fileb://$scratch/question.json" "$scratch/answer.json"
cat "$scratch/answer.json"
echo
aws bedrock-runtime converse --model-id "$throughput" --inference-config maxTokens=32,temperature=0 \
  --messages '[{"role": "user", "content": [{"text": "Hello, how are you?"}]}]'

aws bedrock delete-provisioned-model-throughput --provisioned-model-id "$throughput"
aws bedrock delete-custom-model --model-identifier "$name"
aws s3 rb --force "s3://$name"
aws iam delete-role-policy --role-name "$name" --policy-name data
aws iam delete-role --role-name "$name"
