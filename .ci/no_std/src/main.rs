//! A program without `std`, linked against the crate: proof that the core needs none.
//!
//! It brings what `std` would bring, a panic handler and an allocator. If anything below it used
//! `std`, there would be two panic handlers (`duplicate lang item: panic_impl`) and no program.
#![no_std]
#![no_main]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use bytes::Buf;
use sanswire::{Config, Connection, Message};

/// The entry point that C's startup code calls; 0 is success.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    i32::from(echo("Hello") != Some(true))
}

/// Sends a text to a server, has it sent back, and says whether it is the same.
fn echo(sent: &str) -> Option<bool> {
    let mut client = Connection::client(&Config::default(), [7; 32]);
    let mut server = Connection::server(&Config::default());
    client.commands().send(sent).ok()?;
    let message = transfer(&mut client, &mut server)?;
    server.commands().send(message).ok()?;
    Some(transfer(&mut server, &mut client)?.as_text() == Some(sent))
}

fn transfer(from: &mut Connection, to: &mut Connection) -> Option<Message> {
    while let Some(output) = from.poll_transmit() {
        to.input().extend_from_slice(output.chunk());
        output.advance(output.chunk().len());
    }
    to.poll_event().ok()?.and_then(|(event, _)| event.into_message())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: abort takes no argument and does not return.
    unsafe { abort() }
}

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// Hands out memory once and takes none back.
struct Bump {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

const SIZE: usize = 1 << 20;

#[global_allocator]
static ALLOCATOR: Bump = Bump { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

// SAFETY: `used` only grows, by an atomic step for each allocation: no byte is lent twice.
unsafe impl Sync for Bump {}

// SAFETY: what is returned lies within `memory`, is aligned, and is lent to nobody else.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let wanted = layout.size() + layout.align();
        let at = self.used.fetch_add(wanted, Ordering::Relaxed);
        if at + wanted > SIZE {
            return null_mut();
        }
        let begin = self.memory.get().cast::<u8>().wrapping_add(at);
        begin.wrapping_add(begin.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
