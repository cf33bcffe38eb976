"""What was acknowledged is there after the server was stopped, or killed."""

import random
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from kit.client import until
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
