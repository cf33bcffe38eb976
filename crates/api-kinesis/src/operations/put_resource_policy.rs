//! PutResourcePolicy.

use headwater_access::ResourcePolicy;
use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::{KinesisError, Result};
use crate::resource::tagged;

operation!("PutResourcePolicy", rate: PutResourcePolicyCalls, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        resource_arn: Text<'a> = "ResourceARN",
        policy: Text<'a> = "Policy",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    context.expect_stream(&mut checks, &input.stream_id);
    checks.required("policy", &input.policy);
    let policy = input.policy.as_deref().unwrap_or_default();
    let arn = input.resource_arn.as_deref().unwrap_or_default();
    let resource = tagged(context, checks, &input.resource_arn, || {
        ResourcePolicy::parse(policy)
            .and_then(|parsed| parsed.check_resource(arn))
            .map_err(|error| KinesisError::validation(format!("The policy cannot be used: {error}.")))
    })?;
    context.streams.put_policy(&resource, policy).await?;
    Ok(Vec::new())
}
