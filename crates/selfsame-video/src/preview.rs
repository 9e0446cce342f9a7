//! What a method sees of a video, on paper: a clip, its motion, and the views that are made.

use std::fmt;
use std::sync::Arc;

use selfsame_core::data::Render;
use selfsame_core::settings::Resolved;
use selfsame_core::{Random, Result};
use selfsame_image::picture::Picture;

use crate::data::{VideoFolder, VideoRender, clip_frames, motion_drawn};
use crate::method::ErasingConfig;
use crate::settings::pipeline;
use crate::view::{ClipPlan, ClipViews, LONGEST_MOTION, VideoPipeline, VideoScratch};

/// Behind the lines of motion windows, whose frames no method sees.
const GREY: [u8; 3] = [128; 3];

/// What a row of a preview shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The frames that the first view shows, all of each.
    Clip,
    /// The same under their motion.
    Motion,
    /// The frames of a view, which have numbers from 1.
    View(usize),
    /// The motion that follows the clip, as CMD has to foresee it.
    FutureMotion,
    /// Motion elsewhere in the video, by number from 1.
    OtherMotion(usize),
    /// The key frame that CMD has to find.
    KeyFrame,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clip => f.write_str("clip"),
            Self::Motion => f.write_str("motion"),
            Self::View(number) => write!(f, "view {number}"),
            Self::FutureMotion => f.write_str("future motion"),
            Self::OtherMotion(number) => write!(f, "other motion {number}"),
            Self::KeyFrame => f.write_str("key frame"),
        }
    }
}

/// Draws what a method sees of the videos of a folder in the first epoch of a training with the same seed.
pub struct Preview {
    folder: Arc<VideoFolder>,
    pipeline: VideoPipeline,
    render: VideoRender,
    erasing: ErasingConfig,
    random: Random,
}

