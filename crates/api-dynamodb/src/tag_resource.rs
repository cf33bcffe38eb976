//! TagResource.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::operation;
use super::tags::{self, Tag};
use crate::checks::Checks;

operation!("TagResource", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        arn: Text<'a> = "ResourceArn",
        tags: List<Tag<'a>> = "Tags",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    tags::check_arn(&input.arn)?;
    let mut checks = Checks::default();
    checks.required("tags", &input.tags);
    tags::check(&mut checks, tags::of(&input.tags));
    checks.done()?;
    let table = tags::resource(asker, &input.arn)?;
    let tags = tags::owned(tags::of(&input.tags))?;
    if tags.is_empty() {
        // Spelled as AWS spells it.
        return Err(DynamoDbError::validation("Atleast one Tag needs to be provided as Input."));
    }
    asker.note_tags(&tags);
    tags::authorize(asker, &table)?;
    asker.tables().tag(&table, tags).await.map_err(tags::refused(&input.arn))?;
    Ok(Vec::new())
}
