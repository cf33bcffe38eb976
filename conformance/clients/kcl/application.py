"""A KCL application as the scenario sees it: its workers, what they wrote down, and what they must have seen."""

import datetime
import itertools
import re
from collections import defaultdict
from typing import NamedTuple

import aws_kinesis_agg.aggregator

from kit.client import until
from rig import java
from rig.process import Program

# What a worker may say at WARN or ERROR, and why it is not the server's fault.
ALLOWED = {
    r"WorkerMetricsSelector - Did not find an operating range metadata provider":
        "KCL 3 looks for EC2 or ECS and is on neither",
    r"ProcessTask - Cannot get the shard for this ProcessTask":
        "the shards a KCL knows of are those of its start; after a reshard it lists them again only after a while",
    r"FanOutRecordsPublisher\$RecordFlow - \S+: complete called on a cancelled subscription":
        "it cancelled the subscription itself, to hand the shard over or to stop; the SDK then says complete",
    r"ShutdownTask - Shard \S+: Caught exception:\s+\| \S+\.BlockedOnParentShardException":
        "a parent of a merge has been read before the other parent's own parent has; it waits, and tries again",
    r"DefaultChannelPipeline - .*SdkCancellationException: Subscriber cancelled before all events were published":
        "the same, where the SDK has not seen the end of the stream yet; also at the last event of a shard",
    r"Scheduler - Shutdown requested a second time|CloudWatchPublisherRunnable - Dropping metrics .* is shutting down":
        "KCL 2 after a reshard, see Worker.java: the good end is followed by a plain one",
    r"ResourceInUseException: Another active subscription exists for this consumer":
        "as AWS does, a subscription is kept for five seconds from its start even where who had it was killed",
    r"LeaseAssignmentManager - Not able to assign all expiredOrUnAssignedLeases":
        "KCL 3 before the first figures of a worker have come in",
}


class Event(NamedTuple):
    at: int
    worker: str
    what: str
    shard: str
    rest: tuple


class Record(NamedTuple):
    """A user's record; several share a sequence number where they were aggregated."""

    sequence: int
    sub: int
    key: str
    data: str


