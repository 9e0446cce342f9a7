//! A folder of videos: what is in it, and clips, motion and pictures out of it, from any thread.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use selfsame_core::data::{BadFile, BadFiles, Instances, reason};
use selfsame_core::video_names::is_named_as_video;
use selfsame_core::{Error, Result};
use selfsame_image::data::{Cache, Kind, Labels, Stamp, default_cache_folder, list};
use selfsame_image::picture::Picture;
use serde::{Deserialize, Serialize};

use super::clip::{Clip, clip_frames};
use super::decoder::{StreamInfo, Wanted};
use super::index::FrameIndex;
use super::list_file::read_list;
use super::motion_map::{self, MotionMaps};
use super::motion_vectors::{require, vectors};
use super::picture::Scaler;
use super::problem::{Problem, VideoError};
use super::reader::Reader;
use super::scan::{Scanned, scan};
use super::size::Size;

/// Any file may hold a video.
const FILES: Kind = Kind { is_wanted: |_| true, plural: "files" };

/// How a folder of videos is opened.
#[derive(Clone, Debug)]
pub struct VideoFolderOptions {
    /// Where the index is kept between runs; `None` makes it anew each time.
    pub cache: Option<PathBuf>,
    /// A file that lists the videos of a split, see [`read_list`]; `None` takes all.
    pub list: Option<PathBuf>,
}

impl Default for VideoFolderOptions {
    fn default() -> Self {
        Self { cache: default_cache_folder(), list: None }
    }
}

/// A video in a folder.
#[derive(Clone, Debug)]
pub struct Video {
    /// Its path from the folder, with `/`.
    pub name: String,
    /// What its header says.
    pub info: StreamInfo,
    /// Its frames.
    pub index: Arc<FrameIndex>,
}

impl Video {
    /// The number of frames.
    pub fn frames(&self) -> usize {
        self.index.frames()
    }

    /// Sides of the frames as they are shown.
    pub fn size(&self) -> Size {
        self.info.size()
    }
}

/// A file that looks like a video and is none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableFile {
    /// Its path from the folder.
    pub name: String,
    /// What is wrong with it.
    pub error: VideoError,
}

/// The videos of a folder. Everything takes `&self`: many threads may read at once, each opens files for itself.
pub struct VideoFolder {
    path: PathBuf,
    videos: Vec<Video>,
    labels: Labels,
    warnings: Vec<String>,
    unusable: Vec<UnusableFile>,
    other_files: usize,
    /// What went wrong while reading.
    met: Mutex<BadFiles>,
}

/// What the cache keeps of a file.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    stamp: Stamp,
    found: Result<Scanned, VideoError>,
}

