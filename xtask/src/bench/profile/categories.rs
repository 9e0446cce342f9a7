//! What a moment of a training step is spent on, by the functions that are under way.

use super::samples::Sample;

/// What a step does, in its order.
pub const CATEGORIES: [&str; 15] = [
    "convolution forward, Winograd",
    "convolution forward, direct",
    "input gradient, Winograd",
    "input gradient, direct",
    "weight gradient, Winograd",
    "weight gradient, direct",
    "batch norm and ReLU, forward",
    "batch norm and ReLU, backward",
    "pooling",
    "linear layer and loss",
    "optimiser",
    "sums of gradients, other of Burn's",
    "page faults and allocation",
    "waiting for other threads",
    "anything else",
];

/// What the time of a program's threads was spent on.
pub struct Shares {
    /// Of each of [`CATEGORIES`] in the time that threads ran; those that sleep are not seen.
    pub of_time: Vec<f64>,
    /// Threads that ran at a time, on average.
    pub threads: f64,
}

/// The shares in samples of which a running thread gave `rate` a second.
pub fn shares(samples: &[Sample], rate: f64) -> Shares {
    let mut counts = vec![0.0; CATEGORIES.len()];
    // What the first thread does or waits for: the other threads are called by it and do not know the callers.
    let mut caller: &[String] = &[];
    for sample in samples {
        if sample.is_first_thread {
            caller = &sample.frames;
        }
        if !sample.is_switch {
            let name = category(&sample.frames, caller);
            counts
                .iter_mut()
                .zip(CATEGORIES)
                .filter(|(_, known)| *known == name)
                .for_each(|(count, _)| *count += 1.0);
        }
    }
    let all: f64 = counts.iter().sum();
    let seconds = match samples {
        [first, .., last] => last.time - first.time,
        _ => 0.0,
    };
    let share = |count: f64| if all > 0.0 { count / all } else { 0.0 };
    Shares { of_time: counts.into_iter().map(share).collect(), threads: all / (rate * seconds) }
}

/// One of [`CATEGORIES`], given the functions under way and those that called for it.
fn category(frames: &[String], caller: &[String]) -> &'static str {
    let is_rust = |frame: &&String| frame.starts_with("_R") || frame.starts_with("_ZN");
    let system = || frames.iter().take_while(|frame| !is_rust(frame));
    if system().any(|frame| contains(frame, &["sched_yield", "futex"])) {
        return "waiting for other threads";
    }
    if let Some(function) = frames.iter().find(is_rust)
        && contains(
            function,
            &["5sleep", "wait_until", "wait_and_reset", "ThreadBuilder3run", "crossbeam", "5futex"],
        )
    {
        return "waiting for other threads";
    }
    if system().any(|frame| {
        contains(frame, &["page_fault", "alloc", "free", "mmap", "munmap", "madvise", "unlink_chunk"])
    }) {
        return "page faults and allocation";
    }
    let has = |words: &[&str]| caller.iter().any(|frame| contains(frame, words));
    let has_both = |a, b| caller.iter().any(|frame| frame.contains(a) && frame.contains(b));
    // Before everything else, because a step's function calls it.
    if has_both("grads", "register") {
        return "sums of gradients, other of Burn's";
    }
    let is_by_tiles = frames.iter().chain(caller).any(|frame| frame.contains("winograd"));
    if has_both("selfsame_kernels", "conv") {
        return match (has(&["weight_gradient"]), has(&["input_gradient"]), is_by_tiles) {
            (true, _, true) => "weight gradient, Winograd",
            (true, _, false) => "weight gradient, direct",
            (_, true, true) => "input gradient, Winograd",
            (_, true, false) => "input gradient, direct",
            (_, _, true) => "convolution forward, Winograd",
            (_, _, false) => "convolution forward, direct",
        };
    }
    if has_both("selfsame_kernels", "batch_norm") {
        let is_backward = has(&["backward"]);
        let [forward, backward] = ["batch norm and ReLU, forward", "batch norm and ReLU, backward"];
        return if is_backward { backward } else { forward };
    }
    let others: [(&[&str], &str); 4] = [
        (&["16selfsame_kernels4pool"], "pooling"),
        (&["optimizer"], "optimiser"),
        (&["log_softmax", "linear", "matmul", "gather", "5gemm"], "linear layer and loss"),
        (&["burn_"], "sums of gradients, other of Burn's"),
    ];
    let other = others.into_iter().find(|(words, _)| has(words));
    other.map_or("anything else", |(_, name)| name)
}

