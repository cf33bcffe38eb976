//! UpdateAccountSettings.

use headwater_wire::Codec;
use headwater_wire::shape::Text;

use super::describe_account_settings::Output;
use super::operation;
use crate::checks::Checks;
use crate::context::Context;
use crate::error::Result;

operation!("UpdateAccountSettings", rate: UpdateAccountSettingsCalls, changes: true, about: account);

headwater_wire::shape! {
    struct Input<'a> {
        commitment: Commitment<'a> = "MinimumThroughputBillingCommitment",
    }
}

headwater_wire::shape! {
    struct Commitment<'a> {
        status: Text<'a> = "Status",
    }
}

async fn run(context: &Context<'_>, codec: Codec, body: &[u8]) -> Result<Vec<u8>> {
    let input: Input<'_> = codec.decode(body)?;
    let mut checks = Checks::default();
    checks.required("minimumThroughputBillingCommitment", &input.commitment);
    let status = input.commitment.and_then(|commitment| {
        let path = "minimumThroughputBillingCommitment.status";
        checks.required(path, &commitment.status);
        checks.one_of(path, &commitment.status, &["ENABLED", "DISABLED"]);
        commitment.status
    });
    checks.done()?;
    let enabled = status.as_deref() == Some("ENABLED");
    let settings = context.streams.set_commitment(context.realm, enabled).await?;
    Ok(codec.encode(&Output::from(settings)))
}
