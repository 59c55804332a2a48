//! What Redis is asked in one step, and under which keys. Knows no connection.
//!
//! | key | |
//! |-|-|
//! | `chat:epoch` | the log's epoch |
//! | `chat:names` | hash: folded name → hash of the secret, and the name as its owner spells it |
//! | `chat:looks` | hash: what names that look alike have in common → hash of the first's secret |
//! | `chat:rooms` | set: rooms in which something was said |
//! | `chat:room:ROOM` | stream: the messages; an id is the offset |
//! | `chat:ids:ROOM` | sorted set: author and id of a message → offset, to know it again |
//! | `chat:present` | sorted set: who is present on which server → until when |
//! | `chat:signs` | stream: what all servers hear and nobody keeps |
//! | `chat:wake:SERVER` | stream: wakes the server that waits for it |

use redis::Script;

use crate::names::Room;

pub(super) const EPOCH: &str = "chat:epoch";
pub(super) const LOOKS: &str = "chat:looks";
pub(super) const NAMES: &str = "chat:names";
pub(super) const PRESENT: &str = "chat:present";
pub(super) const ROOMS: &str = "chat:rooms";
pub(super) const SIGNS: &str = "chat:signs";

pub(super) fn stream(room: &Room) -> String {
    format!("chat:room:{room}")
}

pub(super) fn ids(room: &Room) -> String {
    format!("chat:ids:{room}")
}

pub(super) fn wake(server: &str) -> String {
    format!("chat:wake:{server}")
}

/// What each key must be, if it is there.
pub(super) const KINDS: [(&str, &str); 6] = [
    (EPOCH, "string"),
    (LOOKS, "hash"),
    (NAMES, "hash"),
    (PRESENT, "zset"),
    (ROOMS, "set"),
    (SIGNS, "stream"),
];

/// The highest offset that a stream has had: the message itself may be gone.
const LAST: &str = r"
    local function last_of(stream)
        if redis.call('EXISTS', stream) == 0 then return 0 end
        local info = redis.call('XINFO', 'STREAM', stream)
        for i = 1, #info, 2 do
            if info[i] == 'last-generated-id' then
                return tonumber(string.match(info[i + 1], '^%d+'))
            end
        end
    end
";

/// Gives a name to a key, unless it belongs to another one, or looks like one that does. Returns the
/// key and the name of its owner, or nothing.
pub(super) fn claim() -> Script {
    Script::new(
        r"
        local names, looks = unpack(KEYS)
        local folded, look, key, name = unpack(ARGV)
        local owner = redis.call('HGET', names, folded)
        if owner then return owner end
        local other = redis.call('HGET', looks, look)
        if other and other ~= key then return '' end
        redis.call('HSETNX', looks, look, key)
        redis.call('HSET', names, folded, key .. ' ' .. name)
        return key .. ' ' .. name
        ",
    )
}

/// Returns the highest offset that a room has had.
pub(super) fn last() -> Script {
    Script::new(&[LAST, "return last_of(KEYS[1])"].concat())
}

/// Appends a message, unless it is there. Returns its offset, whether it is new, and its text and
/// time; an offset of 0 if the log is of another epoch.
pub(super) fn append() -> Script {
    let body = r"
        local stream, ids, epoch, rooms, signs = unpack(KEYS)
        local expected, room, from, id, text, at, history, remembered, is_direct = unpack(ARGV)
        if redis.call('GET', epoch) ~= expected then return {0, 0, '', 0} end
        local key = from .. '\n' .. id
        local known = redis.call('ZSCORE', ids, key)
        if known then
            local entry = redis.call('XRANGE', stream, known, known)[1]
            if entry then text, at = entry[2][6], entry[2][8] end
            return {tonumber(known), 0, text, tonumber(at)}
        end
        local offset = 1 + last_of(stream)
        local name = string.format('%d', offset)
        redis.call('XADD', stream, 'MAXLEN', history, name,
            'from', from, 'id', id, 'text', text, 'at', at, 'epoch', expected)
        redis.call('ZADD', ids, name, key)
        redis.call('ZREMRANGEBYSCORE', ids, '-inf', offset - tonumber(remembered))
        if offset == 1 then redis.call('SADD', rooms, room) end
        if is_direct == '1' then
            redis.call('XADD', signs, 'MAXLEN', '~', 1000, '*', 'direct', room, 'offset', name)
        end
        return {offset, 1, text, tonumber(at)}
        ";
    Script::new(&[LAST, body].concat())
}

/// Returns the epoch, the first and the last offset (of none, one more than the last), and messages from
/// where [`Position::begin`](crate::log::Position::begin) says, all of one moment.
pub(super) fn after() -> Script {
    let body = r"
        local stream, key = unpack(KEYS)
        local since, offset, newest, limit = unpack(ARGV)
        local epoch = redis.call('GET', key) or ''
        local function number(entry) return tonumber(string.match(entry[1], '^%d+')) end
        local head = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
        local last = last_of(stream)
        local first = head and number(head) or last + 1
        local start = tonumber(offset)
        if since ~= epoch or start > last then
            start = math.max(last - tonumber(newest), first - 1)
        end
        start = math.max(start, first - 1)
        local from = string.format('%d', start + 1)
        return {epoch, first, last, redis.call('XRANGE', stream, from, '+', 'COUNT', limit)}
        ";
    Script::new(&[LAST, body].concat())
}

/// Gives the log another epoch, unless somebody else has.
pub(super) fn renew() -> Script {
    Script::new(
        r"
        if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
        return redis.call('GET', KEYS[1])
        ",
    )
}

/// Notes who is present here for a while, and who no longer is; returns who is, on all servers.
pub(super) fn present() -> Script {
    Script::new(
        r"
        local present, signs = unpack(KEYS)
        local server, ttl, is_change, added = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        for i = 5, 4 + added do
            redis.call('ZADD', present, now + ttl, server .. '\n' .. ARGV[i])
        end
        for i = 5 + added, #ARGV do redis.call('ZREM', present, server .. '\n' .. ARGV[i]) end
        redis.call('ZREMRANGEBYSCORE', present, '-inf', now)
        if is_change == '1' then
            redis.call('XADD', signs, 'MAXLEN', '~', 1000, '*', 'people', server)
        end
        return redis.call('ZRANGE', present, 0, -1)
        ",
    )
}
