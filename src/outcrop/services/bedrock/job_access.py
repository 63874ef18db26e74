"""What a running job can reach: its folder, and S3 as a session of its role."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from outcrop.aws.errors import ServiceError
from outcrop.aws.operation import Principal
from outcrop.core.errors import JobFailed
from outcrop.core.weights import Weights
from outcrop.crypto.sealed_folder import SEAL_FILE, FolderSeal, Sealing
from outcrop.identity.directory import RoleNotAssumable
from outcrop.services import model_keys
from outcrop.services.bedrock import service_role
from outcrop.services.bedrock.identifiers import id_of
from outcrop.services.bedrock.s3_locations import S3Location
from outcrop.services.platform import Platform
from outcrop.storage.customization_jobs import JobRow
from outcrop.training.job_folder import write_whole
from outcrop.training.job_keys import JobKeys


@dataclass(frozen=True, slots=True)
class JobAccess:
    """A job and its reach.

    Attributes:
        row: as it was when the workflow began; its status may be stale.
    """

    platform: Platform
    row: JobRow

    @property
    def folder(self) -> Path:
        """Folder that the training worker works in."""
        return self.platform.home.jobs / self.row.id

    @property
    def model_id(self) -> str:
        """Id of the custom model that the job makes, chosen when the job was created."""
        return id_of(self.row.model_arn)

    @property
    def model_folder(self) -> Path:
        """Where the custom model's weights will lie."""
        return self.platform.home.custom_models / self.model_id

    @property
    def principal(self) -> Principal:
        """Session of the job's role, assumed anew for each use: the role may change while the job runs.

        Raises:
            JobFailed: it can no longer be assumed.
        """
        try:
            return service_role.assume(self.row.plan.role_arn, self.row.arn, self.platform)
        except RoleNotAssumable as error:
            raise JobFailed(f"{service_role.NOT_ASSUMED} {error}") from error

    def seal_folder(self) -> Sealing:
        """Return what seals the job's folder; the first call writes down how.

        Raises:
            ServiceError: KMS refuses the key that the job names.
        """
        seal = FolderSeal.read(self.folder)
        if seal is None:
            noted = self.row.plan.seal_json
            seal = (
                FolderSeal.from_json(noted)
                if noted
                else model_keys.own_seal(self.platform, self.row.model_arn)
            )
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / SEAL_FILE, seal.to_json())
        key = model_keys.open_for_job(self.platform, seal, self.row.region)
        return Sealing(key, seal.context)

    def worker_keys(self, weights: Weights) -> JobKeys:
        """Return the keys that the job's worker needs.

        Args:
            weights: what training goes on from.

        Raises:
            ServiceError: KMS refuses one of the keys.
        """
        opened = model_keys.unlock_for_job(self.platform, weights, self.row.region)
        return JobKeys(self.seal_folder().key, opened.base_key, opened.adapter_key)

    def remove_job_folder(self) -> None:
        """Delete staged data, checkpoints and logs."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def read(self, location: S3Location) -> Iterator[bytes]:
        """Yield an object's content in pieces of at most 1 MiB.

        Raises:
            JobFailed: it cannot be read.
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            response = self.platform.invoke_blocking(
                "s3", "GetObject", request, principal=self.principal, region=self.row.region
            )
            yield from self.platform.read_blocking(response["Body"])
        except ServiceError as error:
            raise self._failed("GetObject", location, error) from error

    def write(self, location: S3Location, content: bytes) -> None:
        """Put an object.

        Raises:
            JobFailed: it cannot be written.
        """
        request = {"Bucket": location.bucket, "Key": location.key, "Body": content}
        try:
            self.platform.invoke_blocking(
                "s3", "PutObject", request, principal=self.principal, region=self.row.region
            )
        except ServiceError as error:
            raise self._failed("PutObject", location, error) from error

    def delete(self, location: S3Location) -> None:
        """Delete an object; one that is not there is no error.

        Raises:
            JobFailed: it cannot be deleted.
        """
        request = {"Bucket": location.bucket, "Key": location.key}
        try:
            self.platform.invoke_blocking(
                "s3", "DeleteObject", request, principal=self.principal, region=self.row.region
            )
        except ServiceError as error:
            raise self._failed("DeleteObject", location, error) from error

    def _failed(self, operation: str, location: S3Location, error: ServiceError) -> JobFailed:
        return JobFailed(
            f"s3:{operation} as {self.row.plan.role_arn} failed on bucket {location.bucket}, "
            f"key {location.key}: {error.code}: {error.message}"
        )