impl VideoFolder {
    /// Opens the videos below `path`, a folder or a single file. Files are looked through for their frames, in parallel, unless the
    /// cache remembers them; `progress` is told how many of how many are done.
    ///
    /// Folders of the first level are classes when most videos lie in them; with a list, its words are where there are no
    /// folders. What is no usable video is left out and remembered, see [`unusable`](Self::unusable).
    ///
    /// # Errors
    /// [`Error::Io`] when `path` or the list cannot be read; [`Error::Data`] when there is no video that can be used.
    pub fn open(
        path: impl AsRef<Path>,
        options: &VideoFolderOptions,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Self> {
        let path = path.as_ref();
        let real = path.canonicalize().map_err(|source| Error::io("open", path, source))?;
        let (root, mut names, mut warnings) = if real.is_dir() {
            let listing = list(&real, FILES, &Cache::of(None, "names"))?;
            (real, listing.files, listing.warnings)
        } else {
            let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (real.parent().unwrap_or(Path::new("")).to_owned(), vec![name], Vec::new())
        };
        let mut words = HashMap::new();
        if let Some(file) = &options.list {
            names.clear();
            for listed in read_list(file)? {
                names.push(listed.path.clone());
                words.insert(listed.path, listed.class);
            }
            let before = names.len();
            names.sort();
            names.dedup();
            if names.len() < before {
                warnings.push(format!(
                    "{}: {} videos are listed twice",
                    file.display(),
                    before - names.len()
                ));
            }
        }
        let cache = Cache::of(options.cache.clone(), "videos");
        let records = look_through(&root, &names, options.list.is_none(), &cache, progress);

        let mut folder = Self {
            path: path.to_owned(),
            videos: Vec::new(),
            labels: Labels::default(),
            warnings,
            unusable: Vec::new(),
            other_files: 0,
            met: Mutex::default(),
        };
        for (name, record) in names.into_iter().zip(records) {
            match record.found {
                Ok(Scanned { info, index }) => {
                    folder.videos.push(Video { name, info, index: Arc::new(index) });
                }
                Err(error) if options.list.is_none() && is_other(&name, &error) => folder.other_files += 1,
                Err(error) => folder.unusable.push(UnusableFile { name, error }),
            }
        }
        if folder.videos.is_empty() {
            return Err(folder.nothing());
        }
        folder.labels = folder.labels_from(&words);
        for warning in &folder.warnings {
            tracing::warn!("{}: {warning}", path.display());
        }
        Ok(folder)
    }

    fn labels_from(&self, words: &HashMap<String, Option<String>>) -> Labels {
        let by_folder = Labels::from_folders(self.videos.iter().map(|video| video.name.as_str()));
        if by_folder.classes.is_empty() && !words.is_empty() {
            return Labels::new(self.videos.iter().map(|video| words.get(&video.name)?.as_deref()));
        }
        by_folder
    }

    fn nothing(&self) -> Error {
        match self.unusable.first() {
            Some(first) => Error::data(
                &self.path,
                format!(
                    "none of {} videos can be used: {}: {}",
                    self.unusable.len(),
                    first.name,
                    first.error.detail
                ),
                "`selfsame data check` lists what is wrong with each",
            ),
            None => Error::data(
                &self.path,
                format!("there are no videos here, only {} other files", self.other_files),
                "check the path; videos are found by their content, also in sub-folders",
            ),
        }
    }

    /// Where it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of videos that can be used.
    pub fn len(&self) -> usize {
        self.videos.len()
    }

    /// Whether there is none. Never so for one that was [opened](Self::open).
    pub fn is_empty(&self) -> bool {
        self.videos.is_empty()
    }

    /// A video.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is none of this number.
    pub fn video(&self, index: usize) -> Result<&Video> {
        self.videos.get(index).ok_or_else(|| Error::Internal(format!("there is no video {index}")))
    }

    /// All videos, in order.
    pub fn videos(&self) -> &[Video] {
        &self.videos
    }

    /// The class of a video, a number in [`classes`](Self::classes).
    pub fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index)
    }

    /// The names of the classes; empty when there are none. Two folders may number the same classes differently: compare
    /// names.
    pub fn classes(&self) -> &[String] {
        &self.labels.classes
    }

    /// What was odd when the folder was opened.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Files that look like videos and could not be used when the folder was opened.
    pub fn unusable(&self) -> &[UnusableFile] {
        &self.unusable
    }

    /// The number of files that are something else.
    pub fn other_files(&self) -> usize {
        self.other_files
    }

    /// Everything that could not be used so far: what was found at the opening and what has failed since.
    pub fn bad_files(&self) -> Vec<BadFile> {
        let unusable = self.unusable.iter().map(|file| {
            let reason = file.error.detail.clone();
            BadFile { name: file.name.clone(), reason }
        });
        let met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        unusable.chain(met.iter().cloned()).collect()
    }

    /// A short name of the contents: the same videos under the same names have the same one.
    pub fn fingerprint(&self) -> String {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for video in &self.videos {
            hash.update(video.name.as_bytes());
            hash.update(&video.frames().to_le_bytes());
        }
        format!("{:016x}-{}", hash.digest(), self.len())
    }

    /// The numbers of a video's key frames, at which decoding can begin, ascending.
    ///
    /// # Errors
    /// [`Error::Internal`] when there is no such video.
    pub fn key_frames(&self, index: usize) -> Result<&[u32]> {
        Ok(self.video(index)?.index.key_frames())
    }

    /// Whether a video holds motion vectors, as far as its header and the places of its key frames tell.
    pub fn has_motion(&self, index: usize) -> bool {
        let has = |video: &Video| require(&video.info.codec, video.index.is_all_key()).is_ok();
        self.videos.get(index).is_some_and(has)
    }

    /// The frames `start`, `start + stride`, … of a video, `length` of them, upright and scaled to `size` (`None`: as large as they are).
    /// A video that ends before the clip does is looped from its beginning.
    ///
    /// # Errors
    /// [`Error::Data`] when the file is gone, has changed, or one of the frames, or what it depends on, is damaged; it is then also
    /// among the [`bad_files`](Self::bad_files).
    pub fn clip(
        &self,
        index: usize,
        start: usize,
        stride: usize,
        length: usize,
        size: Option<Size>,
    ) -> Result<Clip> {
        self.frames(index, &clip_frames(start, stride, length, self.video(index)?.frames()), size)
    }

    /// Any frames of a video, in any order, as [`clip`](Self::clip) gives them. The file is opened once, and gone through from front to back.
    ///
    /// # Errors
    /// As [`clip`](Self::clip).
    pub fn frames(&self, index: usize, wanted: &[usize], size: Option<Size>) -> Result<Clip> {
        let video = self.video(index)?;
        let size = size.unwrap_or_else(|| video.size());
        let mut scaler = Scaler::default();
        let (frame_bytes, rotation) = (size.width * size.height * 3, video.info.rotation);
        let pixels = self.read(index, Wanted::Pixels, wanted, frame_bytes, |frame, pixels| {
            scaler.append(frame, size, rotation, pixels)
        })?;
        Ok(Clip { frames: wanted.len(), size, pixels })
    }

    /// The motion maps of `count` frames from `first` on, as large as the frames are; looped as clips are.
    ///
    /// # Errors
    /// As [`clip`](Self::clip), and [`Error::Data`] when the file has no motion vectors.
    pub fn motion(&self, index: usize, first: usize, count: usize) -> Result<MotionMaps> {
        let video = self.video(index)?;
        let (coded, rotation) = (video.info.coded, video.info.rotation);
        require(&video.info.codec, video.index.is_all_key())
            .map_err(|error| self.failed(index, video, error))?;
        let wanted = clip_frames(first, 1, count, video.frames());
        let length = 2 * coded.width * coded.height;
        let values = self.read(index, Wanted::Vectors, &wanted, length, |frame, values| {
            if [frame.width() as usize, frame.height() as usize] != [coded.width, coded.height] {
                let detail = "the frames' size changes, so motion maps do not fit each other";
                return Err(VideoError::new(Problem::Unsupported, detail));
            }
            let begin = values.len();
            values.resize(begin + length, 0.0);
            motion_map::draw(&vectors(frame), coded, rotation, &mut values[begin..]);
            Ok(())
        })?;
        Ok(MotionMaps { frames: wanted.len(), size: video.size(), values })
    }

    /// One frame as a picture, upright.
    ///
    /// # Errors
    /// As [`clip`](Self::clip).
    pub fn picture(&self, index: usize, frame: usize) -> Result<Picture> {
        let Clip { size, pixels, .. } = self.clip(index, frame, 1, 1, None)?;
        Picture::new(size.width, size.height, pixels)
    }

    /// What `make` appends for each of the wanted frames, `length` values a frame, in their order.
    fn read<T: Copy>(
        &self,
        index: usize,
        what: Wanted,
        wanted: &[usize],
        length: usize,
        mut make: impl FnMut(&ffmpeg_the_third::frame::Video, &mut Vec<T>) -> Result<(), VideoError>,
    ) -> Result<Vec<T>> {
        let video = self.video(index)?;
        let mut ascending = wanted.to_vec();
        ascending.sort_unstable();
        ascending.dedup();
        let mut values = Vec::with_capacity(ascending.len() * length);
        let path = self.path_of(video);
        let read = Reader::open(&path, video.index.clone(), what)
            .and_then(|mut reader| reader.visit(&ascending, |_, frame| make(frame, &mut values)));
        read.map_err(|error| self.failed(index, video, error))?;
        if ascending == wanted {
            return Ok(values);
        }
        // Looped: frames come again.
        let place = |frame| ascending.partition_point(|&other| other < frame) * length;
        Ok(wanted.iter().flat_map(|&frame| &values[place(frame)..][..length]).copied().collect())
    }

    /// Where a video's file is.
    pub fn path_of(&self, video: &Video) -> PathBuf {
        if self.path.is_dir() { self.path.join(&video.name) } else { self.path.clone() }
    }

    /// Remembers what went wrong, for the table of bad files, and makes it an error.
    fn failed(&self, index: usize, video: &Video, error: VideoError) -> Error {
        let error = error.of(self.path_of(video));
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        met.add(index, video.name.clone(), reason(&error));
        error
    }
}