fn contains(frame: &str, words: &[&str]) -> bool {
    words.iter().any(|word| frame.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(time: f64, is_first_thread: bool, is_switch: bool, frames: &[&str]) -> Sample {
        Sample { time, is_first_thread, is_switch, frames: frames.iter().map(ToString::to_string).collect() }
    }

    fn of(frames: &[&str], caller: &[&str]) -> &'static str {
        let [frames, caller] =
            [frames, caller].map(|it| it.iter().map(ToString::to_string).collect::<Vec<_>>());
        category(&frames, &caller)
    }

    const GRADIENT: &str =
        "_RNvXNtNtC_16selfsame_kernels6conv2d9extension_35conv2d_channels_last_input_gradient";
    const MULTIPLY: &str = "_RINvNtC_16selfsame_kernels7product8multiply";
    const BY_TILES: &str = "_RNvMs_NtNtNtC_16selfsame_kernels6conv2d8winograd7forward";

    #[test]
    fn the_caller_tells_what_others_work_for() {
        assert_eq!(of(&[MULTIPLY, BY_TILES], &["futex_wait", GRADIENT]), "input gradient, Winograd");
        assert_eq!(of(&[MULTIPLY], &["futex_wait", GRADIENT]), "input gradient, direct");
        let forward = "_RNvNtNtC_16selfsame_kernels6conv2d3cpu7forward";
        assert_eq!(of(&["__memset_avx2", MULTIPLY], &[forward]), "convolution forward, direct");
        let register = "_RINvMNtC_13burn_autodiff5gradsNtB3_9Gradients8register";
        assert_eq!(
            of(&["_RNv_add"], &["_RNv_add", register, GRADIENT]),
            "sums of gradients, other of Burn's"
        );
        assert_eq!(of(&["main"], &["main"]), "anything else");
    }

    #[test]
    fn waiting_and_the_system_are_seen_first() {
        assert_eq!(
            of(&["do_sched_yield", "_RNvMNtC_10rayon_core8registry"], &[GRADIENT]),
            "waiting for other threads"
        );
        assert_eq!(
            of(&["_RNvMs_NtC_10rayon_core5sleepNtB4_5Sleep5sleep"], &[GRADIENT]),
            "waiting for other threads"
        );
        assert_eq!(
            of(&["clear_page", "exc_page_fault", MULTIPLY], &[GRADIENT]),
            "page faults and allocation"
        );
    }

    #[test]
    fn shares_are_of_the_time_that_threads_ran() {
        let samples = [
            sample(1.0, true, true, &["futex_wait", GRADIENT]),
            sample(1.25, false, false, &[MULTIPLY]),
            sample(1.5, false, false, &[MULTIPLY, BY_TILES]),
            sample(1.75, false, false, &["do_sched_yield"]),
            sample(2.0, true, false, &["_RNvMNtC_13selfsame_core9optimizer3sgd"]),
        ];
        let shares = shares(&samples, 2.0);
        let found = CATEGORIES.into_iter().zip(shares.of_time).filter(|(_, share)| *share > 0.0);
        let expected = [
            ("input gradient, Winograd", 0.25),
            ("input gradient, direct", 0.25),
            ("optimiser", 0.25),
            ("waiting for other threads", 0.25),
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(shares.threads, 2.0);
    }
}
