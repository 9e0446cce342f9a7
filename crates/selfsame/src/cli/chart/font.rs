//! Letters of three by five squares: enough to name an axis.

use selfsame_image::picture::Picture;

use super::INK;

/// Pixels of a square's side.
const SQUARE: usize = 3;

/// Pixels from one letter to the next, and the height of all.
const ADVANCE: usize = 4 * SQUARE;
pub const HEIGHT: usize = 5 * SQUARE;

/// Rows of squares from the top.
const GLYPHS: [(char, &str); 43] = [
    ('0', "### #.# #.# #.# ###"),
    ('1', ".#. ##. .#. .#. ###"),
    ('2', "### ..# ### #.. ###"),
    ('3', "### ..# .## ..# ###"),
    ('4', "#.# #.# ### ..# ..#"),
    ('5', "### #.. ### ..# ###"),
    ('6', "### #.. ### #.# ###"),
    ('7', "### ..# ..# .#. .#."),
    ('8', "### #.# ### #.# ###"),
    ('9', "### #.# ### ..# ###"),
    ('A', ".#. #.# ### #.# #.#"),
    ('B', "##. #.# ##. #.# ##."),
    ('C', ".## #.. #.. #.. .##"),
    ('D', "##. #.# #.# #.# ##."),
    ('E', "### #.. ##. #.. ###"),
    ('F', "### #.. ##. #.. #.."),
    ('G', ".## #.. #.# #.# .##"),
    ('H', "#.# #.# ### #.# #.#"),
    ('I', "### .#. .#. .#. ###"),
    ('J', "..# ..# ..# #.# .#."),
    ('K', "#.# #.# ##. #.# #.#"),
    ('L', "#.. #.. #.. #.. ###"),
    ('M', "#.# ### ### #.# #.#"),
    ('N', "##. #.# #.# #.# #.#"),
    ('O', ".#. #.# #.# #.# .#."),
    ('P', "##. #.# ##. #.. #.."),
    ('Q', ".#. #.# #.# ### .##"),
    ('R', "##. #.# ##. #.# #.#"),
    ('S', ".## #.. .#. ..# ##."),
    ('T', "### .#. .#. .#. .#."),
    ('U', "#.# #.# #.# #.# ###"),
    ('V', "#.# #.# #.# #.# .#."),
    ('W', "#.# #.# ### ### #.#"),
    ('X', "#.# #.# .#. #.# #.#"),
    ('Y', "#.# #.# .#. .#. .#."),
    ('Z', "### ..# .#. #.. ###"),
    ('%', "#.# ..# .#. #.. #.#"),
    ('@', ".#. #.# ### #.. .##"),
    ('.', "... ... ... ... .#."),
    ('-', "... ... ### ... ..."),
    (':', "... .#. ... .#. ..."),
    ('/', "..# ..# .#. #.. #.."),
    ('+', "... .#. ### .#. ..."),
];

/// Pixels that a text is wide.
pub fn width(text: &str) -> usize {
    (text.chars().count() * ADVANCE).saturating_sub(SQUARE)
}

/// Writes a text with its top left corner at (`left`, `top`), in capitals. Unknown characters are spaces.
pub fn write(picture: &mut Picture, text: &str, left: usize, top: usize) {
    let square = Picture::filled(SQUARE, SQUARE, INK);
    for (place, character) in text.to_uppercase().chars().enumerate() {
        let Some((_, rows)) = GLYPHS.iter().find(|(known, _)| *known == character) else { continue };
        for (row, squares) in rows.split(' ').enumerate() {
            for (column, _) in squares.match_indices('#') {
                picture.paste(&square, left + place * ADVANCE + column * SQUARE, top + row * SQUARE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_have_five_rows_of_three() {
        for (character, rows) in GLYPHS {
            let rows: Vec<_> = rows.split(' ').collect();
            assert!(rows.len() == 5 && rows.iter().all(|row| row.len() == 3), "{character}");
        }
    }
}