impl Preview {
    /// For a training of these settings, of which those of views and of the method count.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(folder: Arc<VideoFolder>, settings: &Resolved, seed: u64) -> Result<Self> {
        let erasing: ErasingConfig = settings.section("method")?;
        erasing.validate()?;
        let pipeline = pipeline(settings)?;
        let render = VideoRender::new(folder.clone(), pipeline);
        Ok(Self { folder, pipeline, render, erasing, random: Random::new(seed) })
    }

    /// The rows of a video, from above.
    ///
    /// # Errors
    /// A text that says why the video cannot be shown.
    pub fn rows(&self, index: usize) -> Result<Vec<(Shown, Vec<Picture>)>, String> {
        let random = self.random.named("views").at(0).at(index as u64);
        let mut batch = self.pipeline.batch(vec![index]);
        for mut row in batch.rows_mut() {
            self.render.render(&mut VideoScratch::default(), index, &random, &mut row)?;
        }
        self.erasing.distract(&mut batch, &self.random);
        let plan = self.render.plan(index, &random);
        let mut rows = plan
            .and_then(|plan| plan.clips.first().map_or(Ok(Vec::new()), |first| self.clip(index, first)))
            .map_err(|error| error.to_string())?;
        rows.extend(self.views(&batch));
        rows.extend(self.windows(&batch));
        if !batch.key_frames.is_empty() {
            let picture = self.pipeline.clip().pictures().to_picture(&batch.key_frames);
            rows.push((Shown::KeyFrame, vec![picture]));
        }
        Ok(rows)
    }

    /// The whole frames of a clip, and their motion where the video holds some.
    fn clip(&self, index: usize, clip: &ClipPlan) -> Result<Vec<(Shown, Vec<Picture>)>> {
        let video = self.folder.video(index)?;
        let length = self.pipeline.clip().time().frames;
        let numbers = clip_frames(clip.start, clip.stride, length, video.frames());
        let size = video.size().shrunk_to(self.pipeline.clip().side());
        let decoded = self.folder.frames(index, &numbers, Some(size))?;
        let picture = |number| Picture::new(size.width, size.height, decoded.frame(number)?.to_vec()).ok();
        let frames: Vec<Picture> = (0..length).filter_map(picture).collect();
        if !self.folder.has_motion(index) {
            return Ok(vec![(Shown::Clip, frames)]);
        }
        let drawn = |(number, frame): (&usize, &Picture)| {
            let map = self.folder.motion(index, *number, 1)?;
            Ok(motion_drawn(frame, &map.values, map.size.width, map.size.height))
        };
        let motion = numbers.iter().zip(&frames).map(drawn).collect::<Result<_>>()?;
        Ok(vec![(Shown::Clip, frames), (Shown::Motion, motion)])
    }

    fn views(&self, batch: &ClipViews) -> Vec<(Shown, Vec<Picture>)> {
        let row = |view: usize| {
            let frames = (0..batch.frames).map(|time| self.pipeline.clip().picture(batch, view, 0, time));
            (Shown::View(view + 1), frames.collect())
        };
        (0..batch.clips.len()).map(row).collect()
    }

    /// The motion windows `[windows, 2, frames, side, side]` of a batch of one video.
    fn windows(&self, batch: &ClipViews) -> Vec<(Shown, Vec<Picture>)> {
        let (side, frames) = (batch.side, batch.motion_frames);
        let area = side * side;
        let windows = batch.motion.chunks_exact((2 * frames * area).max(1)).enumerate();
        let row = |(number, window): (usize, &[f32])| {
            let drawn = (0..frames).map(|time| {
                let component = |axis: usize| &window[(axis * frames + time) * area..][..area];
                let map: Vec<f32> = [0, 1]
                    .iter()
                    .flat_map(|&axis| component(axis))
                    .map(|value| value * LONGEST_MOTION)
                    .collect();
                motion_drawn(&Picture::filled(side, side, GREY), &map, side, side)
            });
            let shown = if number == 0 { Shown::FutureMotion } else { Shown::OtherMotion(number) };
            (shown, drawn.collect())
        };
        windows.map(row).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use selfsame_core::pretrain::Preset;
    use selfsame_core::settings::Layers;

    use super::*;
    use crate::data::VideoFolderOptions;
    use crate::eval::tests::{Films, SMALL_SET, write_films};
    use crate::method::by_name;
    use crate::settings::defaults;

    const SIDE: usize = 32;

    struct Place {
        folder: Arc<VideoFolder>,
        _files: tempfile::TempDir,
    }

    impl Place {
        fn new(films: Films) -> Self {
            let files = tempfile::tempdir().unwrap();
            write_films(files.path(), films);
            let options = VideoFolderOptions { cache: None, list: None };
            let folder = Arc::new(VideoFolder::open(files.path(), &options, &|_, _| ()).unwrap());
            Self { folder, _files: files }
        }

        fn preview(&self, method: &str, set: &[&str]) -> Preview {
            let mut layers = Layers::new(defaults(by_name(method).unwrap(), Preset::Small).unwrap());
            let small = ["view.image_size=32", "view.frames=4", "view.stride=2"];
            for assignment in small.iter().chain(set) {
                layers = layers.set(assignment).unwrap();
            }
            Preview::new(self.folder.clone(), &layers.resolve(), 3).unwrap()
        }

        fn rows(&self, method: &str, set: &[&str]) -> Vec<(Shown, Vec<Picture>)> {
            self.preview(method, set).rows(1).unwrap()
        }
    }

    fn shown(rows: &[(Shown, Vec<Picture>)]) -> Vec<Shown> {
        rows.iter().map(|(shown, _)| *shown).collect()
    }

    fn row(rows: &[(Shown, Vec<Picture>)], wanted: Shown) -> Vec<Picture> {
        rows.iter().find(|(shown, _)| *shown == wanted).unwrap().1.clone()
    }

    /// How far two rows of pictures are from each other, in grey levels a pixel.
    fn apart(a: &[Picture], b: &[Picture]) -> f64 {
        let pixels =
            |row: &[Picture]| row.iter().flat_map(|picture| picture.pixels.clone()).collect::<Vec<_>>();
        let (a, b) = (pixels(a), pixels(b));
        assert_eq!(a.len(), b.len());
        a.iter().zip(&b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
    }

    #[test]
    fn every_method_shows_what_it_sees() {
        let place = Place::new(SMALL_SET);
        for method in ["video-moco", "be", "cstp"] {
            let rows = place.rows(method, &[]);
            assert_eq!(
                shown(&rows),
                [Shown::Clip, Shown::Motion, Shown::View(1), Shown::View(2)],
                "{method}"
            );
            assert!(rows.iter().all(|(_, pictures)| pictures.len() == 4), "{method}");
            let [clip, view] = [Shown::Clip, Shown::View(2)].map(|wanted| row(&rows, wanted)[3].clone());
            assert_eq!([clip.width, clip.height, view.width, view.height], [48, SIDE, SIDE, SIDE]);
        }
        let rows = place.rows("cmd", &["method.motion_frames=3", "method.negatives=2"]);
        let expected = [
            Shown::Clip,
            Shown::Motion,
            Shown::View(1),
            Shown::FutureMotion,
            Shown::OtherMotion(1),
            Shown::OtherMotion(2),
            Shown::KeyFrame,
        ];
        assert_eq!(shown(&rows), expected);
        assert_eq!(
            rows.iter().map(|(_, pictures)| pictures.len()).collect::<Vec<_>>(),
            [4, 4, 4, 3, 3, 3, 1]
        );
    }

    #[test]
    fn a_view_without_transformations_is_the_clip() {
        let place = Place::new(SMALL_SET);
        let set = ["view.recipe=evaluation"];
        let rows = place.rows("video-moco", &set);
        // It shows the whole frames; three of their columns become two.
        let squeezed = |picture: &Picture| {
            let columns = picture.pixels.as_chunks::<3>().0.as_chunks::<3>().0;
            let mean = |a: [u8; 3], b: [u8; 3]| {
                [0, 1, 2].map(|channel| ((2 * u16::from(a[channel]) + u16::from(b[channel])) / 3) as u8)
            };
            let pixels = columns.iter().flat_map(|[a, b, c]| [mean(*a, *b), mean(*c, *b)].concat());
            Picture { width: SIDE, height: SIDE, pixels: pixels.collect() }
        };
        let clip: Vec<Picture> = row(&rows, Shown::Clip).iter().map(squeezed).collect();
        let [plain, erased] = [&rows, &place.rows("be", &set)].map(|rows| row(rows, Shown::View(1)));
        for (time, view) in plain.iter().enumerate() {
            let from = |frame: &Picture| apart(std::slice::from_ref(frame), std::slice::from_ref(view));
            let nearest = (0..clip.len()).min_by(|a, b| from(&clip[*a]).total_cmp(&from(&clip[*b])));
            assert!(nearest == Some(time) && from(&clip[time]) < 2.0, "{time}: {}", from(&clip[time]));
        }
        assert!(apart(&plain, &erased) > 0.2, "the first view of `be` is distracted");
        let [plain, same] = [&rows, &place.rows("be", &set)].map(|rows| row(rows, Shown::View(2)));
        assert_eq!(apart(&plain, &same), 0.0, "and the second is not");
    }

    #[test]
    fn motion_is_drawn_where_there_is_some() {
        let place = Place::new(SMALL_SET);
        let rows = place.rows("cmd", &[]);
        let coloured = |wanted| {
            let pixels =
                row(&rows, wanted).iter().flat_map(|picture| picture.pixels.clone()).collect::<Vec<_>>();
            pixels.chunks_exact(3).filter(|pixel| pixel[0] != pixel[1]).count()
        };
        assert!(coloured(Shown::Motion) > 0 && coloured(Shown::FutureMotion) > 0);

        let still = Place::new(Films { motion: false, ..SMALL_SET });
        assert_eq!(shown(&still.rows("be", &[])), [Shown::Clip, Shown::View(1), Shown::View(2)]);
        let error = still.preview("cmd", &[]).rows(0).unwrap_err();
        assert!(error.contains("motion"), "{error}");
    }

    #[test]
    fn the_seed_decides() {
        let place = Place::new(SMALL_SET);
        let preview = place.preview("be", &[]);
        assert_eq!(preview.rows(2), preview.rows(2));
        let other = Preview { random: Random::new(4), ..place.preview("be", &[]) };
        assert_ne!(preview.rows(2), other.rows(2));
    }
}