impl Instances for VideoFolder {
    const NAME: &'static str = "video";
    const FIELD: &'static str = "videos";
    const EXAMPLE: &'static str = "jumping/1.mp4 and running/2.mp4";
    type Options = VideoFolderOptions;

    fn open(path: &Path, options: &VideoFolderOptions) -> Result<Self> {
        Self::open(path, options, &|_, _| ())
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn len(&self) -> usize {
        self.videos.len()
    }

    fn name(&self, index: usize) -> String {
        self.videos.get(index).map_or_else(|| format!("video {index}"), |video| video.name.clone())
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index)
    }

    fn classes(&self) -> &[String] {
        &self.labels.classes
    }
}

/// Whether a file is not even meant to be a video.
fn is_other(name: &str, error: &VideoError) -> bool {
    let no_video = matches!(
        error.problem,
        Problem::Empty | Problem::NotAVideo | Problem::NoPictures | Problem::Unreadable | Problem::Corrupt
    );
    no_video && !is_named_as_video(name.rsplit('/').next().unwrap_or(name))
}

/// What is known of each file, from the cache or by looking. `are_all`: there are no others in the folder.
fn look_through(
    root: &Path,
    names: &[String],
    are_all: bool,
    cache: &Cache,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Record> {
    let known: HashMap<String, Record> = cache.read(root).unwrap_or_default();
    let (done, changed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let records: Vec<Record> = names
        .par_iter()
        .map(|name| {
            let path = root.join(name);
            let record = match fs::metadata(&path) {
                Ok(metadata) => {
                    let stamp = Stamp::of(&metadata);
                    match known.get(name).filter(|record| record.stamp.still_holds(&stamp)) {
                        Some(record) => record.clone(),
                        None => {
                            changed.fetch_add(1, Ordering::Relaxed);
                            Record { stamp, found: scan(&path) }
                        }
                    }
                }
                Err(error) => {
                    let found = Err(VideoError::new(Problem::Unreadable, error.to_string()));
                    Record { stamp: Stamp::default(), found }
                }
            };
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, names.len());
            record
        })
        .collect();
    if changed.into_inner() > 0 {
        // What a list leaves out stays known. What the system refuses may be allowed next time.
        let mut kept = if are_all { HashMap::new() } else { known };
        let lasting =
            |record: &Record| !matches!(&record.found, Err(error) if error.problem == Problem::Unreadable);
        kept.extend(names.iter().cloned().zip(records.iter().cloned()).filter(|(_, record)| lasting(record)));
        cache.write(root, kept);
    }
    records
}
