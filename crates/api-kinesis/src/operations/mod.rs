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

pub(crate) use headwater_edge::Nothing;
use headwater_edge::{Call, Effect, Reply, Running};
use headwater_types::limits::{Limit, Scope};
use headwater_wire::Codec;

use crate::Kinesis;
use crate::context::Context;
use crate::error::Result;

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply>> + Send + 'a>>;

/// Rate at which an operation may be called.
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

/// Subject of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The caller's account: whether it may be done is asked before it begins.
    Account,
    /// A stream or a consumer: the operation asks when it knows which.
    Resource,
}

/// One operation.
pub struct Operation {
    /// As `X-Amz-Target` names it.
    pub(crate) name: &'static str,
    /// Rate at which it may be called.
    pub(crate) rate: Rate,
    /// Reads, changes records, or changes more than that.
    pub(crate) effect: Effect,
    /// Its subject.
    pub(crate) about: About,
    /// Decodes, checks, runs, encodes.
    run: for<'a> fn(&'a Context<'a>, Codec, &'a [u8]) -> Answering<'a>,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Operation {
    /// True if the audit log has it even when it succeeded.
    pub(crate) fn is_recorded(&self) -> bool {
        self.effect == Effect::Administers
    }
}

impl headwater_edge::Operation<Kinesis> for Operation {
    fn name(&self) -> &'static str {
        self.name
    }

    fn effect(&self) -> Effect {
        self.effect
    }

    /// A put whose client goes away may be given up before it is queued; everything queued is stored.
    fn is_detached(&self) -> bool {
        self.is_recorded()
    }

    fn run<'a>(&'static self, service: &'a Kinesis, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let context = Context::new(service, call, self);
            context.authorize_account()?;
            let answer = (self.run)(&context, call.protocol().codec(), call.body()).await;
            debug_assert!(
                answer.is_err() || context.is_counted(),
                "{} found its stream elsewhere",
                self.name
            );
            Ok(answer?)
        })
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
    (@effect true) => { headwater_edge::Effect::Administers };
    (@effect records) => { headwater_edge::Effect::Writes };
    (@effect false) => { headwater_edge::Effect::Reads };
    ($name:literal, rate: $rate:ident $(, changes: $changes:tt)?) => {
        operation!(@about Resource, $name, $rate $(, $changes)?);
    };
    ($name:literal, rate: $rate:ident $(, changes: $changes:tt)?, about: account) => {
        operation!(@about Account, $name, $rate $(, $changes)?);
    };
    (@about $about:ident, $name:literal, $rate:ident) => {
        operation!(@about $about, $name, $rate, false);
    };
    (@about $about:ident, $name:literal, $rate:ident, $changes:tt) => {
        pub(super) const OPERATION: $crate::operations::Operation = $crate::operations::Operation {
            name: $name,
            rate: operation!(@rate $rate),
            effect: operation!(@effect $changes),
            about: $crate::operations::About::$about,
            run: |context, codec, body| Box::pin(async move { Ok(run(context, codec, body).await?.into()) }),
        };
    };
}
use operation;

/// Every operation that is served; any other name is unknown.
pub(crate) const ALL: &[Operation] = &[
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
