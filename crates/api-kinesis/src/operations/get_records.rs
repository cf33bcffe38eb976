//! GetRecords.

use headwater_streams::{ReadRequest, StreamsError, usual_encoded_len};
use headwater_types::limits::GET_RECORDS_MAX;
use headwater_wire::Codec;
use headwater_wire::shape::{Bool, Int, Text};
use serde::Serialize;

use super::operation;
use super::records::{ChildShard, Records};
use crate::checks::{Checks, STREAM_ARN, any_text, flag};
use crate::context::{Context, Resource};
use crate::error::Result;
use crate::resource::stream_of_arn;

operation!("GetRecords", rate: shards);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        shard_iterator: Text<'a> = "ShardIterator",
        limit: Int = "Limit",
        stream_arn: Text<'a> = "StreamARN",
        dry_run: Bool = "DryRun",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    records: Records<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<ChildShard>,
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.int("limit", input.limit, 1..=GET_RECORDS_MAX);
    checks.required_text("shardIterator", &input.shard_iterator, any_text(1..=512));
    checks.text("streamARN", &input.stream_arn, STREAM_ARN);
    checks.done()?;

    // The shell habit of passing on the quotes of a JSON answer works with AWS too.
    let text = input.shard_iterator.as_deref().unwrap_or_default().trim_matches('"');
    let token =
        base64_simd::STANDARD.decode_to_vec(text.as_bytes()).map_err(|_| StreamsError::InvalidIterator)?;
    let iterator = context.tokens().open_iterator(&token, context.realm.region)?;
    context.authorize(Resource::Stream(&iterator.stream))?;
    if let Some(arn) = &input.stream_arn {
        let named = stream_of_arn(context, arn)?;
        if named != iterator.stream {
            let (stream, arn_name) = (iterator.stream, named.name.to_string());
            return Err(StreamsError::IteratorOfOtherStream { stream, arn_name }.into());
        }
    }
    if flag(input.dry_run) {
        context.streams.check_read(&iterator)?;
        return Err(context.dry_run(&iterator.stream));
    }
    let limit = input.limit.map_or(GET_RECORDS_MAX, |Int(limit)| limit);
    let read = ReadRequest { iterator, limit: u32::try_from(limit).unwrap_or(1) };
    let _slot = context.read_slot().await?;
    let outcome = context.streams.read(read).await?;
    let next = outcome.next.as_ref().map(|next| context.streams.sign_iterator(next));
    let output = Output {
        records: Records::new(&outcome.shard, &outcome.batches),
        next_shard_iterator: next.map(|token| base64_simd::STANDARD.encode_to_string(token)),
        millis_behind_latest: outcome.millis_behind_latest,
        child_shards: outcome.children.iter().map(ChildShard::from).collect(),
    };
    let mut out = Vec::with_capacity(usual_encoded_len(&outcome.batches));
    codec.encode_into(&output, &mut out);
    Ok(out)
}
