//! Quarter turns of square views, which CSTP has to recognise.

/// Copies a square plane (`[side, side]`) turned counter-clockwise by so many quarter turns.
pub(super) fn turned(plane: &[f32], side: usize, quarter_turns: usize, to: &mut [f32]) {
    let last = side.saturating_sub(1);
    let from: fn(usize, usize, usize) -> [usize; 2] = match quarter_turns % 4 {
        0 => return to.copy_from_slice(plane),
        1 => |y, x, last| [x, last - y],
        2 => |y, x, last| [last - y, last - x],
        _ => |y, x, last| [last - x, y],
    };
    for (y, row) in to.chunks_exact_mut(side).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let [from_y, from_x] = from(y, x, last);
            *value = plane[from_y * side + from_x];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(plane: &[f32], side: usize, quarter_turns: usize) -> Vec<f32> {
        let mut to = vec![f32::NAN; plane.len()];
        turned(plane, side, quarter_turns, &mut to);
        to
    }

    #[test]
    fn a_quarter_turn_brings_the_right_edge_to_the_top() {
        #[rustfmt::skip]
        let plane = [1.0, 2.0, 3.0,
                     4.0, 5.0, 6.0,
                     7.0, 8.0, 9.0];
        assert_eq!(turn(&plane, 3, 0), plane);
        assert_eq!(turn(&plane, 3, 1), [3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0]);
    }

    #[test]
    fn quarter_turns_add_up() {
        for side in [1, 2, 5] {
            let plane: Vec<f32> = (0..side * side).map(|value| value as f32).collect();
            let mut step_by_step = plane.clone();
            for turns in 1..=4 {
                step_by_step = turn(&step_by_step, side, 1);
                assert_eq!(turn(&plane, side, turns), step_by_step);
            }
            assert_eq!(step_by_step, plane);
        }
    }
}
