//! DescribeAccountSettings.

use headwater_streams::{AccountSettings, CommitmentStatus};
use headwater_wire::Codec;
use headwater_wire::shape::Time;
use serde::Serialize;

use super::{Nothing, operation};
use crate::context::Context;
use crate::error::Result;

operation!("DescribeAccountSettings", rate: DescribeAccountSettingsCalls, about: account);

/// Also the output of UpdateAccountSettings.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    minimum_throughput_billing_commitment: Commitment,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Commitment {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_allowed_end_at: Option<Time>,
}

impl From<AccountSettings> for Output {
    fn from(settings: AccountSettings) -> Self {
        let commitment = settings.commitment;
        let status = match commitment.status {
            CommitmentStatus::Enabled => "ENABLED",
            CommitmentStatus::Disabled => "DISABLED",
            CommitmentStatus::EnabledUntilEarliestAllowedEnd => "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
        };
        Self {
            minimum_throughput_billing_commitment: Commitment {
                status,
                started_at: commitment.started_at.map(Time),
                ended_at: commitment.ended_at.map(Time),
                earliest_allowed_end_at: commitment.earliest_allowed_end_at.map(Time),
            },
        }
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    codec.decode::<Nothing>(body)?;
    let settings = context.streams.account_settings(context.realm).await?;
    Ok(codec.encode(&Output::from(settings)))
}
