//! The operations, one file each. `ls` is the list; [`ALL`] is the table.

mod add_tags_to_stream;
mod consumers;
mod create_stream;
mod decrease_stream_retention_period;
mod delete_resource_policy;
mod delete_stream;
mod deregister_stream_consumer;
mod describe_account_settings;
mod describe_limits;
mod describe_stream;
mod describe_stream_consumer;
mod describe_stream_summary;
mod disable_enhanced_monitoring;
mod enable_enhanced_monitoring;
mod enhanced_monitoring;
mod get_records;
mod get_resource_policy;
mod get_shard_iterator;
mod increase_stream_retention_period;
mod list_shards;
mod list_stream_consumers;
mod list_streams;
mod list_tags_for_resource;
mod list_tags_for_stream;
mod merge_shards;
mod page_token;
mod put_record;
mod put_records;
mod put_resource_policy;
mod records;
mod register_stream_consumer;
mod remove_tags_from_stream;
mod split_shard;
mod start_stream_encryption;
mod starting_position;
mod stop_stream_encryption;
mod subscribe_to_shard;
mod tag_resource;
mod tags;
mod untag_resource;
mod update_account_settings;
mod update_max_record_size;
mod update_shard_count;
mod update_stream_mode;
mod update_stream_record_distribution_strategy;
mod update_stream_warm_throughput;

use std::pin::Pin;

use headwater_types::limits::{Limit, Scope};
use headwater_wire::Codec;

use crate::body::Frames;
use crate::context::{Context, Inner};
use crate::error::Result;
use crate::guard::Trail;

/// What an operation answers.
pub(crate) enum Reply {
    /// The encoded answer, empty where AWS sends no body.
    Body(Vec<u8>),
    /// Frames of an event stream, for as long as it lasts.
    Events(Frames),
}

impl From<Vec<u8>> for Reply {
    fn from(body: Vec<u8>) -> Self {
        Self::Body(body)
    }
}

impl From<Frames> for Reply {
    fn from(frames: Frames) -> Self {
        Self::Events(frames)
    }
}

pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>>;

/// How often an operation may be called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rate {
    /// As often as its shards take or give records.
    OfShards,
    /// So often, by its account or on its stream.
    Calls(Limit),
    /// AWS documents no rate.
    None,
}

impl Rate {
    /// The limit, if it is one of this scope.
    pub(crate) fn of(self, scope: Scope) -> Option<Limit> {
        match self {
            Self::Calls(limit) if limit.scope() == scope => Some(limit),
            Self::Calls(_) | Self::OfShards | Self::None => None,
        }
    }
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The caller's account: whether it may be done is asked before it begins.
    Account,
    /// A stream or a consumer: the operation asks when it knows which.
    Resource,
}

/// One operation.
pub(crate) struct Operation {
    /// As `X-Amz-Target` names it.
    pub(crate) name: &'static str,
    /// How often it may be called.
    pub(crate) rate: Rate,
    /// True if it changes more than records: it is then carried to its end even if the client goes away.
    pub(crate) changes: bool,
    /// What it is about.
    pub(crate) about: About,
    /// Decodes, checks, runs, encodes.
    pub(crate) run: for<'a> fn(&'a Context<'a>, Codec, &'a [u8]) -> Running<'a>,
}

impl Operation {
    /// Asks whether it may be done, as far as that can be told already, and carries it out.
    pub(crate) async fn call(
        &'static self,
        inner: &Inner,
        trail: &Trail,
        codec: Codec,
        body: &[u8],
    ) -> Result<Reply> {
        let context = inner.context(self, trail);
        context.authorize_account()?;
        let answer = (self.run)(&context, codec, body).await;
        debug_assert!(answer.is_err() || context.is_counted(), "{} found its stream elsewhere", self.name);
        answer
    }
}

