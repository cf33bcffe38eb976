//! GetShardIterator: where to begin, and the token that remembers it.
//!
//! # Format of the payload
//! ```text
//! 0   uid of the stream u64     8   position u64     16  shard u32
//! 20  account, 12 digits        32  name, and outside the home region '@' and the region
//! ```
//! With the token's own header the result is as long as AWS's: 152 + 16 * floor((len(name) + 2) / 16).

use std::str::FromStr;

use headwater_store::ReadLimit;
use headwater_types::limits::ITERATOR_AGE_MS_MAX;
use headwater_types::{
    AccountId, AnySequenceNumber, Position, Realm, Region, Shard, ShardId, StreamKey, StreamName, Timestamp,
};

use crate::error::{Result, StreamsError};
use crate::handle::{ShardHandle, StreamView};
use crate::meta::StreamStatus;
use crate::service::StreamService;
use crate::token::{TokenError, TokenKind};

/// Position at which reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartingPosition {
    /// The oldest record kept.
    TrimHorizon,
    /// After the newest record at the time of the call.
    Latest,
    /// At the record with this number, or the next one.
    AtSequenceNumber(String),
    /// After the record with this number.
    AfterSequenceNumber(String),
    /// At the first record that arrived then or later.
    AtTimestamp(Timestamp),
}

/// A place in a shard from which records can be read for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardIterator {
    /// The stream.
    pub stream: StreamKey,
    /// Tells the stream from others of that name.
    pub uid: u64,
    /// The shard.
    pub shard: ShardId,
    /// The first record that has not been read.
    pub position: Position,
}

impl StreamService {
    /// Makes an iterator. `shard` is the text of the request: it is looked at before the stream.
    pub async fn shard_iterator(
        &self,
        stream: &StreamKey,
        shard: &str,
        start: &StartingPosition,
    ) -> Result<ShardIterator> {
        self.begin(stream, shard, start, true).await
    }

    /// Everything that is checked before an iterator is made; nothing is taken from the shard's rate.
    pub async fn check_shard_iterator(
        &self,
        stream: &StreamKey,
        shard: &str,
        start: &StartingPosition,
    ) -> Result<()> {
        self.begin(stream, shard, start, false).await.map(|_| ())
    }

    async fn begin(
        &self,
        stream: &StreamKey,
        shard: &str,
        start: &StartingPosition,
        counts: bool,
    ) -> Result<ShardIterator> {
        let unknown = || StreamsError::ShardNotFound { stream: stream.clone(), shard: shard.to_owned() };
        let shard = ShardId::parse(shard).ok_or_else(unknown)?;
        let missing = || StreamsError::NoSuchShard { stream: stream.clone(), shard };
        let (handle, status) = self.find(stream).map_err(|_| missing())?;
        if status == StreamStatus::Creating {
            return Err(missing());
        }
        let view = handle.view();
        let (found, log) = live_shard(&view, shard, self.clock.now()).ok_or_else(missing)?;
        if counts && !log.budget.lock().iterator(self.clock.elapsed()) {
            handle.metrics.throttled_read();
            log.stats.throttled_read();
            return Err(StreamsError::ReadThrottled { stream: stream.clone(), shard });
        }
        let position = self.starting_position(stream, &view, found, log, start).await?;
        Ok(ShardIterator { stream: stream.clone(), uid: view.meta.uid, shard, position })
    }

    /// The position at which reading begins.
    pub(crate) async fn starting_position(
        &self,
        stream: &StreamKey,
        view: &StreamView,
        shard: &Shard,
        handle: &ShardHandle,
        start: &StartingPosition,
    ) -> Result<Position> {
        let now = self.clock.now();
        match start {
            StartingPosition::TrimHorizon => Ok(handle.log.position_at(view.meta.horizon(now)).await?),
            StartingPosition::Latest => Ok(handle.log.bounds().end),
            StartingPosition::AtTimestamp(asked) if *asked > now => {
                Err(StreamsError::TimeInFuture { asked: *asked, now })
            }
            StartingPosition::AtTimestamp(time) => {
                Ok(handle.log.position_at((*time).max(view.meta.horizon(now))).await?)
            }
            StartingPosition::AtSequenceNumber(number) => {
                let (position, time_s) = match place_of(stream, shard, handle, number)? {
                    Place::Start => return Ok(Position::START),
                    Place::End => return Ok(handle.log.bounds().end),
                    Place::Record { position, time_s } => (position, time_s),
                };
                // A number later than the record's at this position is one between two records.
                let one = ReadLimit { records: 1, bytes: 1 };
                let found = handle.log.read(position, one).await?;
                let before = found
                    .batches
                    .first()
                    .is_some_and(|batch| batch.first == position && batch.arrival.as_secs() < time_s);
                Ok(if before { position.plus(1) } else { position })
            }
            StartingPosition::AfterSequenceNumber(number) => match place_of(stream, shard, handle, number)? {
                Place::Start => Ok(Position::START),
                Place::End => Err(StreamsError::AfterEndOfShard),
                Place::Record { position, .. } => Ok(position.plus(1)),
            },
        }
    }

