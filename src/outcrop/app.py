"""The composition root: the only place that knows everyone."""

import asyncio
import contextlib
import ctypes
import gc
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

import outcrop.services
from outcrop.aws import service_models
from outcrop.config import Settings
from outcrop.core.clock import SystemClock
from outcrop.core.times import now_us
from outcrop.crypto.certificates import ensure_certificate
from outcrop.functions.host import FunctionHost
from outcrop.gateway.gateway import Gateway
from outcrop.gateway.operations import OperationsOnDemand
from outcrop.gateway.server import Listening, run_server
from outcrop.governance.audit.recorder import Recorder
from outcrop.governance.audit.retention import Retention
from outcrop.governance.audit.trail import AuditTrail
from outcrop.governance.event_bus import EventBus
from outcrop.governance.invocation_log import InvocationLog
from outcrop.governance.mail.identities import VERIFICATION_PATH
from outcrop.governance.mailer import Mailer
from outcrop.governance.quotas import Quotas
from outcrop.identity.authorization import Authorizer
from outcrop.identity.credentials import CredentialStore, RootKey, load_or_make_root_key
from outcrop.identity.directory import Directory
from outcrop.identity.rules import load_rules
from outcrop.inference.pool import EnginePool
from outcrop.log import configure_logging
from outcrop.services.bedrock import workflows
from outcrop.services.bedrock.invocation_delivery import InvocationDelivery
from outcrop.services.kms import destruction
from outcrop.services.lambda_ import startup as functions_startup
from outcrop.services.lambda_.role_session import credentials_of_role
from outcrop.services.logs import encryption as log_encryption
from outcrop.services.logs import metric_filters
from outcrop.services.platform import Platform
from outcrop.services.resources import ServiceResources
from outcrop.services.s3.cors import CrossOrigin
from outcrop.services.s3.lifecycle_sweep import LifecycleThread
from outcrop.services.ses.pages import verify_email
from outcrop.services.sns.signing import CERTIFICATE_PATH, certificate_page
from outcrop.services.stepfunctions import deletion as state_machine_deletion
from outcrop.storage import activities
from outcrop.storage.base_models import BaseModelStore
from outcrop.storage.bucket_configuration import BucketConfigurations
from outcrop.storage.database.engine import Database
from outcrop.storage.database.migrations import bring_up_to_date
from outcrop.storage.durable import Durable
from outcrop.storage.functions import FunctionStore
from outcrop.storage.home import Home
from outcrop.storage.identities import IdentityStore
from outcrop.storage.kms_keys.materials import Materials
from outcrop.storage.kms_keys.root_of_trust import open_root_of_trust
from outcrop.storage.logs import LogStore
from outcrop.storage.metrics import Metrics
from outcrop.storage.objects.external import external_bucket
from outcrop.storage.objects.store import ObjectStore
from outcrop.storage.secrets import rows as secret_rows
from outcrop.storage.service_keys import ServiceKeys
from outcrop.training.supervisor import Supervisor
from outcrop.workflows.execution_metrics import ExecutionCounter
from outcrop.workflows.executions import Executions
from outcrop.workflows.integrations import make_integrations
from outcrop.workflows.notices import EventLogger, StatusTeller

log = structlog.get_logger("outcrop.app")

BUNDLED_MODEL = Path(__file__).parent / "bundled" / "nano_v1"
BUILT_SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "cloudtrail",
    "cloudwatch",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "s3",
    "secretsmanager",
    "service-quotas",
    "ses",
    "sesv2",
    "sns",
    "stepfunctions",
    "sts",
)
# Those of the main job; the models of others are read when they are first called.
_USUAL_SERVICES = ("bedrock", "bedrock-runtime", "s3", "sts")
_QUIET_SECONDS = 1.0
# Routed although nothing of them is built yet: their callers get a typed answer in their own protocol.
FURTHER_SERVICES = (
    "secretsmanager",
    "service-quotas",
)


def serve(settings: Settings, *, on_started: Callable[[Listening], None] | None = None) -> None:
    """Run the server on a home until SIGINT or SIGTERM.

    Args:
        settings: complete; see `load_settings`.
        on_started: called once, when requests are answered.

    Raises:
        HomeError: another server runs on the home, or it was made by a newer version.
        ConfigurationError: a setting is wrong, or a port is taken.
    """
    configure_logging(settings.log_format, settings.log_level)
    home = Home(settings.home)
    home.prepare()
    home.lock()
    try:
        _serve_locked(settings, home, on_started)
    finally:
        home.unlock()


def collect_services() -> OperationsOnDemand:
    """Return the operations of every package in outcrop.services; a package is named for its service."""
    names = [item.name for item in pkgutil.iter_modules(outcrop.services.__path__) if item.ispkg]
    return OperationsOnDemand(
        {name.rstrip("_").replace("_", "-"): f"outcrop.services.{name}" for name in names}
    )


