//! What the program `selfsame` prints.

pub mod compare;
pub mod doctor;
pub mod list;
pub mod progress;
pub mod table;
pub mod terminal;
