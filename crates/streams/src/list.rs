//! ListStreams and ListShards.
//!
//! A shard is open from the moment its parents close, not from its creation second, which lies up to a second
//! later: so the shards that are open at any time tile the whole ring.

use std::sync::Arc;

use headwater_types::limits::LIST_TOKEN_AGE_MS_MAX;
use headwater_types::{Realm, Region, Shard, ShardId, ShardMap, StreamKey, Timestamp};

use crate::error::{Result, StreamsError};
use crate::handle::{StreamHandle, StreamView};
use crate::iterator::{put_stream, take_stream};
use crate::meta::StreamStatus;
use crate::service::StreamService;
use crate::token::{TokenError, TokenKind};

/// Shards to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardFilter {
    /// Everything that has not expired.
    FromTrimHorizon,
    /// Ids after this one.
    AfterShardId(ShardId),
    /// Open at the oldest moment kept.
    AtTrimHorizon,
    /// Open now.
    AtLatest,
    /// Open at a time.
    AtTimestamp(Timestamp),
    /// Open now, or closed at or after a time.
    FromTimestamp(Timestamp),
}

/// A part of a list of shards.
#[derive(Debug, Clone)]
pub struct ShardPage {
    /// The shards, by id.
    pub shards: Vec<Shard>,
    /// With what to go on, if there are more.
    pub next: Option<ShardPageToken>,
}

/// Place at which a list of shards goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPageToken {
    /// The stream.
    pub stream: StreamKey,
    uid: u64,
    filter: ShardFilter,
    after: ShardId,
}

impl StreamService {
    /// Streams of an account in a region with names after `after`, in order, and whether there are more than `limit`.
    pub fn list_streams(
        &self,
        realm: Realm,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<(Arc<StreamHandle>, StreamStatus)>, bool) {
        let mut found = self.streams_of(realm);
        found.retain(|(handle, _)| after.is_none_or(|after| handle.key.name.as_str() > after));
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }

    /// The shards that have not expired; none while the stream is CREATING.
    pub fn visible_shards<'a>(&self, view: &'a StreamView) -> impl Iterator<Item = &'a Shard> + use<'a> {
        let now = self.clock.now();
        let horizon = view.meta.horizon(now);
        let creating = view.meta.status(now) == Some(StreamStatus::Creating);
        let shards = if creating { &[] } else { view.meta.shards.all() };
        shards.iter().filter(move |shard| shard.closed_at().is_none_or(|at| at >= horizon))
    }

    /// The first page of a list of shards, `limit` at the most, after the given id.
    pub fn list_shards(
        &self,
        handle: &StreamHandle,
        filter: ShardFilter,
        after: Option<ShardId>,
        limit: usize,
    ) -> Result<ShardPage> {
        let view = handle.view();
        let now = self.clock.now();
        let filter = self.resolve(&view, filter, now)?;
        let matching =
            |shard: &&Shard| after.is_none_or(|after| shard.id > after) && matches(&view, filter, shard);
        let mut found: Vec<Shard> =
            self.visible_shards(&view).filter(matching).take(limit.saturating_add(1)).cloned().collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|last| ShardPageToken {
            stream: handle.key.clone(),
            uid: view.meta.uid,
            filter,
            after: last.id,
        });
        Ok(ShardPage { shards: found, next })
    }

    /// The page after a token's.
    pub fn list_shards_after(&self, token: &ShardPageToken, limit: usize) -> Result<ShardPage> {
        let (handle, _) = self.find(&token.stream)?;
        if handle.view().meta.uid != token.uid {
            return Err(StreamsError::StreamNotFound(token.stream.clone()));
        }
        self.list_shards(&handle, token.filter, Some(token.after), limit)
    }

    /// Times are fixed on the first page, so that all pages speak of one moment.
    fn resolve(&self, view: &StreamView, filter: ShardFilter, now: Timestamp) -> Result<ShardFilter> {
        let oldest = view.meta.horizon(now).max(view.meta.created);
        Ok(match filter {
            ShardFilter::AtTimestamp(asked) | ShardFilter::FromTimestamp(asked) if asked > now => {
                return Err(StreamsError::TimeInFuture { asked, now });
            }
            ShardFilter::AtTrimHorizon => ShardFilter::AtTimestamp(oldest),
            ShardFilter::AtTimestamp(time) => ShardFilter::AtTimestamp(time.max(oldest)),
            ShardFilter::FromTimestamp(time) => ShardFilter::FromTimestamp(time.max(oldest)),
            other => other,
        })
    }

    /// The token as bytes to be handed out.
    pub fn sign_page(&self, token: &ShardPageToken) -> Vec<u8> {
        let (tag, value) = match token.filter {
            ShardFilter::FromTrimHorizon => (0u8, 0),
            ShardFilter::AfterShardId(id) => (1, u64::from(id.index())),
            ShardFilter::AtTrimHorizon => (2, 0),
            ShardFilter::AtLatest => (3, 0),
            ShardFilter::AtTimestamp(time) => (4, time.as_millis()),
            ShardFilter::FromTimestamp(time) => (5, time.as_millis()),
        };
        let mut payload = vec![tag];
        payload.extend_from_slice(&value.to_be_bytes());
        payload.extend_from_slice(&token.uid.to_be_bytes());
        payload.extend_from_slice(&token.after.index().to_be_bytes());
        put_stream(&mut payload, &token.stream, self.config.home);
        self.signer.sign(TokenKind::ShardPage, self.clock.now(), self.random.next_u64(), &payload, 0)
    }

    /// The token that these bytes hold. It is good in the region of its stream only.
    pub fn open_page(&self, token: &[u8], region: Region) -> std::result::Result<ShardPageToken, TokenError> {
        let (payload, _) =
            self.signer.open(TokenKind::ShardPage, self.clock.now(), LIST_TOKEN_AGE_MS_MAX, token)?;
        let page = parse_page(payload, self.config.home);
        page.filter(|page| page.stream.realm.region == region).ok_or(TokenError::Invalid)
    }
}