def _serve_locked(  # noqa: PLR0915  # starts and stops every part
    settings: Settings, home: Home, on_started: Callable[[Listening], None] | None
) -> None:
    root_key = load_or_make_root_key(home.root_key, settings.account_id)
    settings = replace(settings, account_id=root_key.account_id)
    certificate = ensure_certificate(home.certificates, settings.host)
    database = Database(settings.database_url or f"sqlite:///{home.database}")
    clock = SystemClock()
    if backup := bring_up_to_date(home, database, clock):
        log.info("home_migrated", backup=str(backup))
    platform, gateway = _compose(settings, home, database, root_key)
    workflows.register(platform)
    platform.objects.sweep()
    platform.function_store.packages.sweep()
    secret_rows.sweep(database, now_us(clock))
    destruction.sweep(database, platform.kms_materials, clock)

    lifecycle = LifecycleThread(platform)
    invocations = InvocationDelivery(platform)
    platform.invocation_log.wake = invocations.wake

    async def start(listening: Listening) -> None:
        platform.audit.start()
        platform.loop = asyncio.get_running_loop()
        platform.functions.server_listens(listening.port, listening.tls_port)
        # Recovered jobs may call the gateway at once, so it listens first.
        await asyncio.to_thread(platform.durable.launch)
        platform.events.start()
        lifecycle.start()
        functions_startup.resume(platform)
        platform.logs.start()
        invocations.start()
        await asyncio.to_thread(platform.mailer.start)
        platform.notifications.wake()
        # Their tasks call every other part, so they go on last.
        await platform.executions.open()
        await state_machine_deletion.resume(platform)
        if on_started is not None:
            on_started(listening)
        # After the first answers rather than beside them; a first request would load its own.
        platform.loop.call_later(
            _QUIET_SECONDS, platform.loop.run_in_executor, None, _load_service_models
        )

    async def stop() -> None:
        # Workflows unwind while their in-process calls can still be answered.
        platform.supervisor.close()
        await platform.executions.close()
        await platform.events.stop()
        await asyncio.to_thread(lifecycle.stop)
        await asyncio.to_thread(platform.durable.shutdown)
        await platform.notifications.close()
        await asyncio.to_thread(platform.mailer.close)
        await functions_startup.stop(platform)
        await platform.functions.close()
        await platform.engines.close()
        await asyncio.to_thread(invocations.close)
        await asyncio.to_thread(platform.logs.close)
        await asyncio.to_thread(platform.metrics.close)
        # Threads that nobody awaits any more may still read what is closed next.
        await asyncio.get_running_loop().shutdown_default_executor()
        gateway.close()
        platform.audit.close()
        platform.objects.close()
        database.close()

    run_server(gateway.asgi_app, settings, certificate, start, stop)


def _load_service_models() -> None:
    for service in _USUAL_SERVICES:
        service_models.load(service)
    _return_free_memory()


def _return_free_memory() -> None:
    """Give back what starting and parsing took and let go of: the C library would keep it for ever."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # not every C library can
        ctypes.CDLL(None).malloc_trim(0)


def _compose(
    settings: Settings, home: Home, database: Database, root_key: RootKey
) -> tuple[Platform, Gateway]:
    clock = SystemClock()
    source = open_root_of_trust(settings, home, database)
    service_keys = ServiceKeys(database, source)
    directory = Directory(IdentityStore(database), service_keys, root_key.account_id)
    audit = AuditTrail(
        home.audit,
        service_keys,
        clock,
        account_id=root_key.account_id,
        region=settings.region,
        retention=Retention(
            settings.audit_retention_months, settings.audit_payload_retention_months
        ),
    )
    platform = Platform(
        settings=settings,
        clock=clock,
        home=home,
        account_id=root_key.account_id,
        database=database,
        service_keys=service_keys,
        kms_materials=Materials(database, source),
        directory=directory,
        objects=ObjectStore(
            home.objects, database, clock, service_keys, external=external_bucket(settings)
        ),
        bucket_configurations=BucketConfigurations(database),
        durable=Durable(database, workflows.queues(settings)),
        base_models=BaseModelStore(home, settings.model_aliases, BUNDLED_MODEL),
        engines=EnginePool(settings, home),
        functions=FunctionHost(
            settings,
            home.functions,
            credentials_of_role(directory),
            home.certificates / "ca.pem",
        ),
        supervisor=Supervisor(settings),
        function_store=FunctionStore(home.functions, database, service_keys),
        audit=audit,
        quotas=Quotas(database),
        events=EventBus(database, clock, root_key.account_id, directory, service_keys),
        logs=LogStore(home.log_events, database, service_keys, clock),
        metrics=Metrics(database, clock),
        invocation_log=InvocationLog(home.invocations, database, service_keys),
        mailer=Mailer(
            database,
            service_keys,
            clock,
            smtp_url=settings.smtp_url,
            sender=settings.smtp_sender,
        ),
        executions=Executions(database, service_keys, clock, wait_scale=settings.wait_scale),
        token_key=root_key.derive("pagination tokens"),
    )
    gateway = Gateway(
        collect_services(),
        CredentialStore(root_key, directory),
        platform,
        settings,
        account_id=root_key.account_id,
        services=FURTHER_SERVICES,
        clock=clock,
        authorizer=Authorizer(
            root_key.account_id, load_rules(), directory, ServiceResources(platform)
        ),
        audit=Recorder(audit, root_key.account_id),
        cross_origin=CrossOrigin(platform.bucket_configurations),
        own_pages={
            VERIFICATION_PATH: partial(verify_email, platform),
            CERTIFICATE_PATH: partial(certificate_page, platform),
        },
    )
    platform.attach(gateway.invoke)
    platform.events.attach(gateway.invoke, lambda: platform.loop)
    platform.logs.unlock = log_encryption.unlocker(platform)
    platform.logs.watch = metric_filters.watcher(platform)
    platform.executions.attach(
        make_integrations(
            gateway.invoke,
            directory,
            database,
            account_id=root_key.account_id,
            execution_ended=platform.executions.ended,
        ),
        on_status=StatusTeller(platform.events),
        on_change=ExecutionCounter(platform.metrics),
        on_events=EventLogger(platform.logs),
        activity_exists=lambda arn: activities.get(database.reader, arn) is not None,
    )
    return platform, gateway
