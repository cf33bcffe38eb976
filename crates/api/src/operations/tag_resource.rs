//! TagResource.

use headwater_wire::Codec;
use headwater_wire::shape::{Map, Text};

use super::operation;
use super::tags::{check_tags, owned};
use crate::checks::Checks;
use crate::context::Context;
use crate::error::{ApiError, Result};
use crate::resource::resource;

operation!("TagResource", rate: none, changes: true);

headwater_wire::shape! {
    struct Input<'a> {
        resource_arn: Text<'a> = "ResourceARN",
        tags: Map<'a, Text<'a>> = "Tags",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    checks.required("tags", &input.tags);
    if let Some(tags) = &input.tags {
        check_tags(&mut checks, tags);
    }
    let handle = resource(context, checks, &input.resource_arn)?;
    let tags = input.tags.as_ref().map(owned).unwrap_or_default();
    // Unlike AddTagsToStream this one permits a colon.
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if tags.iter().any(|(key, value)| !key.chars().chain(value.chars()).all(allowed)) {
        return Err(ApiError::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + \
             - @.",
        ));
    }
    context.streams.add_tags(&handle, &tags).await?;
    Ok(Vec::new())
}