fn parse_page(payload: &[u8], home: Region) -> Option<ShardPageToken> {
    let number = |at: usize| Some(u64::from_be_bytes(*payload.get(at..)?.first_chunk()?));
    let value = number(1)?;
    let filter = match payload.first()? {
        0 => ShardFilter::FromTrimHorizon,
        1 => ShardFilter::AfterShardId(ShardId::new(u32::try_from(value).ok()?)?),
        2 => ShardFilter::AtTrimHorizon,
        3 => ShardFilter::AtLatest,
        4 => ShardFilter::AtTimestamp(Timestamp::from_millis(value)),
        5 => ShardFilter::FromTimestamp(Timestamp::from_millis(value)),
        _ => return None,
    };
    let after = ShardId::new(u32::from_be_bytes(*payload.get(17..)?.first_chunk()?))?;
    let stream = take_stream(payload.get(21..)?, home)?;
    Some(ShardPageToken { stream, uid: number(9)?, filter, after })
}

fn matches(view: &StreamView, filter: ShardFilter, shard: &Shard) -> bool {
    match filter {
        ShardFilter::FromTrimHorizon => true,
        ShardFilter::AfterShardId(id) => shard.id > id,
        ShardFilter::AtLatest => shard.is_open(),
        // `AtTrimHorizon` was resolved to a time.
        ShardFilter::AtTrimHorizon => shard.parents.iter().next().is_none(),
        ShardFilter::AtTimestamp(time) => {
            opened_at(&view.meta.shards, shard) <= time && shard.closed_at().is_none_or(|at| at > time)
        }
        ShardFilter::FromTimestamp(time) => shard.closed_at().is_none_or(|at| at >= time),
    }
}

/// When the shard took over from its parents: the epoch if they have expired or if it came with the stream.
fn opened_at(shards: &ShardMap, shard: &Shard) -> Timestamp {
    let closed = shard.parents.iter().filter_map(|parent| shards.get(parent)?.closed_at());
    closed.max().unwrap_or(Timestamp::EPOCH)
}
