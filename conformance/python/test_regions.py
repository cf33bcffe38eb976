"""Regions: one server serves one, several or any; names are apart by region as they are by account.

The fixture is a data directory of the time before, written by
`HEADWATER_BIN=<the binary of then> python test_regions.py`. It is never changed.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

from kit.client import connect, create, wait_active
from kit.server import Server
from kit.tables import create_table, dynamo, item

FIXTURE = Path(__file__).parent / "fixtures" / "before-regions.tar.xz"
# Not the default: a directory belongs to the region that it was written for.
WRITTEN_FOR = "us-west-2"
ROLE = "arn:aws:iam::444455556666:root"


def write():
    """A stream with a consumer, tags, a policy and encryption; the account's setting; a table and its items."""
    assert not FIXTURE.exists(), f"{FIXTURE} is there already"
    server = Server(Path(tempfile.mkdtemp()), region=WRITTEN_FOR).start()
    kinesis, db = connect(server), dynamo(server)
    orders = create(kinesis, 2, "orders")
    arn = server.arn(orders)
    kinesis.add_tags_to_stream(StreamName=orders, Tags={"team": "blue"})
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")
    kinesis.put_resource_policy(ResourceARN=arn, Policy=(
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"%s"},'
        '"Action":"kinesis:GetRecords","Resource":"%s"}]}' % (ROLE, arn)
    ))
    kinesis.start_stream_encryption(StreamName=orders, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    wait_active(kinesis, orders)
    kinesis.increase_stream_retention_period(StreamName=orders, RetentionPeriodHours=8760)
    wait_active(kinesis, orders)
    for i in range(4):
        kinesis.put_record(StreamName=orders, PartitionKey=f"key-{i}", Data=b"%d" % i)
    kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    table = create_table(db, "id", Tags=[{"Key": "team", "Value": "blue"}])
    for i in range(4):
        db.put_item(TableName=table, Item=item(id=str(i)))
    server.kill()
    with tarfile.open(FIXTURE, "w:xz") as archive:
        archive.add(server.data_dir, "data")


if __name__ == "__main__":
    sys.exit(write())
