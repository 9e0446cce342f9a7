//! Labels painted over a picture.

use crate::picture::Picture;

/// How much of the colour is the class's, of 4.
const PAINT: u16 = 3;

/// The picture in grey with each pixel painted in the colour of its class, but those that are `void`. The labels are of the picture's size.
pub fn paint(picture: &Picture, ids: &[u8], void: u8) -> Picture {
    let mut painted = picture.clone();
    for (pixel, &id) in painted.pixels.chunks_exact_mut(3).zip(ids) {
        let grey = pixel.iter().map(|&value| u16::from(value)).sum::<u16>() / 3;
        let colour = if id == void { [grey as u8; 3] } else { colour(id) };
        for (value, colour) in pixel.iter_mut().zip(colour) {
            *value = ((grey * (4 - PAINT) + u16::from(colour) * PAINT) / 4) as u8;
        }
    }
    painted
}

/// A colour for each class that is far from its neighbours': Pascal VOC's, from the bits of the next number, so that no class is black.
pub fn colour(class: u8) -> [u8; 3] {
    let number = class.wrapping_add(1);
    let bit = |place: u32| number.checked_shr(place).unwrap_or(0) & 1;
    [0, 1, 2].map(|channel| bit(channel) << 7 | bit(channel + 3) << 6 | bit(channel + 6) << 5)
}
