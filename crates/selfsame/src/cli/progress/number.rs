//! Numbers for people.

use std::time::Duration;

/// Three significant digits: `5.21`, `0.300`, `1.25e-5`.
pub fn significant(value: f64) -> String {
    if value != 0.0 && value.is_finite() && !(1e-4..1e6).contains(&value.abs()) {
        return format!("{value:.2e}");
    }
    let magnitude = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    // A magnitude that is not a number makes no decimals.
    let decimals = (2.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A whole number with spaces between thousands; below ten with one decimal.
pub fn thousands(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { grouped(value.round() as usize) }
}

/// A number with spaces between thousands.
pub fn grouped(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `3d04h`, `1h04`, `12m30`, `45s`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let cases = [
            (5.2136, "5.21"),
            (12.345, "12.3"),
            (1234.5, "1234"),
            (0.3, "0.300"),
            (0.00123, "0.00123"),
            (1.25e-5, "1.25e-5"),
            (0.0, "0.00"),
            (-0.05, "-0.0500"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn thousands_are_apart() {
        let cases =
            [(4.26, "4.3"), (12.4, "12"), (999.0, "999"), (1840.4, "1 840"), (1_234_567.0, "1 234 567")];
        for (value, text) in cases {
            assert_eq!(thousands(value), text);
        }
    }

    #[test]
    fn durations_have_two_units() {
        let cases = [(0.2, "0s"), (59.6, "1m00"), (750.0, "12m30"), (3840.0, "1h04"), (360_000.0, "4d04h")];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs_f64(seconds)), text);
        }
    }
}
