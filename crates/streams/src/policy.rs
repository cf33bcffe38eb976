//! Policies of streams and consumers: kept as they were written, and read by who decides.

use headwater_types::ConsumerArn;

use crate::consumers::ConsumerStatus;
use crate::error::{Result, StreamsError};
use crate::meta::StreamMeta;
use crate::service::{Change, StreamService};
use crate::tags::Tagged;

impl StreamService {
    /// The policy, if one was put.
    pub fn policy(&self, of: &Tagged) -> Result<Option<String>> {
        match of {
            Tagged::Stream(handle) => Ok(handle.view().meta.policy.clone()),
            Tagged::Consumer(handle, consumer) => Ok(self.find_consumer(handle, consumer)?.policy),
        }
    }

    /// Puts a policy in the place of the one there is.
    pub async fn put_policy(&self, to: &Tagged, policy: &str) -> Result<()> {
        self.change_policy(to, Some(policy)).await
    }

    /// Removes the policy, which must be there.
    pub async fn delete_policy(&self, from: &Tagged) -> Result<()> {
        self.change_policy(from, None).await
    }

    async fn change_policy(&self, of: &Tagged, policy: Option<&str>) -> Result<()> {
        let policy = policy.map(str::to_owned);
        match of {
            Tagged::Stream(handle) => {
                self.change_active(handle, |meta, _| {
                    if policy.is_none() && meta.policy.is_none() {
                        return Err(StreamsError::PolicyNotFound(handle.key.arn()));
                    }
                    let meta = StreamMeta { policy: policy.clone(), ..meta.clone() };
                    Ok(Change::Write(Box::new(meta), ()))
                })
                .await
            }
            Tagged::Consumer(handle, wanted) => {
                self.change_consumer(handle, wanted, |consumer, now| {
                    let id = consumer.id(wanted.name());
                    if consumer.status(now) != Some(ConsumerStatus::Active) {
                        let stream = handle.key.clone();
                        return Err(StreamsError::ConsumerInTransition { stream, consumer: id });
                    }
                    if policy.is_none() && consumer.policy.is_none() {
                        let arn = ConsumerArn { stream: handle.key.clone(), id }.to_string();
                        return Err(StreamsError::PolicyNotFound(arn));
                    }
                    consumer.policy.clone_from(&policy);
                    Ok(true)
                })
                .await
            }
        }
    }
}
