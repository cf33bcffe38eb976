//! DeleteStream.

use headwater_wire::shape;
use headwater_wire::shape::{Bool, Text};

use super::Nothing;
use crate::{Client, Error};

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        enforce_consumer_deletion: Bool = "EnforceConsumerDeletion",
    }
}

impl Client {
    /// Starts the deletion of a stream; `with_consumers` deletes one that has registered consumers too.
    pub async fn delete_stream(&self, name: &str, with_consumers: bool) -> Result<(), Error> {
        let input = Input {
            stream_name: Some(name.into()),
            enforce_consumer_deletion: with_consumers.then_some(Bool(true)),
        };
        self.call::<_, Nothing>("DeleteStream", &input).await.map(drop)
    }
}
