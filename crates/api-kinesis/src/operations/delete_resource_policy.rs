//! DeleteResourcePolicy.

use headwater_wire::Codec;

use super::get_resource_policy::Input;
use super::operation;
use crate::context::Context;
use crate::error::Result;

operation!("DeleteResourcePolicy", rate: DeleteResourcePolicyCalls, changes: true);

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let resource = input.resource(context)?;
    context.streams.delete_policy(&resource).await?;
    Ok(Vec::new())
}