/// The table's entry for the `run` function of a file. `rate` is `shards`, `none`, or the name of a [`Limit`]. What is
/// `about: account` needs no stream; everything else reaches streams only after [`Context::authorize`].
macro_rules! operation {
    (@rate shards) => { $crate::operations::Rate::OfShards };
    (@rate none) => { $crate::operations::Rate::None };
    (@rate $limit:ident) => {
        $crate::operations::Rate::Calls(headwater_types::limits::Limit::$limit)
    };
    ($name:literal, rate: $rate:ident $(, changes: $changes:literal)?) => {
        operation!(@about Resource, $name, $rate $(, $changes)?);
    };
    ($name:literal, rate: $rate:ident $(, changes: $changes:literal)?, about: account) => {
        operation!(@about Account, $name, $rate $(, $changes)?);
    };
    (@about $about:ident, $name:literal, $rate:ident) => {
        operation!(@about $about, $name, $rate, false);
    };
    (@about $about:ident, $name:literal, $rate:ident, $changes:literal) => {
        pub(super) const OPERATION: $crate::operations::Operation = $crate::operations::Operation {
            name: $name,
            rate: operation!(@rate $rate),
            changes: $changes,
            about: $crate::operations::About::$about,
            run: |context, codec, body| Box::pin(async move { Ok(run(context, codec, body).await?.into()) }),
        };
    };
}
use operation;

headwater_wire::shape! {
    /// A structure of which nothing is wanted: tells whether a body can be parsed.
    pub(crate) struct Nothing {}
}

/// Every operation that is served; any other name is unknown.
const ALL: &[Operation] = &[
    add_tags_to_stream::OPERATION,
    create_stream::OPERATION,
    decrease_stream_retention_period::OPERATION,
    delete_stream::OPERATION,
    deregister_stream_consumer::OPERATION,
    delete_resource_policy::OPERATION,
    describe_account_settings::OPERATION,
    describe_limits::OPERATION,
    describe_stream::OPERATION,
    describe_stream_consumer::OPERATION,
    describe_stream_summary::OPERATION,
    disable_enhanced_monitoring::OPERATION,
    enable_enhanced_monitoring::OPERATION,
    get_records::OPERATION,
    get_resource_policy::OPERATION,
    get_shard_iterator::OPERATION,
    increase_stream_retention_period::OPERATION,
    list_shards::OPERATION,
    list_stream_consumers::OPERATION,
    list_streams::OPERATION,
    list_tags_for_resource::OPERATION,
    list_tags_for_stream::OPERATION,
    merge_shards::OPERATION,
    put_record::OPERATION,
    put_records::OPERATION,
    put_resource_policy::OPERATION,
    register_stream_consumer::OPERATION,
    remove_tags_from_stream::OPERATION,
    split_shard::OPERATION,
    start_stream_encryption::OPERATION,
    stop_stream_encryption::OPERATION,
    subscribe_to_shard::OPERATION,
    tag_resource::OPERATION,
    untag_resource::OPERATION,
    update_account_settings::OPERATION,
    update_max_record_size::OPERATION,
    update_shard_count::OPERATION,
    update_stream_mode::OPERATION,
    update_stream_record_distribution_strategy::OPERATION,
    update_stream_warm_throughput::OPERATION,
];

/// The names of all.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

/// The operation of this name.
pub(crate) fn find(name: &str) -> Option<&'static Operation> {
    ALL.iter().find(|operation| operation.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rate that was copied from another operation's file would be found by nobody else.
    #[test]
    fn each_rate_is_the_operation_s_own() {
        for operation in ALL {
            let Rate::Calls(limit) = operation.rate else { continue };
            let mut name = String::new();
            for letter in operation.name.chars() {
                if letter.is_ascii_uppercase() && !name.is_empty() {
                    name.push('-');
                }
                name.push(letter.to_ascii_lowercase());
            }
            assert_eq!(limit.name(), format!("{name}-calls"));
            assert!(limit.is_control_plane());
        }
    }
}
