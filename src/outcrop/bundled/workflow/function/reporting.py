"""The report of a run: a text and a page that a mail program shows as they are."""

import csv
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from outcrop.bundled.workflow.function import curves, objects

_NAMES = {
    "RougeL": "ROUGE-L",
    "RougeLAboveStyle": "ROUGE-L above style",
    "LossPerToken": "Loss per token (lower is better)",
}
_SENTENCES = {
    "better": "The custom model is better than its base",
    "no difference": "No difference between the custom model and its base is shown",
    "worse": "The custom model is worse than its base",
}
_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ccc}"
    "td:first-child,th:first-child{text-align:left}pre{white-space:pre-wrap;background:#f4f4f4;padding:.6em}"
)


def report(event: Mapping[str, Any]) -> dict[str, Any]:
    """Write the report into the bucket, and return it.

    Args:
        event: Bucket and Prefix (where to write), Name and BaseModel (of the run), Job (its description), Evaluation
            (what the evaluation returned), Kept (what became of throughput and model, a sentence).
    """
    evaluation = event["Evaluation"]
    training, validation = _losses(event["Job"])
    subject = f"{event['Name']}: {evaluation['Verdict']}"
    text = _as_text(event, evaluation, training, validation)
    page = _as_html(event, evaluation, training, validation)
    bucket, prefix = event["Bucket"], event["Prefix"]
    return {
        "Subject": subject,
        "Text": text,
        "Html": page,
        "TextUri": objects.write(bucket, f"{prefix}report.txt", text, "text/plain"),
        "HtmlUri": objects.write(bucket, f"{prefix}report.html", page, "text/html"),
    }


def _losses(job: Mapping[str, Any]) -> tuple[curves.Curve, curves.Curve]:
    """Return the losses by step that the job has written, or nothing where it wrote none."""
    bucket, folder = objects.bucket_and_key(job["OutputDataConfig"]["S3Uri"].rstrip("/") + "/")
    folder += f"model-customization-job-{job['JobArn'].rpartition('/')[2]}/"
    files = {
        "training_loss": f"{folder}training_artifacts/step_wise_training_metrics.csv",
        "validation_loss": f"{folder}validation_artifacts/post_fine_tuning_validation/validation_metrics.csv",
    }
    read = {column: _column(bucket, key, column) for column, key in files.items()}
    return read["training_loss"], read["validation_loss"]


def _column(bucket: str, key: str, column: str) -> curves.Curve:
    s3 = objects.client("s3")
    try:
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    except s3.exceptions.NoSuchKey:  # there is no validation without validation data
        return []
    rows = csv.DictReader(io.StringIO(content))
    return [(int(row["step_number"]), float(row[column])) for row in rows]


def _summary(event: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    sentence = _SENTENCES[evaluation["Verdict"]]
    return (
        f"{sentence}: {evaluation['Reason']}. {event['BaseModel']} was customized as {event['Name']} and compared"
        f" with itself on {evaluation['Examples']} held-out examples. {event['Kept']}"
    )


def _rows(evaluation: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for name, measure in evaluation["Measures"].items():
        difference = measure["Difference"]
        rows.append(
            (
                _NAMES[name],
                f"{measure['Base']:.3f}",
                f"{measure['Custom']:.3f}",
                f"{difference['Mean']:+.3f}",
                f"{difference['Low']:+.3f} … {difference['High']:+.3f}",
            )
        )
    return rows


def _as_text(
    event: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    training: curves.Curve,
    validation: curves.Curve,
) -> str:
    head = ("", "base", "custom", "difference", "95 % interval")
    lines = [evaluation["Verdict"].upper(), "", _summary(event, evaluation), ""]
    lines += [
        f"{name:<34}{base:>8}{custom:>9}{change:>13}{interval:>20}"
        for name, base, custom, change, interval in (head, *_rows(evaluation))
    ]
    if training:
        lines += ["", "Loss, nats per token, by step", "", *curves.as_text(training)]
        if validation:
            lines += ["", "On the examples that watch training:"]
            lines += [f"  step {step}: {loss:.3f}" for step, loss in validation]
    for example in evaluation["Shown"]:
        lines += ["", _title(example), ""]
        for name, text in _texts(example):
            lines += [f"{name}:", *(f"  {line}" for line in text.splitlines() or [""])]
    return "\n".join(lines) + "\n"


def _as_html(
    event: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    training: curves.Curve,
    validation: curves.Curve,
) -> str:
    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}>{html.escape(value)}</{tag}>" for value in values)

    head = ("", "base", "custom", "difference", "95 % interval")
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{html.escape(event['Name'])}</title>",
        f"<style>{_STYLE}</style><h1>{html.escape(event['Name'])}: {html.escape(evaluation['Verdict'])}</h1>",
        f"<p>{html.escape(_summary(event, evaluation))}</p>",
        f"<table><tr>{cells(head, 'th')}</tr>",
        *(f"<tr>{cells(row, 'td')}</tr>" for row in _rows(evaluation)),
        "</table>",
    ]
    if training:
        parts += ["<h2>Loss, nats per token, by step</h2>", curves.as_svg(training, validation)]
    for example in evaluation["Shown"]:
        parts.append(f"<h2>{html.escape(_title(example))}</h2>")
        parts += [f"<p>{name}</p><pre>{html.escape(text)}</pre>" for name, text in _texts(example)]
    return "\n".join(parts) + "\n</html>\n"


def _title(example: Mapping[str, Any]) -> str:
    base, custom = example["Base"]["RougeL"], example["Custom"]["RougeL"]
    return f"{example['Which']} answer (ROUGE-L {base:.2f} → {custom:.2f})"


def _texts(example: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("prompt", example["Prompt"]),
        ("wanted", example["Reference"]),
        ("base", example["Base"]["Text"]),
        ("custom", example["Custom"]["Text"]),
    ]
