"""`headwater credentials`, and the audit log, as people who run a server meet them."""

import json
import os
import re
import stat

import pytest

from kit.access import OWN, Person, add, connect_as, credentials, in_force
from kit.client import refusal, wait_active
from kit.server import Server, binary, clean_environment, run_to_end


def test_a_key_is_shown_once(tmp_path):
    file = tmp_path / "credentials.toml"
    done = run_to_end("credentials", "add", "--user", "alice", "--account", OWN, "--policy", "read-only",
                      env={"HEADWATER_CREDENTIALS": str(file)})
    assert done.returncode == 0, done
    lines = dict(re.findall(r"^export (\w+)=(\S+)$", done.stdout, re.M))
    secret = lines["AWS_SECRET_ACCESS_KEY"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", lines["AWS_ACCESS_KEY_ID"])
    assert secret not in done.stderr
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    for output in (["--output", "text"], ["--output", "json"]):
        listed = credentials(file, "list", *output)
        assert lines["AWS_ACCESS_KEY_ID"] in listed and secret not in listed
    one = json.loads(credentials(file, "list", "--output", "json"))[0]
    assert (one["account"], one["user"], one["policies"], one["temporary"]) == (OWN, "alice", 1, False)


def test_rotation_with_and_without_an_end(tmp_path):
    file = tmp_path / "credentials.toml"
    old = add(file, OWN, "alice", ["full-access"])
    with Server(tmp_path / "server", flags=["--credentials", str(file)]) as server:
        connect_as(server, old).list_streams()
        made = json.loads(credentials(file, "rotate", old.key, "--output", "json"))
        new = Person(made["access_key_id"], made["secret_access_key"])
        in_force(server, new)
        connect_as(server, new).list_streams()
        connect_as(server, old).list_streams()
        credentials(file, "remove", old.key)
        in_force(server, old, known=False)
        assert refusal(connect_as(server, old).list_streams).code == "UnrecognizedClientException"
        made = json.loads(credentials(file, "rotate", new.key, "--keep", "1s", "--output", "json"))
        newest = Person(made["access_key_id"], made["secret_access_key"])
        in_force(server, newest)
        in_force(server, new, known=False)
        assert "the credentials have changed and are in force" in server.log()


def test_temporary_keys_end(tmp_path):
    file = tmp_path / "credentials.toml"
    add(file)
    brief = add(file, OWN, "job", ["full-access"], "--for", "3s")
    assert brief.key.startswith("ASIA") and brief.token
    with Server(tmp_path / "server", flags=["--credentials", str(file)]) as server:
        from kit.client import until

        def expired():
            kinesis = connect_as(server, brief)
            try:
                kinesis.list_streams()
            except kinesis.exceptions.ClientError as error:
                return error.response["Error"]["Code"] == "ExpiredTokenException"
            return False
        until(expired, every=0.3)


@pytest.mark.parametrize("arguments, code, text", [
    (["add", "--account", "1"], 2, "an account is 12 digits"),
    (["add", "--user", "a b"], 1, "is not 1 to 64 letters, digits"),
    (["add", "--user", "a", "--policy", "none.json"], 2, "cannot read the policy none.json"),
    (["add", "--policy", "read-only"], 1, "give --user NAME"),
    (["add", "--for", "forever"], 2, "write a time as 90s, 15m, 12h or 7d"),
    (["remove", "AKIANONE"], 1, "there is no key AKIANONE"),
    (["rotate", "AKIANONE"], 1, "there is no key AKIANONE"),
    (["policy", "--user", "bob"], 1, "cannot read"),
    (["list"], 1, "cannot read"),
])
def test_what_cannot_be(tmp_path, arguments, code, text):
    done = run_to_end("credentials", *arguments, "--credentials", str(tmp_path / "credentials.toml"))
    assert done.returncode == code, done
    assert text in done.stderr and done.stderr.count("\n") <= 2, done.stderr
    assert not (tmp_path / "credentials.toml").exists()


def test_a_wrong_policy_is_named(tmp_path):
    file, wrong = tmp_path / "credentials.toml", tmp_path / "wrong.json"
    wrong.write_text('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"PutRecord","Resource":"*"}]}')
    done = run_to_end("credentials", "add", "--user", "a", "--policy", str(wrong), "--credentials", str(file))
    assert done.returncode == 1
    assert "a policy of a of account 000000000000 is wrong: statement 1: 'PutRecord' is no action" in done.stderr
    assert not file.exists()


def test_the_server_refuses_a_file_that_others_can_read(tmp_path):
    file = tmp_path / "credentials.toml"
    person = add(file)
    file.chmod(0o644)
    done = run_to_end("serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"),
                      "--credentials", str(file))
    assert done.returncode == 1
    assert "others can read or change it (mode 0644); run: chmod 600" in done.stderr
    assert person.secret not in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_change_that_is_wrong_changes_nothing(tmp_path):
    file = tmp_path / "credentials.toml"
    person = add(file)
    with Server(tmp_path / "server", flags=["--credentials", str(file)]) as server:
        from kit.client import until
        file.write_text("secret = \"hush-hush-hush-hush\n")
        until(lambda: "cannot be used; those from before stay in force" in server.log())
        assert "hush" not in server.log()
        connect_as(server, person).list_streams()


