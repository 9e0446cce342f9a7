//! What becomes of memory that is given back.

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