class Producer:
    """Puts records one after another and remembers which shard has which, in order."""

    def __init__(self, kinesis, stream):
        self.kinesis = kinesis
        self.stream = stream
        self.written = defaultdict(list)
        self.numbers = itertools.count()

    def _new(self):
        number = next(self.numbers)
        return f"key-{number}", f"data-{number}"

    def plain(self, count):
        for _ in range(0, count, 100):
            records = [self._new() for _ in range(min(100, count))]
            answer = self.kinesis.put_records(
                StreamName=self.stream, Records=[{"PartitionKey": key, "Data": data} for key, data in records]
            )
            assert answer["FailedRecordCount"] == 0, answer
            for (key, data), result in zip(records, answer["Records"], strict=True):
                self.written[result["ShardId"]].append(Record(int(result["SequenceNumber"]), 0, key, data))

    def aggregated(self, count, of=10):
        """Into each open shard as many records, in each of which there are some of the user's."""
        shards = self.kinesis.list_shards(StreamName=self.stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
        for shard in shards:
            # A KCL drops what does not hash into the shard: it would have come there by a reshard.
            inside = shard["HashKeyRange"]["StartingHashKey"]
            for _ in range(count):
                aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
                records = [self._new() for _ in range(of)]
                for key, data in records:
                    aggregator.add_user_record(key, data.encode(), inside)
                key, _, body = aggregator.clear_and_get().get_contents()
                answer = self.kinesis.put_record(
                    StreamName=self.stream, PartitionKey=key, ExplicitHashKey=inside, Data=body
                )
                assert answer["ShardId"] == shard["ShardId"]
                sequence = int(answer["SequenceNumber"])
                self.written[shard["ShardId"]] += [
                    Record(sequence, sub, *record) for sub, record in enumerate(records)
                ]

    def count(self):
        return sum(map(len, self.written.values()))


class Worker(Program):
    def __init__(self, application, name):
        self.name = name
        self.events_file = application.directory / f"{name}.events"
        options = application.options | {"worker": name, "events": self.events_file}
        super().__init__(
            application.directory / f"{name}.log",
            *java.command(application.class_path, "headwater.Worker",
                          *(f"{key}={value}" for key, value in options.items()),
                          options=("-Xmx256m", "-XX:+UseSerialGC", *application.java_options)),
            env={"AWS_ENDPOINT_URL": application.server.url},
        )

    def events(self):
        if not self.events_file.exists():
            return []
        lines = self.events_file.read_text().split("\n")[:-1]
        split = (line.split(" ") for line in lines)
        return [Event(int(at), self.name, what, rest[0] if rest else "", tuple(rest[1:])) for at, what, *rest in split]

    def owned(self):
        """The shards that it processes now."""
        owned = set()
        for event in self.events():
            if event.what == "initialized":
                owned.add(event.shard)
            elif event.what in ("lease_lost", "shard_ended"):
                owned.discard(event.shard)
        return owned

    def stop(self, seconds=60):
        """SIGTERM; the worker gives up its leases in good order."""
        super().stop(seconds)
        said = {event.what for event in self.events()}
        assert "stopped" in said or ("stopped_late" in said and "shard_ended" in said), self.text()[-8000:]


class Application:
    """One name, one lease table; workers that come and go."""

    def __init__(self, server, directory, class_path, stream, *, java_options=(), **options):
        self.server = server
        self.directory = directory
        self.class_path = class_path
        self.java_options = java_options
        self.options = {"application": directory.name, "stream": stream} | options
        self.workers = []

    def failures(self):
        """Checkpoints that were refused, and ends that were not in good order."""
        failed = ("checkpoint_failed", "stop_failed", "stop_refused")
        return [event for worker in self.workers for event in worker.events() if event.what in failed]

    def worker(self, name):
        worker = Worker(self, name)
        self.workers.append(worker)
        return worker

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            worker.kill()

    def events(self):
        return sorted(event for worker in self.workers for event in worker.events())

    def seen(self):
        """The records that were processed, by shard and in time; each as often as it was."""
        seen = defaultdict(list)
        for event in self.events():
            if event.what == "record":
                sequence, sub, key, data = event.rest
                seen[event.shard].append(Record(int(sequence), int(sub), key, data))
        return dict(seen)

    def wait_for(self, written, seconds=90):
        """Until every record was processed."""
        def done():
            for worker in self.workers:
                assert worker.process.poll() in (None, -9, 143), worker.text()[-8000:]
            seen = self.seen()
            return all(set(records) <= set(seen.get(shard, ())) for shard, records in written.items())

        try:
            until(done, seconds, every=0.25)
        except AssertionError:
            self.show()
            raise

    def show(self):
        """For a person, when it went wrong."""
        for worker in self.workers:
            print(f"=== {worker.name}")
            for event in worker.events():
                if event.what not in ("record", "checkpoint"):
                    print(*event)
            print("".join(line + "\n" for line in worker.text().splitlines() if line.startswith(("WARN", "ERROR")))[-4000:])

    # What has to hold.

    def each_once_in_order(self, written):
        """Every record of every shard, once, in the shard's order, whoever processed it."""
        assert self.seen() == {shard: records for shard, records in written.items() if records}

    def each_from_the_checkpoint(self, written):
        """A processor begins right after the checkpoint it is given, and misses nothing from there.

        So everything is processed, in order, and what is processed again is what came after the last checkpoint.
        """
        runs = []
        for worker in self.workers:
            open_runs = {}
            for event in worker.events():
                if event.what == "initialized":
                    assert event.shard not in open_runs, f"{event.shard} twice at once in {worker.name}"
                    open_runs[event.shard] = [event]
                    runs.append(open_runs[event.shard])
                elif event.shard:
                    open_runs[event.shard].append(event)
                    if event.what in ("lease_lost", "shard_ended"):
                        del open_runs[event.shard]
        repeated = 0
        reached = defaultdict(lambda: -1)  # by shard: the index of the last record that was processed
        for run in sorted(runs):
            shard, records = run[0].shard, written[run[0].shard]
            positions = {(record.sequence, record.sub): index for index, record in enumerate(records)}
            start = run[0].rest
            first = 0 if start[0] in ("TRIM_HORIZON", "AT_TIMESTAMP") else positions[int(start[0]), int(start[1])] + 1
            assert first <= reached[shard] + 1, f"{shard}: {first - reached[shard] - 1} records were never processed"
            processed = [
                Record(int(event.rest[0]), int(event.rest[1]), *event.rest[2:]) for event in run if event.what == "record"
            ]
            assert processed == records[first:first + len(processed)], (shard, run[0])
            repeated += max(0, min(reached[shard] + 1 - first, len(processed)))
            reached[shard] = max(reached[shard], first + len(processed) - 1)
            # Whoever came before saved its position no further than it had got, and this one began there.
            saved = [
                event.rest for other in runs for event in other
                if event.what == "checkpoint" and event.shard == shard and event.at < run[0].at
            ]
            if saved:
                last = max(positions[int(sequence), int(sub)] for sequence, sub in saved)
                # One checkpoint may have been saved by a worker that was killed before it wrote that down.
                assert first >= last + 1, f"{shard} began before its checkpoint"
        for shard, records in written.items():
            assert reached[shard] == len(records) - 1, f"{shard} was not read to its end"
        return repeated

    def children_after_parents(self, shards):
        """No child is begun before each of its parents has ended, as far as the application reads them at all."""
        ended, begun = {}, {}
        for event in self.events():
            if event.what == "shard_ended":
                ended[event.shard] = event.at
            elif event.what == "initialized":
                begun.setdefault(event.shard, event.at)
        for shard in shards:
            for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId")):
                if parent in begun and shard["ShardId"] in begun:
                    assert parent in ended and ended[parent] <= begun[shard["ShardId"]], (parent, shard["ShardId"])

    def ended(self):
        return {event.shard for event in self.events() if event.what == "shard_ended"}

    def warnings(self, apart_from=()):
        """What the workers complain of, but for what is allowed and for these times (pairs of seconds since 1970)."""
        found = []
        for worker in self.workers:
            for line in re.findall(r"^(?:WARN |ERROR) .*(?:\n(?![A-Z]+ +20).*)?", worker.text(), re.MULTILINE):
                # With what was thrown, which is the next line.
                level, when, what = line.replace("\n", " | ").split(maxsplit=2)
                at = datetime.datetime.fromisoformat(when).timestamp()
                if not any(re.search(allowed, what) for allowed in ALLOWED) and not any(
                    start <= at <= end for start, end in apart_from
                ):
                    found.append(f"{worker.name}: {level} {when} {what}")
        print(*found, sep="\n")
        return found
