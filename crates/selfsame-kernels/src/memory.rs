//! What becomes of memory that is given back, and how large its pages are.

/// Has the C library keep freed memory in the process instead of giving every large piece back to the system.
///
/// A training step allocates and frees tens of tensors of many megabytes each. glibc maps each of them anew by default, and the
/// system clears every page on the first touch: 4 to 5 % of a step of a ResNet. Affects the whole process, so this is for programs
/// to call at their start, not for libraries. Does nothing where the C library is another one.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Pieces from this size on are still mapped on their own: 1 GiB.
        const LARGEST_KEPT: libc::c_int = 1 << 30;
        for (option, bytes) in
            [(libc::M_MMAP_THRESHOLD, LARGEST_KEPT), (libc::M_TRIM_THRESHOLD, libc::c_int::MAX)]
        {
            #[allow(unsafe_code)]
            // SAFETY: `mallopt` takes two numbers, locks the allocator while it stores them, and refuses those that it does not know.
            unsafe {
                libc::mallopt(option, bytes)
            };
        }
    }
}

/// Asks the system for large pages where many numbers will lie, so that reading them here and there waits less for the addresses of
/// pages, and the first touch for less clearing. What lies there stays as it is.
///
/// Linux alone is asked; elsewhere, and for few numbers, nothing happens.
pub fn prefer_large_pages<T>(values: &mut [std::mem::MaybeUninit<T>]) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Of x86-64; where they are larger, the advice is refused or does nothing.
        const LARGE_PAGE: usize = 2 << 20;
        let start = values.as_mut_ptr().cast::<u8>();
        let bytes = size_of_val(values);
        let before = start.align_offset(LARGE_PAGE);
        let whole = bytes.saturating_sub(before) / LARGE_PAGE * LARGE_PAGE;
        if whole > 0 {
            #[allow(unsafe_code)]
            // SAFETY: these are whole pages of memory that the slice borrows, and this advice does not change what memory holds.
            unsafe {
                libc::madvise(start.wrapping_add(before).cast(), whole, libc::MADV_HUGEPAGE)
            };
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = values;
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    #[test]
    fn advice_leaves_what_is_there() {
        for length in [0, 1, 1 << 20, 3 << 20] {
            let mut values: Vec<MaybeUninit<f32>> =
                (0..length).map(|at| MaybeUninit::new(at as f32)).collect();
            super::prefer_large_pages(&mut values);
            let as_written = |(at, value): (usize, MaybeUninit<f32>)| {
                // SAFETY: all were written above.
                #[allow(unsafe_code)]
                let value = unsafe { value.assume_init() };
                value == at as f32
            };
            assert!(values.into_iter().enumerate().all(as_written));
        }
    }
}
