//! What `perf script` prints.

/// A moment of a thread.
#[derive(Debug, PartialEq)]
pub struct Sample {
    /// In seconds.
    pub time: f64,
    /// Of the thread that the program began with.
    pub is_first_thread: bool,
    /// Not because its time had come, but because the thread gave up its core.
    pub is_switch: bool,
    /// The functions that are under way, the innermost first, as the compiler names them.
    pub frames: Vec<String>,
}

/// The samples out of `perf script --no-demangle -F pid,tid,time,event,ip,sym`.
pub fn parse(script: &str) -> Vec<Sample> {
    script.split("\n\n").filter_map(sample).collect()
}

/// The first line is `PID/TID SECONDS: EVENT:`, each further one `ADDRESS SYMBOL`.
fn sample(text: &str) -> Option<Sample> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut head = lines.next()?.split_whitespace();
    let (process, thread) = head.next()?.split_once('/')?;
    let time = head.next()?.strip_suffix(':')?.parse().ok()?;
    let is_switch = head.next()?.starts_with("context-switches");
    let frames = lines.filter_map(|line| Some(line.trim().split_once(' ')?.1.to_owned())).collect();
    Some(Sample { time, is_first_thread: process == thread, is_switch, frames })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_perf_are_understood() {
        let script = "  101/103    12.500000:   cpu-clock:pppH: \n\t    55aa _RNvMs_forward\n\t    55bb main\n\n\
              101/101    12.750000: context-switches: \n\tffffffff9 schedule\n\n";
        let samples = parse(script);
        let frames = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let forward = frames(&["_RNvMs_forward", "main"]);
        let expected = [
            Sample { time: 12.5, is_first_thread: false, is_switch: false, frames: forward },
            Sample { time: 12.75, is_first_thread: true, is_switch: true, frames: frames(&["schedule"]) },
        ];
        assert_eq!(samples, expected);
        assert!(parse("").is_empty() && parse("no sample\n\n").is_empty());
    }
}
