//! Enhanced monitoring and CloudWatch, on a clock that is moved.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{START, TRANSITION, World, eventually};
use crate::http::{CODECS, Connection};

const MINUTE: Duration = Duration::from_secs(60);
const SEVEN: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
];

/// Status and body of an answer. `head` is the method and path, and after bars the headers.
async fn send(world: &World, head: &str, body: &[u8]) -> (u16, String) {
    let mut connection = Connection::open(world.server().address()).await.unwrap();
    let (line, headers) = head.split_once('|').unwrap_or((head, "x: y"));
    let request = format!(
        "{line} HTTP/1.1\r\n{}\r\nhost: headwater\r\nx-amz-date: 20231114T221320Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=a/b, SignedHeaders=host, Signature=c\r\ncontent-length: {}\r\n\r\n",
        headers.replace('|', "\r\n"),
        body.len()
    );
    connection.send(&[request.as_bytes(), body].concat()).await.unwrap();
    let answer = connection.answer().await.unwrap();
    (answer.status, answer.text)
}

async fn json_call(world: &World, operation: &str, input: Value) -> (u16, Value) {
    let head = format!(
        "POST /|content-type: application/x-amz-json-1.0|x-amz-target: GraniteServiceVersion20100801.{operation}"
    );
    let (status, text) = send(world, &head, input.to_string().as_bytes()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn form(world: &World, form: &str) -> (u16, String) {
    let head = "POST /|content-type: application/x-www-form-urlencoded; charset=utf-8";
    send(world, head, form.as_bytes()).await
}

fn statistics(metric: &str, dimensions: Value) -> Value {
    json!({
        "Namespace": "AWS/Kinesis", "MetricName": metric, "Dimensions": dimensions,
        "StartTime": START.as_secs() - 60, "EndTime": START.as_secs() + 3600, "Period": 60,
        "Statistics": ["SampleCount", "Sum", "Minimum", "Maximum", "Average"],
    })
}

/// SampleCount, Sum, Minimum and Maximum of the only point there is.
async fn measured(world: &World, metric: &str, dimensions: Value) -> Option<[f64; 4]> {
    let (status, body) = json_call(world, "GetMetricStatistics", statistics(metric, dimensions)).await;
    assert_eq!(status, 200, "{body}");
    let points = body["Datapoints"].as_array().unwrap();
    assert!(points.len() <= 1, "{body}");
    let point = points.first()?;
    Some(["SampleCount", "Sum", "Minimum", "Maximum"].map(|name| point[name].as_f64().unwrap()))
}

fn of_stream() -> Value {
    json!([{"Name": "StreamName", "Value": "s"}])
}

fn of_shard(shard: u32) -> Value {
    json!([{"Name": "ShardId", "Value": format!("shardId-{shard:012}")}, {"Name": "StreamName", "Value": "s"}])
}

async fn sampled(world: &World) {
    world.clock.advance(MINUTE);
    eventually("a sample was taken", async || measured(world, "IncomingBytes", of_stream()).await.is_some())
        .await;
}

#[tokio::test]
async fn metrics_are_enabled_shown_disabled_and_survive_a_restart() {
    let mut world = World::new("enhanced").await;
    world.create("s", 1).await;
    let change = async |world: &World, operation: &str, metrics: Value| {
        let input = json!({"StreamName": "s", "ShardLevelMetrics": metrics});
        let answer = world.call(operation, input).await.ok();
        assert_eq!(answer["StreamName"], "s");
        assert_eq!(answer["StreamARN"], "arn:aws:kinesis:us-east-1:123456789012:stream/s");
        (answer["CurrentShardLevelMetrics"].clone(), answer["DesiredShardLevelMetrics"].clone())
    };
    let one = json!(["IncomingBytes"]);
    assert_eq!(change(&world, "EnableEnhancedMonitoring", one.clone()).await, (json!([]), one.clone()));
    assert_eq!(world.status("s").await, "UPDATING");
    let input = json!({"StreamName": "s", "ShardLevelMetrics": ["ALL"]});
    let text = "Stream s under account 123456789012 not ACTIVE, instead in state UPDATING";
    world.call("EnableEnhancedMonitoring", input).await.assert_error(400, "ResourceInUseException", text);
    world.clock.advance(TRANSITION);
    // What is so already changes nothing.
    assert_eq!(change(&world, "EnableEnhancedMonitoring", one.clone()).await, (one.clone(), one.clone()));
    assert_eq!(world.status("s").await, "ACTIVE");
    let all = json!(["ALL"]);
    assert_eq!(change(&world, "EnableEnhancedMonitoring", all.clone()).await, (one, json!(SEVEN)));
    world.clock.advance(TRANSITION);
    world.stop().await;
    world.start().await.unwrap();
    for codec in CODECS {
        for (operation, member) in
            [("DescribeStream", "StreamDescription"), ("DescribeStreamSummary", "StreamDescriptionSummary")]
        {
            let shown = world.call_in(codec, operation, json!({"StreamName": "s"})).await.ok();
            assert_eq!(shown[member]["EnhancedMonitoring"], json!([{"ShardLevelMetrics": SEVEN}]));
        }
    }
    let five = json!(["IncomingBytes", "ReadProvisionedThroughputExceeded"]);
    let left: Vec<_> =
        SEVEN.into_iter().filter(|name| !five.as_array().unwrap().contains(&json!(name))).collect();
    assert_eq!(change(&world, "DisableEnhancedMonitoring", five).await, (json!(SEVEN), json!(left)));
    world.clock.advance(TRANSITION);
    assert_eq!(change(&world, "DisableEnhancedMonitoring", all).await, (json!(left), json!([])));
    world.stop().await;
}

#[tokio::test]
async fn the_names_of_metrics_are_checked() {
    let mut world = World::new("enhanced-names").await;
    world.create("s", 1).await;
    let set = "[IncomingBytes, IncomingRecords, OutgoingBytes, OutgoingRecords, \
               WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded, IteratorAgeMilliseconds, ALL]";
    let unknown = format!(
        "1 validation error detected: Value '[Other]' at 'shardLevelMetrics' failed to satisfy constraint: Member must \
         satisfy constraint: [Member must satisfy enum value set: {set}]"
    );
    for (metrics, text) in [
        (json!(["Other"]), unknown.as_str()),
        (
            json!([]),
            "1 validation error detected: Value at 'shardLevelMetrics' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        ),
        (
            json!(vec!["ALL"; 8]),
            "1 validation error detected: Value at 'shardLevelMetrics' failed to satisfy constraint: Member must have \
             length less than or equal to 7",
        ),
        (
            Value::Null,
            "1 validation error detected: Value null at 'shardLevelMetrics' failed to satisfy constraint: Member must \
             not be null",
        ),
    ] {
        for operation in ["EnableEnhancedMonitoring", "DisableEnhancedMonitoring"] {
            let input = json!({"StreamName": "s", "ShardLevelMetrics": metrics});
            world.call(operation, input).await.assert_error(400, "ValidationException", text);
        }
    }
    world.stop().await;
}

/// Lines of Prometheus about the metrics of CloudWatch.
async fn scraped(world: &World) -> Vec<String> {
    let text = world.get("/metrics").await.text;
    assert_eq!(text.matches("# EOF").count(), 1);
    let lines = text.lines().filter(|line| line.starts_with("headwater_kinesis_"));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn prometheus_sees_what_is_enabled_and_nothing_else() {
    let mut world = World::new("enhanced-prometheus").await;
    world.create("s", 2).await;
    world.create("quiet", 2).await;
    world.put("s", b"12345").await;
    assert!(scraped(&world).await.is_empty());
    let input = json!({"StreamName": "s", "ShardLevelMetrics": ["ALL"]});
    world.call("EnableEnhancedMonitoring", input).await.ok();
    for shard in 0..2 {
        world.read("s", shard).await;
    }
    let lines = scraped(&world).await;
    assert_eq!(lines.len(), 14, "{lines:?}");
    for metric in SEVEN {
        let total = if metric == "IteratorAgeMilliseconds" { "" } else { "_total" };
        for shard in 0..2 {
            let series = format!(
                "headwater_kinesis_{metric}{total}{{account=\"123456789012\",region=\"us-east-1\",stream=\"s\",shard=\"shardId-{shard:012}\"}}"
            );
            assert!(lines.iter().any(|line| line.starts_with(&series)), "{series} in {lines:?}");
        }
    }
    let put: u64 = lines
        .iter()
        .filter(|line| line.contains("IncomingBytes"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(put, 6);
    world.clock.advance(TRANSITION);
    let input = json!({"StreamName": "s", "ShardLevelMetrics": ["ALL"]});
    world.call("DisableEnhancedMonitoring", input).await.ok();
    assert!(scraped(&world).await.is_empty());
    world.stop().await;
}

#[tokio::test]
async fn what_streams_do_is_sampled_by_the_minute() {
    let mut world = World::with("sampled", |settings| {
        settings.limit_changes[0] = vec!["shard-read-calls=2".parse().unwrap()];
    })
    .await;
    world.create("s", 1).await;
    // 6 and 11 bytes with their partition keys.
    world.put("s", b"12345").await;
    world.put("s", b"1234567890").await;
    let entry = json!({"PartitionKey": "k", "Data": "eA=="});
    world.call("PutRecords", json!({"StreamName": "s", "Records": [entry, entry, entry]})).await.ok();
    let iterator = world.iterator("s", 0).await;
    for status in [200, 200, 400] {
        let answer = world.call("GetRecords", json!({"ShardIterator": iterator, "Limit": 4})).await;
        assert_eq!(answer.status, status);
    }
    sampled(&world).await;
    for (metric, expected) in [
        ("IncomingBytes", [3.0, 23.0, 6.0, 11.0]),
        ("IncomingRecords", [3.0, 5.0, 1.0, 3.0]),
        ("PutRecord.Bytes", [2.0, 17.0, 6.0, 11.0]),
        ("PutRecord.Success", [2.0, 2.0, 1.0, 1.0]),
        ("PutRecords.Bytes", [1.0, 6.0, 6.0, 6.0]),
        ("PutRecords.TotalRecords", [1.0, 3.0, 3.0, 3.0]),
        ("PutRecords.SuccessfulRecords", [1.0, 3.0, 3.0, 3.0]),
        ("PutRecords.ThrottledRecords", [1.0, 0.0, 0.0, 0.0]),
        ("PutRecords.FailedRecords", [1.0, 0.0, 0.0, 0.0]),
        ("WriteProvisionedThroughputExceeded", [3.0, 0.0, 0.0, 0.0]),
        ("ReadProvisionedThroughputExceeded", [3.0, 1.0, 0.0, 1.0]),
        ("GetRecords.Success", [3.0, 2.0, 0.0, 1.0]),
        ("GetRecords.Records", [2.0, 8.0, 4.0, 4.0]),
        ("GetRecords.Bytes", [2.0, 42.0, 21.0, 21.0]),
    ] {
        assert_eq!(measured(&world, metric, of_stream()).await, Some(expected), "{metric}");
    }
    let latency = measured(&world, "PutRecord.Latency", of_stream()).await.unwrap();
    assert_eq!(latency[0], 2.0);
    // Of shards there is nothing before it was asked for.
    assert_eq!(measured(&world, "IncomingBytes", of_shard(0)).await, None);
    let input = json!({"StreamName": "s", "ShardLevelMetrics": ["IncomingBytes", "IteratorAgeMilliseconds"]});
    world.call("EnableEnhancedMonitoring", input).await.ok();
    world.put("s", b"123").await;
    world.clock.advance(Duration::from_millis(1500));
    world.call("GetRecords", json!({"ShardIterator": iterator, "Limit": 1})).await.ok();
    world.clock.advance(MINUTE);
    eventually("a shard was sampled", async || {
        measured(&world, "IncomingBytes", of_shard(0)).await.is_some()
    })
    .await;
    assert_eq!(measured(&world, "IncomingBytes", of_shard(0)).await, Some([1.0, 4.0, 4.0, 4.0]));
    let age = measured(&world, "IteratorAgeMilliseconds", of_shard(0)).await.unwrap();
    // The first record was put a minute and two transitions ago.
    assert_eq!(age[0], 1.0);
    assert!(age[1] >= 61_000.0, "{age:?}");
    assert_eq!(measured(&world, "OutgoingBytes", of_shard(0)).await, None);
    world.stop().await;
}

#[tokio::test]
async fn consumers_are_measured_by_their_names() {
    let mut world = World::new("sampled-consumers").await;
    world.create("s", 1).await;
    let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let input = json!({"StreamARN": arn, "ConsumerName": "c"});
    let consumer = world.call("RegisterStreamConsumer", input).await.ok()["Consumer"]["ConsumerARN"].clone();
    world.clock.advance(TRANSITION);
    world.put("s", b"12345").await;
    let start = json!({"Type": "TRIM_HORIZON"});
    let input = json!({"ConsumerARN": consumer, "ShardId": "0", "StartingPosition": start});
    let (mut head, body) = crate::http::request(crate::http::Codec::Json, "SubscribeToShard", &input);
    head.extend(body);
    let mut first = Connection::open(world.server().address()).await.unwrap();
    first.send(&head).await.unwrap();
    eventually("records were pushed", async || {
        // The answer begins a moment later, and so does the first event.
        world.clock.advance(Duration::from_millis(1));
        let lines = world.get("/metrics/shards?stream=s").await.text;
        lines
            .lines()
            .any(|line| line.starts_with("headwater_shard_records_out_total") && line.ends_with(" 1"))
    })
    .await;
    assert_eq!(world.call("SubscribeToShard", input).await.error().1, "ResourceInUseException");
    sampled(&world).await;
    let of_consumer = json!([{"Name": "StreamName", "Value": "s"}, {"Name": "ConsumerName", "Value": "c"}]);
    for (metric, expected) in [
        ("SubscribeToShard.Success", [2.0, 1.0, 0.0, 1.0]),
        ("SubscribeToShard.RateExceeded", [1.0, 1.0, 1.0, 1.0]),
        ("SubscribeToShardEvent.Bytes", [1.0, 6.0, 6.0, 6.0]),
        ("SubscribeToShardEvent.Records", [1.0, 1.0, 1.0, 1.0]),
        ("SubscribeToShardEvent.Success", [1.0, 1.0, 1.0, 1.0]),
        ("SubscribeToShardEvent.MillisBehindLatest", [1.0, 0.0, 0.0, 0.0]),
    ] {
        let found = measured(&world, metric, of_consumer.clone()).await.unwrap();
        // The subscription lives on, and may have said so.
        let of_event = metric.starts_with("SubscribeToShardEvent");
        assert_eq!(found[3], expected[3], "{metric}");
        assert!(of_event || found == expected, "{metric}: {found:?}");
    }
    drop(first);
    world.stop().await;
}

#[tokio::test]
async fn what_is_put_may_not_be_wrong() {
    let mut world = World::new("cloudwatch-refusals").await;
    let now = START.as_secs();
    let datum = |members: Value| {
        let mut datum = json!({"MetricName": "m"});
        datum.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"Namespace": "n", "MetricData": [datum]})
    };
    let many: Vec<_> = (0..31).map(|i| json!({"Name": format!("d{i}"), "Value": "v"})).collect();
    let (value, missing, combination) = (
        "InvalidParameterValueException",
        "MissingRequiredParameterException",
        "InvalidParameterCombinationException",
    );
    let set = |count: f64, min: f64, max: f64| {
        datum(json!({"StatisticValues": {"SampleCount": count, "Sum": 1, "Minimum": min, "Maximum": max}}))
    };
    for (input, kind) in [
        (json!({}), missing),
        (json!({"Namespace": "n"}), missing),
        (json!({"Namespace": "AWS/Kinesis", "MetricData": []}), value),
        (json!({"Namespace": ":n", "MetricData": []}), value),
        (json!({"Namespace": "n".repeat(256), "MetricData": []}), value),
        (json!({"Namespace": "n", "MetricData": vec![json!({"MetricName": "m", "Value": 1}); 1001]}), value),
        (json!({"Namespace": "n", "MetricData": [{"Value": 1}]}), missing),
        (datum(json!({})), missing),
        (datum(json!({"Value": "NaN"})), value),
        (datum(json!({"Value": "Infinity"})), value),
        (datum(json!({"Value": 1e200})), value),
        (datum(json!({"Value": "many"})), value),
        (datum(json!({"Value": 1, "Values": [1]})), combination),
        (datum(json!({"Values": [1, 2], "Counts": [1]})), value),
        (datum(json!({"Values": [1], "Counts": [0]})), value),
        (datum(json!({"Values": vec![1; 151]})), value),
        (set(0.0, 1.0, 1.0), value),
        (set(1.0, 2.0, 1.0), combination),
        (datum(json!({"StatisticValues": {"Sum": 1}})), missing),
        (datum(json!({"Value": 1, "Unit": "Apples"})), value),
        (datum(json!({"Value": 1, "StorageResolution": 5})), value),
        (datum(json!({"Value": 1, "Timestamp": now - 14 * 24 * 3600 - 1})), value),
        (datum(json!({"Value": 1, "Timestamp": now + 2 * 3600 + 1})), value),
        (datum(json!({"Value": 1, "Dimensions": many})), value),
        (datum(json!({"Value": 1, "Dimensions": [{"Name": "a"}]})), missing),
        (datum(json!({"Value": 1, "Dimensions": [{"Name": "a", "Value": " "}]})), value),
        (
            datum(
                json!({"Value": 1, "Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}),
            ),
            value,
        ),
    ] {
        let (status, body) = json_call(&world, "PutMetricData", input.clone()).await;
        assert_eq!((status, body["__type"].as_str()), (400, Some(kind)), "{input}: {body}");
        assert!(!body["message"].as_str().unwrap().is_empty());
    }
    // One that is wrong keeps all others out.
    let input =
        json!({"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}, {"MetricName": "m"}]});
    assert_eq!(json_call(&world, "PutMetricData", input).await.0, 400);
    let (_, listed) = json_call(&world, "ListMetrics", json!({})).await;
    assert_eq!(listed, json!({"Metrics": []}));
    world.stop().await;
}

#[tokio::test]
async fn what_is_asked_may_not_be_wrong() {
    let mut world = World::new("cloudwatch-questions").await;
    let but = |change: Value| {
        let mut input = statistics("m", json!([]));
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        input
    };
    let (value, missing, combination) = (
        "InvalidParameterValueException",
        "MissingRequiredParameterException",
        "InvalidParameterCombinationException",
    );
    for (input, kind) in [
        (but(json!({"Namespace": null})), missing),
        (but(json!({"Period": null})), missing),
        (but(json!({"Period": 0})), value),
        (but(json!({"Period": 61})), value),
        (but(json!({"StartTime": START.as_secs() + 3600})), value),
        (but(json!({"Statistics": []})), combination),
        (but(json!({"Statistics": ["p99"]})), value),
        (but(json!({"ExtendedStatistics": ["p99"]})), value),
        (but(json!({"EndTime": START.as_secs() + 1440 * 60})), combination),
        (but(json!({"Unit": "Apples"})), value),
    ] {
        let (status, body) = json_call(&world, "GetMetricStatistics", input.clone()).await;
        assert_eq!((status, body["__type"].as_str()), (400, Some(kind)), "{input}: {body}");
    }
    let query = |change: Value| {
        let stat = json!({"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"});
        let mut query = json!({"Id": "a", "MetricStat": stat});
        query.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        query
    };
    let data = |queries: Value| json!({"MetricDataQueries": queries, "StartTime": 0, "EndTime": 60});
    let with = |queries: Value, change: Value| {
        let mut input = data(queries);
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        input
    };
    for (input, kind) in [
        (data(json!([])), missing),
        (data(json!([query(json!({"Id": "A"}))])), "ValidationError"),
        (data(json!([query(json!({"Id": "a b"}))])), "ValidationError"),
        (data(json!([query(json!({})), query(json!({}))])), "ValidationError"),
        (data(json!([query(json!({"Expression": "m1 / 2"}))])), "ValidationError"),
        (data(json!([query(json!({"AccountId": "000000000000"}))])), "ValidationError"),
        (data(json!([query(json!({"MetricStat": null}))])), missing),
        (data(json!(vec![query(json!({})); 501])), "ValidationError"),
        (with(json!([query(json!({}))]), json!({"ScanBy": "Sideways"})), value),
        (with(json!([query(json!({}))]), json!({"MaxDatapoints": 0})), value),
        (with(json!([query(json!({}))]), json!({"NextToken": "?"})), "InvalidNextToken"),
        (with(json!([query(json!({}))]), json!({"NextToken": "MQ=="})), "InvalidNextToken"),
    ] {
        let (status, body) = json_call(&world, "GetMetricData", input.clone()).await;
        assert_eq!((status, body["__type"].as_str()), (400, Some(kind)), "{input}: {body}");
    }
    let (_, body) = json_call(&world, "ListMetrics", json!({"NextToken": "?"})).await;
    assert_eq!(body["__type"], value);
    let (_, body) = json_call(&world, "ListMetrics", json!({"RecentlyActive": "PT4H"})).await;
    assert_eq!(body["__type"], value);
    world.stop().await;
}

#[tokio::test]
async fn pages_of_datapoints_lose_and_repeat_nothing() {
    let mut world = World::new("cloudwatch-pages").await;
    let now = START.as_secs();
    for metric in ["a", "b", "c"] {
        let data: Vec<_> =
            (0..5).map(|i| json!({"MetricName": metric, "Value": i, "Timestamp": now - 60 * i})).collect();
        let (status, body) =
            json_call(&world, "PutMetricData", json!({"Namespace": "n", "MetricData": data})).await;
        assert_eq!((status, body), (200, json!({})));
    }
    let queries: Vec<_> = ["a", "b", "c", "none"]
        .iter()
        .map(|metric| {
            let stat =
                json!({"Metric": {"Namespace": "n", "MetricName": metric}, "Period": 60, "Stat": "Sum"});
            json!({"Id": metric, "MetricStat": stat, "ReturnData": *metric != "b"})
        })
        .collect();
    for (scan, order) in [("TimestampAscending", [4, 3, 2, 1, 0]), ("TimestampDescending", [0, 1, 2, 3, 4])] {
        for max in [1, 2, 3, 5, 7, 10, 100] {
            let (mut found, mut token) = (Vec::new(), Value::Null);
            for _ in 0..20 {
                let input = json!({
                    "MetricDataQueries": queries, "StartTime": now - 3600, "EndTime": now + 60, "ScanBy": scan,
                    "MaxDatapoints": max, "NextToken": token,
                });
                let (status, body) = json_call(&world, "GetMetricData", input).await;
                assert_eq!(status, 200, "{body}");
                let mut datapoints = 0;
                for series in body["MetricDataResults"].as_array().unwrap() {
                    for value in series["Values"].as_array().unwrap() {
                        datapoints += 1;
                        found.push((
                            series["Id"].as_str().unwrap().to_owned(),
                            value.as_f64().unwrap() as u64,
                        ));
                    }
                }
                assert!(datapoints <= max);
                token = body["NextToken"].clone();
                if token.is_null() {
                    break;
                }
            }
            let expected: Vec<_> = ["a", "c"]
                .iter()
                .flat_map(|metric| order.iter().map(move |&value| ((*metric).to_owned(), value)))
                .collect();
            assert_eq!(found, expected, "{scan} {max}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn lists_of_metrics_come_in_pages_of_five_hundred() {
    let mut world = World::new("cloudwatch-list").await;
    for half in 0..2 {
        let data: Vec<_> =
            (0..600).map(|i| json!({"MetricName": format!("m{}", half * 600 + i), "Value": 1})).collect();
        assert_eq!(
            json_call(&world, "PutMetricData", json!({"Namespace": "n", "MetricData": data})).await.0,
            200
        );
    }
    let (mut names, mut sizes, mut token) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let (_, body) = json_call(&world, "ListMetrics", json!({"Namespace": "n", "NextToken": token})).await;
        let metrics = body["Metrics"].as_array().unwrap();
        sizes.push(metrics.len());
        names.extend(metrics.iter().map(|metric| metric["MetricName"].as_str().unwrap().to_owned()));
        token = body["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(sizes, [500, 500, 200]);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 1200);
    world.stop().await;
}

#[tokio::test]
async fn the_query_protocol_answers_in_xml() {
    let mut world = World::new("cloudwatch-query").await;
    let put = "Action=PutMetricData&Version=2010-08-01&Namespace=app&MetricData.member.1.MetricName=m\
               &MetricData.member.1.Value=1.5&MetricData.member.1.Unit=Bytes%2FSecond\
               &MetricData.member.1.Dimensions.member.1.Name=host&MetricData.member.1.Dimensions.member.1.Value=a+b\
               &MetricData.member.2.MetricName=n&MetricData.member.2.Dimensions=&MetricData.member.2.Value=2";
    let (status, text) = form(&world, put).await;
    assert_eq!(status, 200, "{text}");
    assert!(
        text.starts_with("<PutMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">")
    );
    assert!(text.contains("<ResponseMetadata><RequestId>"), "{text}");
    let get = "Action=GetMetricStatistics&Version=2010-08-01&Namespace=app&MetricName=m&Period=60\
               &Dimensions.member.1.Name=host&Dimensions.member.1.Value=a%20b&Statistics.member.1=Average\
               &StartTime=2023-11-14T22:00:00Z&EndTime=2023-11-14T23:00:00.000Z";
    let (status, text) = form(&world, get).await;
    assert_eq!(status, 200, "{text}");
    let point = "<Datapoints><member><Timestamp>2023-11-14T22:13:00.000Z</Timestamp><Average>1.5</Average>\
                 <Unit>Bytes/Second</Unit></member></Datapoints>";
    assert!(text.contains(point), "{text}");
    // The same in the query string, as a GET and with an empty body.
    let in_query = format!("/?{}", get.replace(' ', "%20"));
    assert!(send(&world, &format!("GET {in_query}"), b"").await.1.contains(point));
    assert!(send(&world, &format!("POST {in_query}"), b"").await.1.contains(point));
    for (wrong, status, code) in [
        ("Action=Nothing&Version=2010-08-01", 400, "InvalidAction"),
        ("Version=2010-08-01", 400, "InvalidAction"),
        ("Action=PutMetricData&Version=2010-08-01", 400, "MissingParameter"),
        (
            "Action=GetMetricStatistics&Version=2010-08-01&Namespace=a&MetricName=%ff",
            400,
            "MalformedQueryString",
        ),
        ("Action=GetMetricStatistics&Version=2010-08-01&Period=x", 400, "InvalidParameterValue"),
    ] {
        let (found, text) = form(&world, wrong).await;
        assert_eq!(found, status, "{text}");
        assert!(text.contains(&format!("<Type>Sender</Type><Code>{code}</Code>")), "{wrong}: {text}");
    }
    world.stop().await;
}

/// Kinesis answers forms and GET as before, unless they name CloudWatch's version.
#[tokio::test]
async fn what_is_not_cloudwatch_s_stays_kinesis_s() {
    let mut world = World::new("cloudwatch-apart").await;
    let (status, answer) = form(&world, "Action=CreateQueue&Version=2012-11-05").await;
    assert_eq!((status, answer.contains("<Code>InvalidAction</Code>")), (400, true), "{answer}");
    for text in ["Action=PutMetricData", "x"] {
        let (status, answer) = form(&world, text).await;
        assert_eq!((status, answer.contains("AccessDeniedException")), (403, true), "{text}: {answer}");
    }
    let (status, _) = send(&world, "GET /?Action=ListStreams", b"").await;
    assert_eq!(status, 403);
    let head = "POST /|content-type: application/x-amz-json-1.1|x-amz-target: Kinesis_20131202.ListMetrics";
    let (status, text) = send(&world, head, b"{}").await;
    assert_eq!((status, text.as_str()), (400, r#"{"__type":"UnknownOperationException"}"#));
    world.stop().await;
}

#[tokio::test]
async fn compressed_bodies_are_inflated_within_bounds() {
    let mut world = World::new("cloudwatch-gzip").await;
    let gzip = "POST /|content-type: application/x-www-form-urlencoded|content-encoding: gzip";
    let (status, text) = send(&world, gzip, b"not gzip").await;
    assert_eq!(status, 400, "{text}");
    let other = "POST /|content-type: application/x-amz-json-1.0|content-encoding: br|\
                 x-amz-target: GraniteServiceVersion20100801.ListMetrics";
    assert_eq!(send(&world, other, b"{}").await.0, 400);
    let bare = "POST /|content-type: application/x-www-form-urlencoded";
    let large = format!("Action=PutMetricData&Version=2010-08-01&X={}", "x".repeat(1 << 20));
    let (status, text) = send(&world, bare, large.as_bytes()).await;
    // Unpacked and larger than CloudWatch takes.
    assert_eq!(status, 413, "{text}");
    world.stop().await;
}
