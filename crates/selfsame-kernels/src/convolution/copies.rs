//! Copies of short stretches, which would take longer as calls of `memcpy`.

use std::ops::Range;

/// A stretch of so many values is worth a call.
const LONG: usize = 64;

/// Copies values; those of a panel's row without a call.
#[inline(always)]
pub fn copy(target: &mut [f32], source: &[f32]) {
    match (target.as_mut_array::<16>(), source.as_array::<16>()) {
        (Some(target), Some(source)) => *target = *source,
        _ => target.copy_from_slice(source),
    }
}

/// Copies what the pixels read of some `rows` of the gradient to lines of `length` values, one a pixel.
#[inline(always)]
pub fn gather(stretches: &[&[f32]], stretch: usize, rows: &Range<usize>, lines: &mut [f32], length: usize) {
    let pixels = lines.len() / length;
    for row in rows.start / stretch..rows.end.div_ceil(stretch) {
        let start = row * stretch;
        let part = rows.start.max(start)..rows.end.min(start + stretch);
        let (mut from, mut to) = (part.start - start, part.start - rows.start);
        let end = part.end - start;
        let stretches = &stretches[row * pixels..(row + 1) * pixels];
        if part.len() >= LONG {
            for (stretch, line) in stretches.iter().zip(lines.chunks_exact_mut(length)) {
                line[to..to + part.len()].copy_from_slice(&stretch[from..end]);
            }
            continue;
        }
        while from < end {
            let step = match end - from {
                32.. => copy_of_all::<32>(stretches, from, lines, length, to),
                16.. => copy_of_all::<16>(stretches, from, lines, length, to),
                8.. => copy_of_all::<8>(stretches, from, lines, length, to),
                4.. => copy_of_all::<4>(stretches, from, lines, length, to),
                _ => copy_of_all::<1>(stretches, from, lines, length, to),
            };
            from += step;
            to += step;
        }
    }
}

/// Copies `COUNT` values of every stretch to its line.
#[inline(always)]
fn copy_of_all<const COUNT: usize>(
    stretches: &[&[f32]],
    from: usize,
    lines: &mut [f32],
    length: usize,
    to: usize,
) -> usize {
    for (stretch, line) in stretches.iter().zip(lines.chunks_exact_mut(length)) {
        if let (Some(source), Some(target)) =
            (stretch[from..].first_chunk::<COUNT>(), line[to..].first_chunk_mut::<COUNT>())
        {
            *target = *source;
        }
    }
    COUNT
}

/// Copies `outputs` of the gradients of some pixels, `[pixels, channels]`, to panels of `width`, the last of which may be narrower.
#[inline(always)]
pub fn to_panels(
    gradients: &[f32],
    channels: usize,
    outputs: &Range<usize>,
    panels: &mut [f32],
    [width, last]: [usize; 2],
) {
    let pixels = gradients.len() / channels;
    for (pixel, gradient) in gradients.chunks_exact(channels).enumerate() {
        let gradient = &gradient[outputs.clone()];
        for (panel, values) in panels.chunks_exact_mut(pixels * width).zip(gradient.chunks(width)) {
            if values.len() == width {
                copy(&mut panel[pixel * width..][..width], values);
            } else {
                let (target, rest) = panel[pixel * last..][..last].split_at_mut(values.len());
                target.copy_from_slice(values);
                rest.fill(0.0);
            }
        }
    }
}
