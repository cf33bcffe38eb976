//! IncreaseStreamRetentionPeriod.

use headwater_wire::shape;
use headwater_wire::shape::{Int, Text};

use super::Nothing;
use crate::{Client, Error};

shape! {
    struct Input<'a> {
        stream_name: Text<'a> = "StreamName",
        retention_period_hours: Int = "RetentionPeriodHours",
    }
}

impl Client {
    /// Lengthens how long records are kept, to 8760 hours at most.
    pub async fn increase_retention(&self, name: &str, hours: i32) -> Result<(), Error> {
        let input = Input { stream_name: Some(name.into()), retention_period_hours: Some(Int(hours)) };
        self.call::<_, Nothing>("IncreaseStreamRetentionPeriod", &input).await.map(drop)
    }
}
