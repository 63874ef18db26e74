"""Bedrock's durable workflows, for the composition root."""

from outcrop.config import Settings
from outcrop.services.bedrock import customization_workflow, serving_workflow
from outcrop.services.bedrock.customization_workflow import CustomizationWorkflow
from outcrop.services.bedrock.serving_workflow import ServingWorkflow
from outcrop.services.platform import Platform


def queues(settings: Settings) -> dict[str, int]:
    """Return the queues that the workflows need: name → how many run at once."""
    return {
        customization_workflow.QUEUE: settings.training_concurrency,
        serving_workflow.QUEUE: serving_workflow.CONCURRENCY,
    }


def register(platform: Platform) -> None:
    """Declare every workflow; before the durable queue is launched."""
    CustomizationWorkflow(platform).register()
    ServingWorkflow(platform).register()
