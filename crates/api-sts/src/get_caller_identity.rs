//! GetCallerIdentity.

use headwater_edge::Call;
use headwater_types::partition_of;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    arn: String,
    user_id: String,
    account: String,
}

pub(crate) fn run(call: &Call) -> Vec<u8> {
    let (account, caller) = (call.account().to_string(), call.trail().caller());
    let root = || format!("arn:{}:iam::{account}:root", partition_of(call.region()));
    let output = Output {
        arn: caller.map_or_else(root, |caller| caller.arn().to_owned()),
        user_id: caller.and_then(|caller| caller.user()).unwrap_or(&account).to_owned(),
        account,
    };
    call.protocol().codec().encode(&output)
}
