//! Policies that need not be written down.

/// The document of a policy that has a name: `full-access` or `read-only`.
pub fn builtin_policy(name: &str) -> Option<&'static str> {
    Some(match name {
        "full-access" => {
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kinesis:*","dynamodb:*","cloudwatch:*","headwater:GetMetrics"],"Resource":"*"}}"#
        }
        "read-only" => {
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kinesis:Get*","kinesis:List*","kinesis:Describe*","kinesis:SubscribeToShard","dynamodb:BatchGetItem","dynamodb:Describe*","dynamodb:GetItem","dynamodb:List*","dynamodb:Query","dynamodb:Scan","cloudwatch:Get*","cloudwatch:List*"],"Resource":"*"}}"#
        }
        _ => return None,
    })
}
