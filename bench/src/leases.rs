//! Leases that are renewed as KCL renews them: each worker counts its lease up, on condition that nobody else has.
//!
//! A renewal that finds another count is a lost lease, which KCL takes for normal; where everybody wants one lease, most
//! are lost, and only those that were won are counted.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use crate::Result;
use crate::http::{Connection, table_request};
use crate::load::{Tally, Window, Worker, closed_loop, percentile_us};
use crate::process::resident_mib;
use crate::scratch::Scratch;
use crate::server::{Program, Server};
use crate::workload::fresh_stream;

const CLIENTS: [usize; 4] = [1, 4, 16, 64];

/// Form of a renewal.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// `Expected` and `AttributeUpdates`, as KCL writes it.
    Legacy,
    /// `ConditionExpression` and `UpdateExpression`.
    Expression,
}

/// Leases to renew, and the form of the renewals.
struct Case {
    title: &'static str,
    form: Form,
    /// True if all want the same lease.
    contended: bool,
}

const CASES: [Case; 3] = [
    Case { title: "a lease each, Expected", form: Form::Legacy, contended: false },
    Case { title: "a lease each, ConditionExpression", form: Form::Expression, contended: false },
    Case { title: "one lease for all, ConditionExpression", form: Form::Expression, contended: true },
];

/// A table for the document.
pub(crate) fn measure(program: &Program, work_dir: &Path, window: Window) -> Result<String> {
    let mut text = String::from(
        "| leases: conditional updates | clients | renewed/s | requests/s | p50 | p99 | server | resident |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for case in &CASES {
        for clients in CLIENTS {
            eprintln!("{}, {clients} clients", case.title);
            let scratch = Scratch::new(work_dir, "leases")?;
            let server = Server::start(program, scratch.path())?;
            let pid = Some(server.pid());
            let mut tally = run(server.address, clients, case.form, case.contended, window, pid)?;
            let ms = |us: u32| f64::from(us) / 1e3;
            let p50 = percentile_us(&mut tally.latencies_us, 0.5);
            let p99 = percentile_us(&mut tally.latencies_us, 0.99);
            writeln!(
                text,
                "| {} | {clients} | {:.0} | {:.0} | {:.2} ms | {:.2} ms | {:.2} cpus | {:.0} MiB |",
                case.title,
                tally.records_per_second(),
                tally.requests as f64 / tally.elapsed.as_secs_f64(),
                ms(p50),
                ms(p99),
                tally.shares.server.unwrap_or(f64::NAN),
                resident_mib(server.pid())?,
            )?;
            server.kill()?;
        }
    }
    Ok(text)
}

/// Renewals by that many clients, of a lease each or all of the same.
pub(crate) fn run(
    address: SocketAddr,
    clients: usize,
    form: Form,
    contended: bool,
    window: Window,
    server: Option<u32>,
) -> Result<Tally> {
    let table = fresh_stream("leases");
    create_table(address, &table)?;
    let renewer = |number| Renewer::new(address, &table, if contended { 0 } else { number }, form);
    closed_loop((0..clients).map(renewer).collect::<Result<Vec<_>>>()?, window, server)
}

fn create_table(address: SocketAddr, table: &str) -> Result<()> {
    let body = format!(
        r#"{{"TableName":"{table}","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{{"AttributeName":"leaseKey","AttributeType":"S"}}],
        "KeySchema":[{{"AttributeName":"leaseKey","KeyType":"HASH"}}]}}"#
    );
    let request = table_request(address, "CreateTable", body.as_bytes());
    Connection::open(address)?.call(&request)?.expect_ok("CreateTable")
}

/// Renews one lease for ever.
struct Renewer {
    address: SocketAddr,
    connection: Connection,
    table: String,
    lease: usize,
    form: Form,
    /// The last count that is known.
    count: u64,
}

impl Renewer {
    fn new(address: SocketAddr, table: &str, lease: usize, form: Form) -> Result<Self> {
        let mut connection = Connection::open(address)?;
        let body = format!(
            r#"{{"TableName":"{table}","Item":{{"leaseKey":{{"S":"shardId-{lease:012}"}},"leaseOwner":{{"S":"worker-{lease}"}},
            "leaseCounter":{{"N":"0"}},"checkpoint":{{"S":"TRIM_HORIZON"}},"ownerSwitchesSinceCheckpoint":{{"N":"0"}},
            "startingHashKey":{{"S":"0"}},"endingHashKey":{{"S":"340282366920938463463374607431768211455"}}}}}}"#
        );
        connection.call(&table_request(address, "PutItem", body.as_bytes()))?.expect_ok("PutItem")?;
        Ok(Self { address, connection, table: table.to_owned(), lease, form, count: 0 })
    }

    fn body(&self) -> String {
        let (lease, count, next) = (self.lease, self.count, self.count + 1);
        let table = &self.table;
        let key = format!(r#""TableName":"{table}","Key":{{"leaseKey":{{"S":"shardId-{lease:012}"}}}}"#);
        match self.form {
            Form::Legacy => format!(
                r#"{{{key},"AttributeUpdates":{{"leaseCounter":{{"Value":{{"N":"{next}"}},"Action":"PUT"}}}},
                "Expected":{{"leaseCounter":{{"Value":{{"N":"{count}"}}}}}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}"#
            ),
            Form::Expression => format!(
                r##"{{{key},"UpdateExpression":"SET #c = :next","ConditionExpression":"attribute_exists(#k) AND #c = :count",
                "ExpressionAttributeNames":{{"#c":"leaseCounter","#k":"leaseKey"}},
                "ExpressionAttributeValues":{{":count":{{"N":"{count}"}},":next":{{"N":"{next}"}}}},
                "ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}"##
            ),
        }
    }
}

impl Worker for Renewer {
    fn step(&mut self) -> Result<u64> {
        let request = table_request(self.address, "UpdateItem", self.body().as_bytes());
        let answer = self.connection.call(&request)?;
        if answer.status == 200 {
            self.count += 1;
            return Ok(1);
        }
        // Lost: the answer has the item, and so the count to go on with.
        let found = serde_json::from_slice::<serde_json::Value>(answer.body)?;
        let count = found["Item"]["leaseCounter"]["N"].as_str().and_then(|text| text.parse().ok());
        match count {
            Some(count) => self.count = count,
            None => answer.expect_ok("UpdateItem")?,
        }
        Ok(0)
    }
}
