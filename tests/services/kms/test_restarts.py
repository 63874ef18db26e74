"""A server process under a root of trust in Vault: killed, restarted, and with nothing in clear on its disk."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from support.running_server import RunningServer
from support.vault import TOKEN, running_vault


def test_keys_survive_a_kill_and_lie_nowhere_in_clear(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with running_vault() as vault:
        variables = {
            "OUTCROP_ROOT_OF_TRUST": f"vault:{vault.url}",
            "OUTCROP_VAULT_TOKEN_FILE": str(token_file),
        }
        server = RunningServer(tmp_path / "home", variables).start()
        kms = server.client("kms")
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        made = kms.generate_data_key(
            KeyId=key_id, KeySpec="AES_256", EncryptionContext={"canary": "yellow"}
        )
        server.kill()

        server.start()
        vault.is_sealed = True
        kms = server.client("kms")
        request = {
            "CiphertextBlob": made["CiphertextBlob"],
            "EncryptionContext": {"canary": "yellow"},
        }
        with pytest.raises(ClientError, match=r"KeyUnavailableException.*vault operator unseal"):
            kms.decrypt(**request)
        vault.is_sealed = False
        assert kms.decrypt(**request)["Plaintext"] == made["Plaintext"]
        server.stop()

        files = [path for path in server.home.rglob("*") if path.is_file()]
        for secret in (made["Plaintext"], TOKEN.encode()):
            assert [path for path in files if secret in path.read_bytes()] == []
        assert not (server.home / "root-of-trust.key").exists()

        server.variables["OUTCROP_ROOT_OF_TRUST"] = "file"
        with pytest.raises(RuntimeError, match="outcrop keys rewrap --to file"):
            server.start()
