//! The log of one process: a file to which lines are added, and what it says, in memory. Knows no
//! page and no socket.
//!
//! One thread writes. It takes what has come together, writes it at once, has the disk confirm it,
//! and only then lets it be seen: whatever anybody was told is still there after a crash. A line
//! that a crash has cut off was told to nobody, so the next start cuts it off, too.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::log::{Appended, Claim, LogError, Page, Position, Update, new_epoch};
use crate::names::{Name, Room};
use crate::protocol::{Record, Said};
use crate::shelf::Shelf;

/// A log in a directory of its own.
pub(crate) struct Journal {
    shelf: Arc<Mutex<Shelf>>,
    epoch: Arc<str>,
    writer: mpsc::Sender<Request>,
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// The first one.
    Log {
        version: u32,
        epoch: Arc<str>,
    },
    Name {
        name: String,
        key: String,
    },
    Said {
        room: String,
        #[serde(flatten)]
        record: Arc<Record>,
    },
}

enum Request {
    Append { room: Room, said: Said, reply: Reply<Appended> },
    Claim { name: Name, key: String, reply: Reply<Claim> },
}

type Reply<T> = oneshot::Sender<Result<T, LogError>>;

/// What the thread owns.
struct Writer {
    path: PathBuf,
    file: File,
    /// Up to where the file is whole.
    len: u64,
    /// Whether there may be something behind that.
    is_torn: bool,
    lines: usize,
    shelf: Arc<Mutex<Shelf>>,
    epoch: Arc<str>,
    updates: mpsc::Sender<Update>,
    /// Keeps other processes away while it is open.
    _lock: File,
}

impl Journal {
    /// Opens the log in a directory, or begins one. `history` is how many messages of a room can be
    /// read.
    pub(crate) fn open(
        directory: &Path,
        history: usize,
        updates: mpsc::Sender<Update>,
    ) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = lock_file(&directory.join("lock"))?;
        let path = directory.join("journal.jsonl");
        let mut shelf = Shelf::new(history);
        let loaded = match fs::read(&path) {
            Ok(bytes) => load(&bytes, &mut shelf).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let (epoch, len, lines) = match loaded {
            Some(loaded) => loaded,
            None => {
                let epoch = new_epoch()?;
                let (len, lines) = rewrite(&path, &epoch, &shelf)?;
                (epoch, len, lines)
            }
        };
        let mut file = File::options().write(true).open(&path)?;
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        let shelf = Arc::new(Mutex::new(shelf));
        let (writer, requests) = mpsc::channel(WAITING);
        let thread = Writer {
            path,
            file,
            len,
            is_torn: false,
            lines,
            shelf: Arc::clone(&shelf),
            epoch: Arc::clone(&epoch),
            updates,
            _lock: lock,
        };
        std::thread::Builder::new().name("journal".into()).spawn(|| thread.run(requests))?;
        Ok(Self { shelf, epoch, writer })
    }

    pub(crate) async fn append(&self, room: &Room, said: Said) -> Result<Appended, LogError> {
        self.ask(|reply| Request::Append { room: room.clone(), said, reply }).await
    }

    pub(crate) async fn claim(&self, name: &Name, key: &str) -> Result<Claim, LogError> {
        self.ask(|reply| Request::Claim { name: name.clone(), key: key.into(), reply }).await
    }

    pub(crate) fn owned(&self, name: &Name) -> Option<Name> {
        lock(&self.shelf).owner(name).map(|(name, _)| name.clone())
    }

    pub(crate) fn after(&self, room: &Room, position: &Position, limit: usize) -> Page {
        let shelf = lock(&self.shelf);
        let (first, last) = shelf.readable(room);
        let (start, gap) = position.begin(&self.epoch, first, last);
        let records = shelf.after(room, start, limit);
        let end = records.last().map_or(start, |record| record.offset);
        Page { epoch: Arc::clone(&self.epoch), records, end, last, gap }
    }