def test_the_audit_log(tmp_path):
    file, audit = tmp_path / "credentials.toml", tmp_path / "audit.jsonl"
    root, alice = add(file), add(file, OWN, "alice", ["read-only"])
    flags = ["--credentials", str(file), "--audit-log", str(audit)]
    with Server(tmp_path / "server", flags=flags) as server:
        kinesis = connect_as(server, root)
        made = kinesis.create_stream(StreamName="s", ShardCount=1)
        wait_active(kinesis, "s")
        kinesis.put_record(StreamName="s", Data=b"the data itself", PartitionKey="the key itself")
        refusal(connect_as(server, alice).put_record, StreamName="s", Data=b"the data itself", PartitionKey="k")
        refusal(connect_as(server, alice._replace(secret="wrong")).list_streams)
    assert stat.S_IMODE(os.stat(audit).st_mode) == 0o600
    text = audit.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["action"], line["outcome"]) for line in lines] == [
        ("kinesis:CreateStream", "ok"),
        ("kinesis:PutRecord", "AccessDeniedException"),
        ("kinesis:ListStreams", "InvalidSignatureException"),
    ]
    assert lines[0]["request_id"] == made["ResponseMetadata"]["RequestId"]
    assert lines[1]["principal"] == f"arn:aws:iam::{OWN}:user/alice"
    assert lines[1]["resource"] == f"arn:aws:kinesis:us-east-1:{OWN}:stream/s"
    for hidden in ("the data itself", "dGhlIGRhdGEgaXRzZWxm", "the key itself", root.secret, alice.secret):
        assert hidden not in text and hidden not in server.log(1_000_000)


def test_our_own_commands_sign(tmp_path):
    file = tmp_path / "credentials.toml"
    root = add(file)
    with Server(tmp_path / "server", flags=["--credentials", str(file)]) as server:
        import subprocess
        env = clean_environment(AWS_ENDPOINT_URL_KINESIS=server.url, AWS_ACCESS_KEY_ID=root.key,
                                AWS_SECRET_ACCESS_KEY=root.secret, AWS_REGION="us-east-1")
        subprocess.run([binary(), "create", "s"], env=env, check=True, timeout=30)
        listed = subprocess.run([binary(), "streams"], env=env, check=True, timeout=30, capture_output=True, text=True)
        assert "s " in listed.stdout
        wrong = subprocess.run([binary(), "streams"], env=env | {"AWS_SECRET_ACCESS_KEY": "wrong"}, timeout=30,
                               capture_output=True, text=True)
        assert wrong.returncode == 1 and "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the region" in wrong.stderr
