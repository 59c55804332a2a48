//! A global allocator that counts, for tests of what is asked of the heap.
#![expect(unsafe_code, reason = "a global allocator can only be implemented by an unsafe impl")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

/// The system's allocator, counting what each thread asks of it.
struct Counting;

/// What a thread has asked for so far. Tests run in threads of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Heap {
    /// How often memory was asked for.
    pub(crate) allocations: usize,
    /// How many bytes were asked for: on a machine of 32 bits, that begins again at 0.
    pub(crate) bytes: usize,
    /// Bytes that are in use.
    pub(crate) live: isize,
    /// The most that were ever in use.
    pub(crate) peak: isize,
}

thread_local! {
    static HEAP: Cell<Heap> = const { Cell::new(Heap { allocations: 0, bytes: 0, live: 0, peak: 0 }) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

pub(crate) fn signed(len: usize) -> isize {
    isize::try_from(len).unwrap_or(isize::MAX)
}

impl Heap {
    /// Counts a change, unless the thread is ending.
    fn count(change: impl FnOnce(&mut Self)) {
        let _ = HEAP.try_with(|heap| {
            let mut counts = heap.get();
            change(&mut counts);
            counts.peak = counts.peak.max(counts.live);
            heap.set(counts);
        });
    }

    pub(crate) fn now() -> Self {
        HEAP.get()
    }
}

// SAFETY: every method hands its arguments on to the system's allocator and returns what that
// returns; counting touches only a `Cell` that needs neither memory nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Heap::count(|heap| {
            heap.allocations += 1;
            heap.bytes = heap.bytes.wrapping_add(layout.size());
            heap.live += signed(layout.size());
        });
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Heap::count(|heap| heap.live -= signed(layout.size()));
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Heap::count(|heap| {
            heap.allocations += 1;
            heap.bytes = heap.bytes.wrapping_add(size);
            // Both may be there while the contents are moved.
            heap.live += signed(size);
            heap.peak = heap.peak.max(heap.live);
            heap.live -= signed(layout.size());
        });
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// What `work` asked for: live and peak count from where they stood before.
pub(crate) fn heap_of(work: impl FnOnce()) -> Heap {
    let before = Heap::now();
    HEAP.set(Heap { peak: before.live, ..before });
    work();
    let after = Heap::now();
    Heap {
        allocations: after.allocations - before.allocations,
        bytes: after.bytes.wrapping_sub(before.bytes),
        live: after.live - before.live,
        peak: after.peak - before.live,
    }
}
