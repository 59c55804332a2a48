//! What a room has said, from Redis. Knows no page, and follows nothing.

use std::sync::Arc;

use redis::RedisResult;
use redis::streams::StreamRangeReply;

use super::{Redis, alone, record, scripts};
use crate::log::{LogError, NEWEST, Page, Position};
use crate::names::Room;
use crate::protocol::{Gap, Record, Since};

impl Redis {
    pub(crate) async fn after(
        &self,
        room: &Room,
        position: &Position,
        limit: usize,
    ) -> Result<Page, LogError> {
        let mut connection = self.connection().ok_or_else(alone)?;
        let (since, offset) = match position {
            Position::Newest => ("", 0),
            Position::After(Since { epoch, offset }) => (epoch.as_str(), *offset),
        };
        let script = scripts::after();
        let mut asked = script.key(scripts::stream(room));
        asked.key(scripts::EPOCH).arg(since).arg(offset).arg(NEWEST).arg(limit);
        let answer: RedisResult<(String, u64, u64, StreamRangeReply)> =
            asked.invoke_async(&mut connection).await;
        let (epoch, first, last, entries) = answer.map_err(|error| self.fail(&error))?;
        if *epoch != *self.epoch() {
            self.lose(&self.epoch());
            return Err(alone());
        }
        let (start, gap) = position.begin(&epoch, first.max(1), last);
        let records = entries.ids.iter().filter_map(record).collect();
        let (records, end, gap) = without_holes(records, start, last, gap);
        self.follow(room, last);
        Ok(Page { epoch: epoch.into(), records, end, last, gap })
    }

    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, LogError> {
        let Some(mut connection) = self.connection() else { return Ok(Vec::new()) };
        let mut asked = redis::cmd("SMEMBERS");
        let answer: RedisResult<Vec<String>> =
            asked.arg(scripts::ROOMS).query_async(&mut connection).await;
        let rooms = answer.map_err(|error| self.fail(&error))?;
        Ok(rooms.iter().filter_map(|room| Room::of_log(room)).collect())
    }
}

/// Returns the records up to the first hole, where they end, and what is gone before them. A room has
/// no holes, unless somebody has deleted messages.
fn without_holes(
    mut records: Vec<Record>,
    start: u64,
    last: u64,
    gap: Option<Gap>,
) -> (Vec<Arc<Record>>, u64, Option<Gap>) {
    let next = records.first().map_or(last.saturating_add(1), |record| record.offset);
    let gone = next.saturating_sub(start.saturating_add(1));
    let gap = match gap {
        Some(Gap::Epoch { epoch }) => Some(Gap::Epoch { epoch }),
        Some(Gap::Missed { missed }) => Some(Gap::Missed { missed: missed + gone }),
        None => (gone > 0).then_some(Gap::Missed { missed: gone }),
    };
    let is_next = |(index, record): &(usize, &Record)| record.offset - next == *index as u64;
    let whole = records.iter().enumerate().take_while(is_next).count();
    records.truncate(whole);
    let end = records.last().map_or(next.saturating_sub(1), |record| record.offset);
    (records.into_iter().map(Arc::new).collect(), end, gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Said;

    #[test]
    fn holes_are_gaps() {
        let missed = |missed| Some(Gap::Missed { missed });
        for (offsets, start, last, read, end, gap) in [
            (vec![], 0, 0, 0, 0, None),
            (vec![4, 5], 3, 9, 2, 5, None),
            (vec![4, 6], 3, 9, 1, 4, None),
            (vec![6, 7], 4, 9, 2, 7, missed(1)),
            (vec![], 4, 9, 0, 9, missed(5)),
        ] {
            let said = Said { id: "i".into(), from: "f".into(), text: "t".into(), at: 0 };
            let records = offsets.iter().map(|&offset| Record { offset, said: said.clone() });
            let (records, its_end, its_gap) = without_holes(records.collect(), start, last, None);
            assert_eq!((records.len(), its_end, its_gap), (read, end, gap), "{offsets:?}");
        }
        let gap = without_holes(Vec::new(), 4, 9, missed(3)).2;
        assert_eq!(gap, missed(8));
    }
}