    /// The iterator as a token, different each time.
    pub fn sign_iterator(&self, iterator: &ShardIterator) -> Vec<u8> {
        let name = iterator.stream.name.as_str();
        // Room for the region as well.
        let mut payload = Vec::with_capacity(64 + name.len());
        payload.extend_from_slice(&iterator.uid.to_be_bytes());
        payload.extend_from_slice(&iterator.position.get().to_be_bytes());
        payload.extend_from_slice(&iterator.shard.index().to_be_bytes());
        put_stream(&mut payload, &iterator.stream, self.config.home);
        let len = 152 + 16 * ((name.len() + 2) / 16);
        self.signer.sign(TokenKind::Iterator, self.clock.now(), self.random.next_u64(), &payload, len)
    }

    /// The iterator that a token holds. It is good in the region of its stream only.
    pub fn open_iterator(&self, token: &[u8], region: Region) -> Result<ShardIterator> {
        let now = self.clock.now();
        let opened = self.signer.open(TokenKind::Iterator, now, ITERATOR_AGE_MS_MAX, token);
        let (payload, _) = opened.map_err(|error| match error {
            TokenError::Invalid => StreamsError::InvalidIterator,
            TokenError::Expired { created } => StreamsError::ExpiredIterator { created, now },
        })?;
        let iterator = parse_payload(payload, self.config.home);
        iterator
            .filter(|iterator| iterator.stream.realm.region == region)
            .ok_or(StreamsError::InvalidIterator)
    }
}

/// The shard, unless retention has taken it.
pub(crate) fn live_shard(
    view: &StreamView,
    id: ShardId,
    now: Timestamp,
) -> Option<(&Shard, &std::sync::Arc<ShardHandle>)> {
    let horizon = view.meta.horizon(now);
    view.shard(id).filter(|(shard, _)| shard.closed_at().is_none_or(|at| at >= horizon))
}

/// Target of a sequence number of a shard.
enum Place {
    /// The shard's starting number.
    Start,
    /// The ending number of a closed shard.
    End,
    /// The record at this position, or behind it: the number was issued in that second.
    Record { position: Position, time_s: u64 },
}

fn place_of(stream: &StreamKey, shard: &Shard, handle: &ShardHandle, number: &str) -> Result<Place> {
    let refuse = |foreign| {
        let (stream, number) = (stream.clone(), number.to_owned());
        Err(StreamsError::SequenceNumber { stream, shard: shard.id, number, foreign })
    };
    let other = |encoded| Err(StreamsError::SequenceNumberOfShard { encoded, shard: shard.id });
    let parsed = match AnySequenceNumber::from_str(number) {
        Err(_) => return refuse(false),
        Ok(AnySequenceNumber::Old { shard: encoded, .. }) if encoded != shard.id => return other(encoded),
        Ok(AnySequenceNumber::Old { .. }) => return refuse(true),
        Ok(AnySequenceNumber::Current(parsed)) => parsed,
    };
    if parsed.shard() != shard.id {
        return other(parsed.shard());
    }
    if parsed.shard_created_s() != shard.created.as_secs() {
        return refuse(true);
    }
    let bounds = handle.log.bounds();
    match parsed.position() {
        None => Ok(Place::Start),
        Some(_) if parsed.is_ending() && bounds.sealed => Ok(Place::End),
        // No record has it yet: the next one will have another number, because it arrives later.
        Some(position) if position >= bounds.end => refuse(false),
        Some(position) => Ok(Place::Record { position, time_s: parsed.time_s() }),
    }
}

/// Adds a stream to the end of a token's payload.
pub(crate) fn put_stream(payload: &mut Vec<u8>, stream: &StreamKey, home: Region) {
    let Realm { account, region } = &stream.realm;
    payload.extend_from_slice(account.as_str().as_bytes());
    payload.extend_from_slice(stream.name.as_str().as_bytes());
    if *region != home {
        payload.push(b'@');
        payload.extend_from_slice(region.as_str().as_bytes());
    }
}

/// The stream that [`put_stream`] added.
pub(crate) fn take_stream(payload: &[u8], home: Region) -> Option<StreamKey> {
    let (account, name) = std::str::from_utf8(payload).ok()?.split_at_checked(12)?;
    let (name, region) = match name.split_once('@') {
        None => (name, home),
        Some((name, region)) => (name, Region::new(region)?),
    };
    Some(StreamKey {
        realm: Realm { account: AccountId::new(account)?, region },
        name: StreamName::new(name)?,
    })
}

fn parse_payload(payload: &[u8], home: Region) -> Option<ShardIterator> {
    let number = |at: usize| Some(u64::from_be_bytes(*payload.get(at..)?.first_chunk()?));
    let shard = u32::from_be_bytes(*payload.get(16..)?.first_chunk()?);
    Some(ShardIterator {
        stream: take_stream(payload.get(20..)?, home)?,
        uid: number(0)?,
        shard: ShardId::new(shard)?,
        position: Position::new(number(8)?)?,
    })
}
