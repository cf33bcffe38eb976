//! GetResourcePolicy.

use headwater_streams::Tagged;
use headwater_wire::Codec;
use headwater_wire::shape::Text;
use serde::Serialize;

use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;
use crate::resource::tagged;

operation!("GetResourcePolicy", rate: GetResourcePolicyCalls);

headwater_wire::shape! {
    /// Also the input of DeleteResourcePolicy.
    pub(super) struct Input<'a> {
        stream_id: Text<'a> = "StreamId",
        resource_arn: Text<'a> = "ResourceARN",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    policy: String,
}

impl Input<'_> {
    /// Resource that has the policy, if the caller may have it.
    pub(super) fn resource(&self, context: &Context<'_>) -> Result<Tagged> {
        let mut checks = Checks::default();
        context.expect_stream(&mut checks, &self.stream_id);
        tagged(context, checks, &self.resource_arn, || Ok(()))
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let resource = input.resource(context)?;
    // AWS answers an empty document where there is none.
    let policy = context.streams.policy(&resource)?.unwrap_or_else(|| "{}".to_owned());
    Ok(codec.encode(&Output { policy }))
}
