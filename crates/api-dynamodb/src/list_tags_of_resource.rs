//! ListTagsOfResource. There are never so many that they would need a second page.

use bytes::Bytes;
use headwater_wire::Codec;
use headwater_wire::shape::Text;
use serde::Serialize;

use super::asker::Asker;
use super::error::{DynamoDbError, Result};
use super::tags::Shown;
use super::{operation, tags};

operation!("ListTagsOfResource", Reads);

headwater_wire::shape! {
    struct Input<'a> {
        arn: Text<'a> = "ResourceArn",
        next_token: Text<'a> = "NextToken",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output<'a> {
    tags: Vec<Shown<'a>>,
}

async fn run(asker: &Asker<'_>, body: &Bytes) -> Result<Vec<u8>> {
    let input: Input<'_> = Codec::Json10.decode(body)?;
    let table = tags::resource(asker, &input.arn)?;
    if input.next_token.is_some() {
        return Err(DynamoDbError::validation("Invalid NextToken"));
    }
    tags::authorize(asker, &table)?;
    let tags = asker.tables().tags(&table).map_err(tags::refused(&input.arn))?;
    let tags = tags.iter().map(|(key, value)| Shown { key, value }).collect();
    Ok(Codec::Json10.encode(&Output { tags }))
}
