"""What was acknowledged is there after the server was stopped, or killed."""

import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from kit.client import until
from kit.raw import send
from kit.server import run_to_end
from kit.tables import create_table, definitions, describe, dynamo, index, item, wait_active


@pytest.fixture(params=["sigterm", "sigkill"])
def restart(request):
    def again(server):
        server.stop() if request.param == "sigterm" else server.kill()
        server.start()
        return dynamo(server)
    return again


def everything(db, name, **options):
    pages = db.get_paginator("scan").paginate(TableName=name, **options)
    return sorted((one for page in pages for one in page["Items"]), key=str)


def test_everything_is_there(own_server, restart):
    server = own_server()
    db = dynamo(server)
    name = create_table(
        db, "a", "b", types={"b": "N", "c": "S"}, Tags=[{"Key": "x", "Value": "y"}], DeletionProtectionEnabled=True,
        GlobalSecondaryIndexes=[index("by-c", "c")],
    )
    for i in range(50):
        db.put_item(TableName=name, Item=item(a=f"a-{i % 5}", b=i, c=f"c-{i % 3}", d={"e": [i, None, b"x"]}))
    db.update_item(
        TableName=name, Key=item(a="a-0", b=0), UpdateExpression="SET d.e[0] = :x",
        ExpressionAttributeValues=item(**{":x": "changed"}),
    )
    db.delete_item(TableName=name, Key=item(a="a-1", b=1))
    db.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    db.update_table(
        TableName=name, AttributeDefinitions=definitions(c="S", b="N"),
        GlobalSecondaryIndexUpdates=[{"Create": index("by-c-b", "c", "b", projection="KEYS_ONLY")}],
    )
    wait_active(db, name)
    add = [{"Update": {
        "TableName": name, "Key": item(a="token", b=0), "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": item(**{":one": 1}),
    }}]
    db.transact_write_items(TransactItems=add, ClientRequestToken="token")
    until(lambda: db.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED")

    def snapshot(db):
        table = describe(db, name)
        return (
            table, everything(db, name), everything(db, name, IndexName="by-c"),
            everything(db, name, IndexName="by-c-b"),
            db.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
            db.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        )

    before = snapshot(db)
    assert before[0]["ItemCount"] == 50
    db = restart(server)
    assert snapshot(db) == before
    db.transact_write_items(TransactItems=add, ClientRequestToken="token")
    assert snapshot(db) == before, "the token is remembered"
    assert snapshot(restart(server)) == before, "and a second time"


def test_a_table_that_was_deleted_stays_so(own_server, restart):
    server = own_server()
    db = dynamo(server)
    name = create_table(db)
    db.put_item(TableName=name, Item=item(a="x"))
    db.delete_table(TableName=name)
    db = restart(server)
    until(lambda: name not in db.list_tables()["TableNames"])


def test_killed_while_many_write(own_server):
    """Each counter is what was acknowledged, or one more: the write that had no answer."""
    server = own_server()
    name = create_table(dynamo(server))
    acknowledged, stop = {}, threading.Event()

    def work(worker):
        db = dynamo(server)
        count = 0
        while not stop.is_set():
            try:
                if count % 2:
                    db.transact_write_items(TransactItems=[
                        {"Put": {"TableName": name, "Item": item(a=f"{worker}-{side}", n=count + 1)}}
                        for side in "lr"
                    ])
                else:
                    db.batch_write_item(RequestItems={name: [
                        {"PutRequest": {"Item": item(a=f"{worker}-{side}", n=count + 1)}} for side in "lr"
                    ]})
            except (BotoCoreError, ClientError):
                return
            count += 1
            acknowledged[worker] = count

    for round in range(5):
        acknowledged.clear()
        workers = [threading.Thread(target=work, args=[f"{round}-{i}"]) for i in range(6)]
        for worker in workers:
            worker.start()
        until(lambda: len(acknowledged) == 6)
        time.sleep(random.random() / 2)
        server.kill()
        for worker in workers:
            worker.join()
        server.start()
        db = dynamo(server)
        for worker, count in acknowledged.items():
            left, right = (
                int(db.get_item(TableName=name, Key=item(a=f"{worker}-{side}"))["Item"]["n"]["N"])
                for side in "lr"
            )
            assert left in (count, count + 1) and left == right, (worker, count, left, right)


def files_with(server, text):
    return {path: path.read_bytes().count(text) for path in server.data_dir.rglob("*")
            if path.is_file() and text in path.read_bytes()}


def test_no_item_of_an_encrypted_table_is_in_any_file(own_server, restart):
    server = own_server()
    db = dynamo(server)
    sealed = create_table(db, SSESpecification={"Enabled": True})
    plain = create_table(db)
    for name, mark in (sealed, "SEALED"), (plain, "PLAIN"):
        db.put_item(TableName=name, Item=item(a=f"KEY-{mark}", b={f"NAME-{mark}": [f"VALUE-{mark}"]}))
        db.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": item(a=f"{mark}-2")}}])
    # Beyond what one log has before everything is copied.
    for i in range(60):
        db.put_item(TableName=sealed, Item=item(a="large", b=f"LARGE-SEALED-{i}" + "x" * 350_000))
    for _ in range(2):
        assert files_with(server, b"PLAIN"), "the search finds what is there"
        assert files_with(server, b"SEALED") == {}
        assert db.get_item(TableName=sealed, Key=item(a="KEY-SEALED"))["Item"]["b"]["M"].keys() == {"NAME-SEALED"}
        db = restart(server)


def test_a_damaged_file_takes_the_table_that_it_touched_and_no_other(own_server):
    server = own_server()
    db = dynamo(server)
    hurt, well = create_table(db), create_table(db)
    db.put_item(TableName=hurt, Item=item(a="kept"))
    db.put_item(TableName=hurt, Item=item(a="DAMAGED-ITEM"))
    for i in range(30):
        db.put_item(TableName=well, Item=item(a=str(i), b="x" * 200))
    server.stop()
    [path] = files_with(server, b"DAMAGED-ITEM")
    data = bytearray(path.read_bytes())
    data[data.index(b"DAMAGED-ITEM")] ^= 1
    path.write_bytes(data)
    server.start()
    db = dynamo(server)
    assert {hurt, well} <= set(db.list_tables()["TableNames"])
    assert len(everything(db, well)) == 30
    describe(db, hurt)
    with pytest.raises(ClientError) as refused:
        db.get_item(TableName=hurt, Key=item(a="kept"))
    assert refused.value.response["Error"]["Code"] == "InternalServerError"
    assert "lost changes to damage" in refused.value.response["Error"]["Message"]
    health = send(server, "GET", "/health")
    assert health.status == 200 and b'"status":"impaired"' in health.body
    in_use = run_to_end("repair-tables", "--data-dir", str(server.data_dir), env=server.env)
    assert in_use.returncode == 1 and "in use" in in_use.stderr
    server.stop()

    def repair(*options):
        done = run_to_end("repair-tables", "--data-dir", str(server.data_dir), *options, env=server.env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    dry = repair("--dry-run")
    assert hurt in dry and well not in dry and "The tables stay as they were." in dry
    assert repair("--dry-run") == dry
    assert "1 table is whole. 1 table is served again without what was lost." in repair()
    assert repair("--dry-run") == "Nothing is lost: 2 tables are whole.\n"
    server.start()
    db = dynamo(server)
    assert everything(db, hurt) == [item(a="kept")]
    assert len(everything(db, well)) == 30
    assert b'"status":"ok"' in send(server, "GET", "/health").body


def test_a_directory_without_a_store_is_not_made_one(tmp_path):
    for directory in (tmp_path, tmp_path / "mistyped"):
        done = run_to_end("repair-tables", "--data-dir", str(directory), "--dry-run")
        assert done.returncode == 2 and "holds no data of a server" in done.stderr
    assert list(tmp_path.iterdir()) == []
