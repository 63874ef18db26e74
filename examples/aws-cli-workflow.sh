#!/usr/bin/env bash
# A function, a state machine and a rule with the AWS CLI (version 1 or 2): a file that arrives in a bucket is measured
# and a topic is told, and all of it is cleaned up.
#
#   eval "$(outcrop env)"
#   examples/aws-cli-workflow.sh
set -euo pipefail

name="cli-$(date +%s)-$RANDOM"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
account=$(aws sts get-caller-identity --query Account --output text)
arn() { echo "arn:aws:$1:$AWS_REGION:$account:$2"; }

# ---- A role that functions, machines and rules act as ----------------------------------------------------------------
cat > "$scratch/trust.json" <<JSON
{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": "sts:AssumeRole",
  "Principal": {"Service": ["lambda.amazonaws.com", "states.amazonaws.com", "events.amazonaws.com"]}}]}
JSON
cat > "$scratch/may.json" <<JSON
{"Version": "2012-10-17", "Statement": [{
  "Effect": "Allow", "Action": ["lambda:InvokeFunction", "states:StartExecution", "sns:Publish"], "Resource": "*"}]}
JSON
role=$(aws iam create-role --role-name "$name" --query Role.Arn --output text \
  --assume-role-policy-document "file://$scratch/trust.json")
aws iam put-role-policy --role-name "$name" --policy-name may --policy-document "file://$scratch/may.json"

# ---- A function ------------------------------------------------------------------------------------------------------
cat > "$scratch/index.py" <<'PYTHON'
def handler(event, context):
    size = event["detail"]["object"]["size"]
    print("measured", size)
    return {"size": size, "is_large": size > 1_000_000}
PYTHON
(cd "$scratch" && python3 -m zipfile -c function.zip index.py)
aws lambda create-function --function-name "$name" --runtime python3.12 --handler index.handler --role "$role" \
  --zip-file "fileb://$scratch/function.zip" --query FunctionArn --output text
aws lambda wait function-active-v2 --function-name "$name"
echo '{"detail": {"object": {"size": 5}}}' > "$scratch/event.json"
aws lambda invoke --function-name "$name" --payload "fileb://$scratch/event.json" "$scratch/answer.json"
cat "$scratch/answer.json"
echo

# ---- A topic, a machine, a rule --------------------------------------------------------------------------------------
topic=$(aws sns create-topic --name "$name" --query TopicArn --output text)
aws sns publish --topic-arn "$topic" --message "Nobody has subscribed yet."
cat > "$scratch/machine.json" <<JSON
{"StartAt": "Measure", "States": {
  "Measure": {"Type": "Task", "Resource": "$(arn lambda "function:$name")", "Next": "Tell"},
  "Tell": {
    "Type": "Task", "Resource": "arn:aws:states:::sns:publish", "ResultPath": null, "End": true,
    "Parameters": {"TopicArn": "$topic", "Message.$": "States.JsonToString($)"}}}}
JSON
machine=$(aws stepfunctions create-state-machine --name "$name" --role-arn "$role" \
  --definition "file://$scratch/machine.json" --query stateMachineArn --output text)
cat > "$scratch/pattern.json" <<JSON
{"source": ["aws.s3", "com.example.cli"], "detail": {"bucket": {"name": ["$name"]}}}
JSON
aws events put-rule --name "$name" --event-pattern "file://$scratch/pattern.json"
aws events put-targets --rule "$name" --targets "Id=machine,Arn=$machine,RoleArn=$role"

executions() { # how many have succeeded
  aws stepfunctions list-executions --state-machine-arn "$machine" --status-filter SUCCEEDED \
    --query 'length(executions)' --output text
}
wait_for() { # a number of them, for a minute
  for _ in $(seq 60); do
    [ "$(executions)" -ge "$1" ] && return
    sleep 1
  done
  echo "the machine did not run: $(aws stepfunctions list-executions --state-machine-arn "$machine")" >&2
  return 1
}

# ---- A file arrives; then a program says that one did ----------------------------------------------------------------
aws s3 mb "s3://$name"
aws s3api put-bucket-notification-configuration --bucket "$name" \
  --notification-configuration '{"EventBridgeConfiguration": {}}'
aws s3 cp "$scratch/index.py" "s3://$name/incoming.py"
wait_for 1
cat > "$scratch/entries.json" <<JSON
[{"Source": "com.example.cli", "DetailType": "Told",
  "Detail": "{\"bucket\": {\"name\": \"$name\"}, \"object\": {\"size\": 2000000}}"}]
JSON
aws events put-events --entries "file://$scratch/entries.json"
wait_for 2
execution=$(aws stepfunctions list-executions --state-machine-arn "$machine" --query 'executions[0].executionArn' --output text)
aws stepfunctions describe-execution --execution-arn "$execution" --query output --output text

# With version 2 of the CLI also: aws logs tail "/aws/lambda/$name" --follow
aws logs filter-log-events --log-group-name "/aws/lambda/$name" --filter-pattern measured \
  --query 'events[].message' --output text

aws stepfunctions delete-state-machine --state-machine-arn "$machine"
aws events remove-targets --rule "$name" --ids machine
aws events delete-rule --name "$name"
aws sns delete-topic --topic-arn "$topic"
aws lambda delete-function --function-name "$name"
aws logs delete-log-group --log-group-name "/aws/lambda/$name"
aws s3 rb --force "s3://$name"
aws iam delete-role-policy --role-name "$name" --policy-name may
aws iam delete-role --role-name "$name"
