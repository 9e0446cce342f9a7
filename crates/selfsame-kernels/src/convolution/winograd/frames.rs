//! Which frames meet.

use std::ops::Range;

use super::tiles::Block;

/// Which frames of a source the frames of a target are sums of: target frame `t` reads source frame `t + tap − padding` at every tap.
#[derive(Clone, Copy, Debug)]
pub struct Frames {
    pub source: usize,
    pub target: usize,
    pub taps: usize,
    /// Less than `taps`.
    pub padding: usize,
}

impl Frames {
    /// From the target to the source.
    pub fn turned(&self) -> Self {
        let Self { source, target, taps, padding } = *self;
        Self { source: target, target: source, taps, padding: taps - 1 - padding }
    }

    /// Pairs of a target frame and a source frame that it reads.
    pub fn pairs(&self) -> usize {
        (0..self.taps).map(|tap| self.targets(tap, &(0..self.target)).len()).sum()
    }

    /// Those of some targets that read a source frame at `tap`.
    fn targets(&self, tap: usize, targets: &Range<usize>) -> Range<usize> {
        let start = targets.start.max(self.padding.saturating_sub(tap));
        start..targets.end.min((self.source + self.padding).saturating_sub(tap)).max(start)
    }

    /// The tiles that a block of the target reads.
    pub fn sources(&self, block: &Block) -> Block {
        let inside = |frame: usize| frame.saturating_sub(self.padding).min(self.source);
        let frames = inside(block.frames.start)..inside(block.frames.end + self.taps - 1);
        Block { tiles: block.tiles.clone(), frames, all: self.source }
    }

    /// The tiles of a block that read something at `tap`, and what they read among the block's sources.
    pub fn met(&self, tap: usize, block: &Block) -> Met {
        let (sources, targets) = (self.sources(block).frames, self.targets(tap, &block.frames));
        if targets.is_empty() {
            return Met { source: 0, target: 0, count: 0 };
        }
        let tiles = block.tiles.len();
        Met {
            source: (targets.start + tap - self.padding - sources.start) * tiles,
            target: (targets.start - block.frames.start) * tiles,
            count: targets.len() * tiles,
        }
    }
}

/// Some tiles that lie one after another: where they begin in the source and in the target.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    pub source: usize,
    pub target: usize,
    pub count: usize,
}
