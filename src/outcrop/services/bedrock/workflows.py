"""Bedrock's durable workflows, for the composition root."""

import structlog

from outcrop.config import Settings
from outcrop.services.bedrock import customization_workflow, serving_workflow
from outcrop.services.bedrock.customization_workflow import CustomizationWorkflow
from outcrop.services.bedrock.serving_workflow import ServingWorkflow
from outcrop.services.platform import Platform
from outcrop.storage import models

_log = structlog.get_logger(__name__)


def queues(settings: Settings) -> dict[str, int]:
    """Return the queues that the workflows need: name → how many run at once."""
    return {
        customization_workflow.QUEUE: settings.training_concurrency,
        serving_workflow.QUEUE: serving_workflow.CONCURRENCY,
    }


def register(platform: Platform) -> None:
    """Sweep what a crash left of jobs and models, and declare every workflow; before the queue is launched."""
    for folder in models.sweep(platform.database, platform.home):
        _log.info("leftovers_swept", folder=folder.name)
    CustomizationWorkflow(platform).register()
    ServingWorkflow(platform).register()
