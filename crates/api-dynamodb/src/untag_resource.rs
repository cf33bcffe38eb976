//! UntagResource.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::{List, Text};

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::{operation, tags};
use crate::checks::{Checks, any_text};

operation!("UntagResource", Administers);

headwater_wire::shape! {
    struct Input<'a> {
        arn: Text<'a> = "ResourceArn",
        keys: List<Text<'a>> = "TagKeys",
    }
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    tags::check_arn(&input.arn)?;
    let mut checks = Checks::default();
    checks.required("tagKeys", &input.keys);
    let keys: &[Text<'_>] = input.keys.as_deref().unwrap_or_default();
    for (i, key) in keys.iter().enumerate() {
        checks.text_value(&format!("tagKeys.{}.member", i + 1), key, any_text(1..=128));
    }
    checks.done()?;
    let table = tags::resource(asker, &input.arn)?;
    if keys.is_empty() {
        // Spelled as AWS spells it.
        return Err(DynamoDbError::validation("Atleast one Tag Key needs to be provided as Input."));
    }
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    asker.note_tag_keys(&keys);
    tags::authorize(asker, &table)?;
    asker.tables().untag(&table, keys).await.map_err(tags::refused(&input.arn))?;
    Ok(Vec::new())
}
