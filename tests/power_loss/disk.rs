//! A disk in memory that keeps its promises and not one more: whatever was not synced may be lost, in part or torn,
//! when the power goes; and it fails when it is told to.

use crate::dice::Dice;
use mqtt_toolkit::store::{Disk, DiskFile, Peek};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

#[derive(Debug, Default)]
struct Inode {
    data: Vec<u8>,
    /// So many bytes would survive.
    synced: usize,
    /// A sync has failed: nothing behind `synced` will ever survive.
    poisoned: bool,
    /// The file is so long, with zeroes behind its data; and so long it would survive.
    room: usize,
    synced_room: usize,
}

impl Inode {
    /// What was appended, and the zeroes behind it.
    fn seen(&self) -> Vec<u8> {
        let mut data = self.data.clone();
        data.resize(data.len().max(self.room), 0);
        data
    }

    fn sync(&mut self) {
        if !self.poisoned {
            (self.synced, self.synced_room) = (self.data.len(), self.room);
        }
    }

    fn truncate(&mut self, length: usize) {
        self.data.truncate(length);
        self.synced = self.synced.min(length);
        (self.room, self.synced_room) = (self.room.min(length), self.synced_room.min(length));
    }
}

#[derive(Debug, Default)]
struct Inner {
    inodes: Vec<Inode>,
    /// The directory as it is seen, and as it would survive.
    seen: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    /// Operations until one fails.
    fail_in: Option<usize>,
    /// How the next failure leaves a write: so many hundredths of it are in the file.
    part: usize,
}

impl Inner {
    fn may_fail(&mut self) -> io::Result<()> {
        match &mut self.fail_in {
            Some(0) => {
                self.fail_in = None;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The disk; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct FakeDisk(Arc<Mutex<Inner>>, Arc<Stall>);

/// Whether syncs wait, and whoever waits.
#[derive(Debug, Default)]
struct Stall(Mutex<bool>, Condvar);

impl FakeDisk {
    /// The operation after this many more fails.
    pub fn fail_in(&self, operations: usize, part: usize) {
        let mut inner = self.0.lock().unwrap();
        (inner.fail_in, inner.part) = (Some(operations), part);
    }

    /// Changes the bytes of a file, for good.
    pub fn hurt(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = self.0.lock().unwrap();
        let inode = inner.seen[name];
        let inode = &mut inner.inodes[inode];
        change(&mut inode.data);
        inode.synced = inode.data.len();
    }

    /// From now on a sync doesn't return, or all do again.
    pub fn stall(&self, stalled: bool) {
        *self.1.0.lock().unwrap() = stalled;
        self.1.1.notify_all();
    }

    fn wait_while_stalled(&self) {
        drop(self.1.1.wait_while(self.1.0.lock().unwrap(), |stalled| *stalled).unwrap());
    }

    /// Nothing fails any more.
    pub fn repair(&self) {
        self.0.lock().unwrap().fail_in = None;
    }

    /// The power goes and comes back.
    pub fn lose_power(&self, dice: &mut Dice) {
        let mut inner = self.0.lock().unwrap();
        inner.fail_in = None;
        for inode in &mut inner.inodes {
            let unsynced = inode.data.len() - inode.synced;
            let kept = if inode.poisoned { 0 } else { dice.below(unsynced + 1) };
            inode.data.truncate(inode.synced + kept);
            // Sectors arrive in any order: one in the middle may be missing.
            if kept > 0 && dice.percent(30) {
                let at = inode.synced + dice.below(kept);
                let end = (at + 1 + dice.below(512)).min(inode.data.len());
                let fill = dice.next() as u8;
                inode.data[at..end].fill(fill);
            }
            let room = if dice.percent(50) && !inode.poisoned { inode.room } else { inode.synced_room };
            inode.data.resize(inode.data.len().max(room), 0);
            (inode.synced, inode.poisoned) = (inode.data.len(), false);
        }
        let (seen, synced) = (inner.seen.clone(), inner.synced.clone());
        for (name, inode) in seen.iter().chain(&synced) {
            let same = seen.get(name) == synced.get(name);
            if same || dice.percent(50) {
                inner.seen.insert(name.clone(), *inode);
            } else {
                inner.seen.remove(name);
            }
        }
        inner.synced = inner.seen.clone();
    }
}

#[derive(Debug)]
pub struct FakeFile {
    disk: FakeDisk,
    inode: usize,
}

impl Peek for FakeDisk {
    fn read_at(&self, name: &str, at: u64, length: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let data = self.read(name)?;
        let start = data.len().min(at as usize);
        *into = data[start..].iter().copied().take(length as usize).collect();
        Ok(())
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().seen.keys().cloned().collect())
    }

    fn create(&mut self, name: &str) -> io::Result<FakeFile> {
        let mut inner = self.0.lock().unwrap();
        inner.may_fail()?;
        inner.inodes.push(Inode::default());
        let inode = inner.inodes.len() - 1;
        inner.seen.insert(name.to_owned(), inode);
        Ok(FakeFile { disk: self.clone(), inode })
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let inner = self.0.lock().unwrap();
        let inode = inner.seen.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(inner.inodes[*inode].seen())
    }

    fn settle(&mut self, name: &str) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.may_fail()?;
        let inode = *inner.seen.get(name).ok_or(io::ErrorKind::NotFound)?;
        inner.inodes[inode].sync();
        Ok(())
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.may_fail()?;
        let inode = *inner.seen.get(name).ok_or(io::ErrorKind::NotFound)?;
        let inode = &mut inner.inodes[inode];
        inode.data = inode.seen();
        inode.truncate(length as usize);
        inode.synced = inode.data.len();
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.may_fail()?;
        inner.seen.remove(name).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        inner.may_fail()?;
        inner.synced = inner.seen.clone();
        Ok(())
    }

    fn room(&self) -> u64 {
        u64::MAX
    }
}

impl DiskFile for FakeFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.disk.0.lock().unwrap();
        let result = inner.may_fail();
        let part = if result.is_ok() { bytes.len() } else { bytes.len() * inner.part / 100 };
        inner.inodes[self.inode].data.extend_from_slice(&bytes[..part]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.wait_while_stalled();
        let mut inner = self.disk.0.lock().unwrap();
        let result = inner.may_fail();
        let inode = &mut inner.inodes[self.inode];
        match result {
            Ok(()) => inode.sync(),
            Err(_) => inode.poisoned = true,
        }
        result
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.0.lock().unwrap();
        inner.may_fail()?;
        inner.inodes[self.inode].truncate(length as usize);
        Ok(())
    }

    fn allocate(&mut self, _: u64) -> io::Result<()> {
        self.disk.0.lock().unwrap().may_fail()
    }

    fn extend(&mut self, length: u64) -> io::Result<()> {
        let mut inner = self.disk.0.lock().unwrap();
        inner.may_fail()?;
        let inode = &mut inner.inodes[self.inode];
        inode.room = inode.data.len() + length as usize;
        Ok(())
    }
}