    pub(crate) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.epoch)
    }

    pub(crate) fn rooms(&self) -> Vec<Room> {
        lock(&self.shelf).rooms().cloned().collect()
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, LogError> {
        let stopped = || LogError::Away("the journal has stopped".into());
        let (reply, answer) = oneshot::channel();
        self.writer.send(request(reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Writer {
    /// Serves requests until nobody can make one any more.
    fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        while let Some(first) = requests.blocking_recv() {
            let more = std::iter::from_fn(|| requests.try_recv().ok());
            let batch = std::iter::once(first).chain(more).take(BATCH).collect();
            self.serve(batch);
            if self.lines > 2 * lock(&self.shelf).len() + SPARE_LINES
                && let Err(error) = self.compact()
            {
                eprintln!("{}: {error}", self.path.display());
                // Not after each message: it may be for want of room on the disk.
                self.lines = lock(&self.shelf).len();
            }
        }
    }

    /// Decides on all requests, writes what is new, and answers.
    fn serve(&mut self, batch: Vec<Request>) {
        let mut bytes = Vec::new();
        let mut lines = 0;
        let mut shelf = lock(&self.shelf);
        let mut add = |line: &Line| {
            lines += 1;
            // Writing to memory does not fail, nor does any of its types.
            let _ = serde_json::to_writer(&mut bytes, line);
            bytes.push(b'\n');
        };
        let mut claims = Vec::new();
        let mut appends = Vec::new();
        for request in batch {
            match request {
                Request::Claim { name, key, reply } => {
                    let (owner, is_new) = shelf.claim(&name, &key);
                    if is_new {
                        add(&Line::Name { name: name.to_string(), key });
                    }
                    claims.push((owner, reply));
                }
                Request::Append { room, said, reply } => {
                    let (record, is_new) = shelf.put(&room, said);
                    if is_new {
                        let record = Arc::clone(&record);
                        add(&Line::Said { room: room.to_string(), record });
                    }
                    appends.push((room, record, is_new, reply));
                }
            }
        }
        drop(shelf);
        let written = self.write(&bytes);
        let mut shelf = lock(&self.shelf);
        match &written {
            Ok(()) => {
                self.lines += lines;
                shelf.publish();
            }
            Err(error) => {
                eprintln!("{}: {error}", self.path.display());
                shelf.take_back();
            }
        }
        drop(shelf);
        let outcome = || match &written {
            Ok(()) => Ok(()),
            Err(error) => Err(LogError::Away(error.to_string())),
        };
        for (owner, reply) in claims {
            // Who asked may be gone.
            let _ = reply.send(outcome().map(|()| owner));
        }
        for (room, record, is_new, reply) in appends {
            let epoch = Arc::clone(&self.epoch);
            let appended =
                Appended { epoch: Arc::clone(&epoch), record: Arc::clone(&record), is_new };
            let _ = reply.send(outcome().map(|()| appended));
            if is_new && written.is_ok() {
                // It waits while the hub is behind. Nobody listens any more when the server ends.
                let _ = self.updates.blocking_send(Update::Said { room, epoch, record });
            }
        }
    }

    /// Writes whole lines, or nothing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            self.file.set_len(self.len)?;
            self.file.seek(SeekFrom::Start(self.len))?;
        }
        self.is_torn = true;
        self.file.write_all(bytes)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Replaces the file by one without what is no longer kept.
    fn compact(&mut self) -> io::Result<()> {
        let (len, lines) = rewrite(&self.path, &self.epoch, &lock(&self.shelf))?;
        let mut file = File::options().write(true).open(&self.path)?;
        file.seek(SeekFrom::End(0))?;
        (self.file, self.len, self.is_torn, self.lines) = (file, len, false, lines);
        Ok(())
    }
}

/// Takes in what a file says. Returns its epoch, how long it is up to its last whole line, and how
/// many lines it has; `None` if it has not even a first one.
fn load(bytes: &[u8], shelf: &mut Shelf) -> Result<Option<(Arc<str>, u64, usize)>, String> {
    let len = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let mut epoch = None;
    let mut count = 0;
    for line in bytes[..len].split_inclusive(|&byte| byte == b'\n') {
        count += 1;
        let broken = |error: &dyn std::fmt::Display| {
            format!(
                "line {count} is broken ({error}): restore a copy, or begin in another directory"
            )
        };
        match serde_json::from_slice(line).map_err(|error| broken(&error))? {
            Line::Log { version: VERSION, epoch: found } if count == 1 => epoch = Some(found),
            Line::Log { version, .. } => return Err(broken(&format!("version {version}"))),
            Line::Name { name, key } => {
                let name = Name::stored(&name).ok_or_else(|| broken(&"name"))?;
                shelf.restore_name(name, &key);
            }
            Line::Said { room, record } => {
                let room = Room::of_log(&room).ok_or_else(|| broken(&"room"))?;
                shelf.restore(&room, record).map_err(|rule| broken(&rule))?;
            }
        }
    }
    shelf.publish();
    if count > 0 && epoch.is_none() {
        return Err("it does not begin like a journal of this server".into());
    }
    Ok(epoch.map(|epoch| (epoch, len as u64, count)))
}

/// Writes a whole file, and puts it in the place of the old one when the disk has it. Returns its
/// length, and how many lines it has.
fn rewrite(path: &Path, epoch: &Arc<str>, shelf: &Shelf) -> io::Result<(u64, usize)> {
    let mut bytes = Vec::new();
    let mut lines = 0;
    let mut add = |line: &Line| {
        lines += 1;
        serde_json::to_writer(&mut bytes, line)?;
        bytes.write_all(b"\n")
    };
    add(&Line::Log { version: VERSION, epoch: Arc::clone(epoch) })?;
    for (name, key) in shelf.names() {
        add(&Line::Name { name: name.to_string(), key: key.to_owned() })?;
    }
    for (room, record) in shelf.records() {
        add(&Line::Said { room: room.to_string(), record: Arc::clone(record) })?;
    }
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().inspect_err(|_| {
        // The disk may be full, and what it has is needed for messages.
        let _ = fs::remove_file(&new);
    })?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok((bytes.len() as u64, lines))
}

/// Opens a file that one process can have at a time.
fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    #[cfg(unix)]
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(
        |_| io::Error::other("another server uses this directory: stop it, or choose another"),
    )?;
    Ok(file)
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of the file's format.
const VERSION: u32 = 1;
/// How many requests wait for the thread at most. Further ones wait in their tasks.
const WAITING: usize = 1024;
/// How many requests are written at once.
const BATCH: usize = 256;
/// How many lines that are no longer needed do not matter.
const SPARE_LINES: usize = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::protocol::{Gap, Since};

    /// What may happen to a journal.
    #[derive(Clone, Debug)]
    enum Step {
        /// Somebody says several things at once, some of them again.
        Append {
            room: usize,
            from: usize,
            ids: Vec<u8>,
        },
        Claim {
            name: usize,
            key: u8,
        },
        /// The process ends, after so many bytes of its last line.
        Crash {
            torn: usize,
        },
        After {
            room: usize,
            offset: u64,
            limit: usize,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        let ids = prop::collection::vec(0_u8..30, 1..8);
        prop_oneof![
            4 => (0_usize..2, 0_usize..2, ids)
                .prop_map(|(room, from, ids)| Step::Append { room, from, ids }),
            1 => (0_usize..3, 0_u8..2).prop_map(|(name, key)| Step::Claim { name, key }),
            1 => (0_usize..80).prop_map(|torn| Step::Crash { torn }),
            3 => (0_usize..2, 0_u64..60, 1_usize..9)
                .prop_map(|(room, offset, limit)| Step::After { room, offset, limit }),
        ]
    }

    /// What a journal must say: all that was ever said, without a file.
    #[derive(Default)]
    struct Model {
        rooms: [Vec<(usize, u8)>; 2],
        owners: [Option<u8>; 3],
    }

    impl Model {
        /// Returns the offset of a message, and whether it is new.
        fn append(&mut self, room: usize, message: (usize, u8)) -> (u64, bool) {
            let all = &mut self.rooms[room];
            let known = all.iter().enumerate().rev().take(HISTORY * 4);
            if let Some((index, _)) = known.into_iter().find(|(_, known)| **known == message) {
                return (index as u64 + 1, false);
            }
            all.push(message);
            (all.len() as u64, true)
        }
    }

    const HISTORY: usize = 5;
    const FROM: [&str; 2] = ["Ann", "Bob"];

    fn room(index: usize) -> Room {
        let [ann, bob] = FROM.map(|name| Name::parse(name).unwrap());
        let rooms = [Room::public("#lobby"), Room::direct(ann, bob)];
        rooms[index].clone().unwrap()
    }

    fn said(from: usize, id: u8) -> Said {
        Said { id: id.to_string(), from: FROM[from].into(), text: format!("text {id}"), at: 7 }
    }

    /// Opens a journal as soon as the thread of the one before has ended.
    fn open(directory: &Path) -> (Journal, mpsc::Receiver<Update>) {
        loop {
            let (sender, updates) = mpsc::channel(10_000);
            match Journal::open(directory, HISTORY, sender) {
                Ok(journal) => return (journal, updates),
                Err(error) if error.to_string().contains("another server") => {
                    std::thread::yield_now();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn check(directory: &Path, steps: Vec<Step>) {
        let mut model = Model::default();
        let (mut journal, mut updates) = open(directory);
        let epoch = Arc::clone(&journal.epoch);
        for step in steps {
            match step {
                Step::Append { room: index, from, ids } => {
                    let room = room(index);
                    let appends = ids.iter().map(|&id| journal.append(&room, said(from, id)));
                    let appended = futures_util::future::join_all(appends).await;
                    for (id, appended) in ids.into_iter().zip(appended) {
                        let appended = appended.unwrap();
                        let (offset, is_new) = model.append(index, (from, id));
                        let record = Record { offset, said: said(from, id) };
                        assert_eq!((&*appended.record, appended.is_new), (&record, is_new));
                        if is_new {
                            let update = updates.recv().await.unwrap();
                            let Update::Said { room: said_in, record: said, .. } = update else {
                                panic!("{update:?}");
                            };
                            assert_eq!((&said_in, &*said), (&room, &record));
                        }
                    }
                    assert!(updates.try_recv().is_err());
                }
                Step::Claim { name, key } => {
                    // Who has another key spells it in another way.
                    let names = [["Cat", "cat"], ["Dan", "DAN"], ["Ève", "ève"]];
                    let spell = |key| Name::parse(names[name][usize::from(key)]).unwrap();
                    let owner: u8 = *model.owners[name].get_or_insert(key);
                    let asked = spell(key);
                    let claimed = journal.claim(&asked, &key.to_string()).await.unwrap();
                    let own = || Claim::Own(spell(owner));
                    assert_eq!(claimed, if owner == key { own() } else { Claim::Taken });
                    assert_eq!(journal.owned(&asked), Some(spell(owner)));
                }
                Step::Crash { torn } => {
                    drop(journal);
                    let path = directory.join("journal.jsonl");
                    let line =
                        r##"{"said":{"room":"#lobby","offset":1,"id":"1","from":"Ann","text":"#"##;
                    let mut file = File::options().append(true).open(path).unwrap();
                    file.write_all(&line.as_bytes()[..torn.min(line.len())]).unwrap();
                    (journal, updates) = open(directory);
                    assert_eq!(journal.epoch, epoch);
                }
                Step::After { room: index, offset, limit } => {
                    let since = Since { epoch: epoch.to_string(), offset };
                    let page = journal.after(&room(index), &Position::After(since), limit);
                    let all = &model.rooms[index];
                    let kept = all.len().saturating_sub(HISTORY) as u64;
                    assert_eq!(page.last, all.len() as u64);
                    let (start, gap) = match offset {
                        _ if offset > page.last => (kept, Some(Gap::Epoch { epoch: true })),
                        _ if offset < kept => (kept, Some(Gap::Missed { missed: kept - offset })),
                        _ => (offset, None),
                    };
                    assert_eq!(page.gap, gap);
                    let start = usize::try_from(start).unwrap();
                    let expected: Vec<_> = all.iter().enumerate().skip(start).take(limit).collect();
                    assert_eq!(page.records.len(), expected.len());
                    for (record, (index, message)) in page.records.iter().zip(&expected) {
                        let (from, id) = **message;
                        let offset = *index as u64 + 1;
                        assert_eq!(**record, Record { offset, said: said(from, id) });
                    }
                    assert_eq!(page.end, (start + expected.len()) as u64);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn a_journal_says_what_was_said_once_and_in_order(
            steps in prop::collection::vec(step(), 1..40)
        ) {
            let directory = new_directory();
            Runtime::new().unwrap().block_on(check(&directory, steps));
            fs::remove_dir_all(directory).unwrap();
        }
    }

    #[test]
    fn a_journal_that_is_mostly_forgotten_is_written_anew() {
        let directory = new_directory();
        let steps = (0..SPARE_LINES / 20 + 50).map(|_| Step::Append {
            room: 0,
            from: 0,
            // More messages than are known again, so that all are new.
            ids: (0..30).collect(),
        });
        let steps =
            steps.chain([Step::Crash { torn: 9 }, Step::After { room: 0, offset: 0, limit: 9 }]);
        Runtime::new().unwrap().block_on(check(&directory, steps.collect()));
        let file = fs::read_to_string(directory.join("journal.jsonl")).unwrap();
        assert!(file.lines().count() < SPARE_LINES + 1000, "{}", file.lines().count());
        fs::remove_dir_all(directory).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_disk_has_no_room_for_is_not_seen_and_may_be_said_again() {
        let directory = new_directory();
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("file");
        let (sender, mut updates) = mpsc::channel(10);
        let mut writer = Writer {
            file: File::options().write(true).open("/dev/full").unwrap(),
            len: 0,
            is_torn: false,
            lines: 0,
            shelf: Arc::new(Mutex::new(Shelf::new(HISTORY))),
            epoch: "epoch".into(),
            updates: sender,
            _lock: File::create(&path).unwrap(),
            path,
        };
        let name = Name::parse("Ann").unwrap();
        let mut serve = |writer: &mut Writer| {
            let (append, appended) = oneshot::channel();
            let (claim, claimed) = oneshot::channel();
            writer.serve(vec![
                Request::Append { room: room(0), said: said(0, 1), reply: append },
                Request::Claim { name: name.clone(), key: "key".into(), reply: claim },
            ]);
            let update = updates.try_recv().ok();
            (appended.blocking_recv().unwrap(), claimed.blocking_recv().unwrap(), update)
        };
        let (appended, claimed, update) = serve(&mut writer);
        assert!(appended.is_err() && claimed.is_err() && update.is_none());
        assert_eq!(lock(&writer.shelf).len(), 0);
        assert_eq!(lock(&writer.shelf).readable(&room(0)), (1, 0));

        // There is room again, behind what was left of the first attempt.
        fs::write(&writer.path, "{\"said").unwrap();
        writer.file = File::options().write(true).open(&writer.path).unwrap();
        let (appended, claimed, update) = serve(&mut writer);
        let appended = appended.unwrap();
        assert_eq!((appended.record.offset, appended.is_new), (1, true));
        assert_eq!(claimed.unwrap(), Claim::Own(name));
        assert!(update.is_some());
        let written = fs::read_to_string(&writer.path).unwrap();
        assert_eq!(written.lines().count(), 2, "{written}");
        assert!(written.lines().all(|line| serde_json::from_str::<Line>(line).is_ok()));
        fs::remove_dir_all(directory).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_journal_that_cannot_be_written_anew_goes_on_and_leaves_nothing() {
        let directory = new_directory();
        let (journal, _updates) = open(&directory);
        drop(journal);
        let (path, new) = (directory.join("journal.jsonl"), directory.join("journal.new"));
        std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        let before = fs::read(&path).unwrap();
        let shelf = Shelf::new(HISTORY);
        assert!(rewrite(&path, &"epoch".into(), &shelf).is_err());
        assert!(fs::symlink_metadata(&new).is_err());
        assert_eq!(fs::read(&path).unwrap(), before);
        fs::remove_dir_all(directory).unwrap();
    }

    fn new_directory() -> PathBuf {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        std::env::temp_dir().join(format!("journal-{}-{number}", std::process::id()))
    }
}
