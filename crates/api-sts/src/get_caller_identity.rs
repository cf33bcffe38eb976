//! GetCallerIdentity.

use headwater_edge::Call;
use headwater_types::Arn;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    arn: String,
    user_id: String,
    account: String,
}

pub(crate) fn run(call: &Call) -> Vec<u8> {
    let (account, caller) = (call.account(), call.trail().caller());
    let root = || Arn::of_iam(call.region().partition(), &account, "root").to_string();
    let output = Output {
        arn: caller.map_or_else(root, |caller| caller.arn().to_owned()),
        user_id: caller.and_then(|caller| caller.user()).unwrap_or(account.as_str()).to_owned(),
        account: account.to_string(),
    };
    call.protocol().codec().encode(&output)
}
