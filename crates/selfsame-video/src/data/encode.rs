//! Writing videos, through the encoders that FFmpeg has.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ffmpeg_the_third as av;

use av::format::Pixel;
use av::frame;
use av::software::scaling::{Context as Converter, Flags};
use selfsame_core::{Error, Result, atomic_file};

use super::ffmpeg;
use super::size::Size;

/// A codec that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoCodec {
    /// H.264 through libx264, which is under the GPL: only where the system's FFmpeg was built with it.
    H264,
    /// MPEG-4 part 2, with FFmpeg's own encoder, which every FFmpeg has.
    Mpeg4,
}

impl VideoCodec {
    /// H.264 where FFmpeg has an encoder for it, otherwise MPEG-4.
    pub fn best() -> Self {
        if Self::H264.encoder().is_some() { Self::H264 } else { Self::Mpeg4 }
    }

    /// The codec of this name: `h264`, `mpeg4`.
    ///
    /// # Errors
    /// [`Error::Config`] for other names, and where FFmpeg has no encoder for it.
    pub fn by_name(name: &str) -> Result<Self> {
        let codec = match name {
            "h264" => Self::H264,
            "mpeg4" => Self::Mpeg4,
            _ => return Err(Error::config(format!("there is no codec `{name}`"), "choose h264 or mpeg4")),
        };
        match codec.encoder() {
            Some(_) => Ok(codec),
            None => Err(Error::config(
                format!("the FFmpeg on this system has no encoder for {name}"),
                "choose --codec mpeg4, which every FFmpeg has, or install an FFmpeg with libx264",
            )),
        }
    }

    /// The name that [`by_name`](Self::by_name) takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Mpeg4 => "mpeg4",
        }
    }

    fn encoder(self) -> Option<av::Codec> {
        av::encoder::find_by_name(match self {
            Self::H264 => "libx264",
            Self::Mpeg4 => "mpeg4",
        })
    }
}

/// How a video is written.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    /// The codec.
    pub codec: VideoCodec,
    /// Sides of the frames; odd ones are for neither codec.
    pub size: Size,
    /// Frames a second, as a fraction.
    pub frame_rate: (i32, i32),
    /// A key frame every so many frames.
    pub key_interval: u32,
    /// Up to so many frames in a row that point to the past and the future; 0 for methods on motion vectors.
    pub b_frames: usize,
    /// The quantiser, from 1 (best) to 31 for MPEG-4; the constant rate factor, from 0 to 51, for H.264.
    pub quality: u32,
}

/// A video being written, under a temporary name until it is finished. Dropping it removes what there is.
pub struct VideoWriter {
    path: PathBuf,
    /// Removes itself when it is dropped.
    temporary: tempfile::TempPath,
    output: av::format::context::Output,
    encoder: av::encoder::video::Encoder,
    converter: Converter,
    rgb: frame::Video,
    yuv: frame::Video,
    size: Size,
    time_base: av::Rational,
    next_time: i64,
}

/// Whether frames of this size can be encoded.
pub(super) fn check_sides(size: Size) -> Result<()> {
    if [size.width, size.height].iter().all(|side| *side > 0 && side.is_multiple_of(2)) {
        return Ok(());
    }
    let what = format!("frames of {size} pixels cannot be encoded");
    Err(Error::config(what, "choose even sides above 0"))
}

impl VideoWriter {
    /// Begins a video, whose container is chosen by the path's ending (`.mp4`, `.mkv`, `.avi` …).
    ///
    /// # Errors
    /// [`Error::Config`] for endings that name no container, sides that are odd, and what the encoder refuses; [`Error::Io`] when the file
    /// cannot be made.
    pub fn create(path: &Path, options: &EncodeOptions) -> Result<Self> {
        let size = options.size;
        check_sides(size)?;
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let mut builder = tempfile::Builder::new();
        let suffix = format!(".selfsame-tmp.{ending}");
        builder.prefix(".").suffix(&suffix);
        // Private by default, but results are for everyone whom the umask lets read.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder
            .tempfile_in(atomic_file::folder_of(path))
            .map_err(|source| Error::io("write", path, source))?;
        let temporary = temporary.into_temp_path();

        ffmpeg::quiet();
        // The scheme keeps a colon in a name from being taken for one.
        let mut url = std::ffi::OsString::from("file:");
        url.push(&temporary);
        let mut output = av::format::output(&url).map_err(|_| {
            Error::config(
                format!("`{}` does not say in which container to write the video", path.display()),
                "end the name in .mp4, .mkv or .avi",
            )
        })?;
        let refused = |error: av::Error| refused(path, error);
        let codec = options.codec.encoder();
        let codec = codec.ok_or_else(|| Error::Internal("an encoder that was there is gone".into()))?;
        let time_base = av::Rational(options.frame_rate.1, options.frame_rate.0);
        let global_header = output.format().flags().contains(av::format::Flags::GLOBAL_HEADER);
        let encoder = open_encoder(codec, options, time_base, global_header).map_err(refused)?;
        {
            let mut stream = output.add_stream(codec).map_err(refused)?;
            stream.copy_parameters_from_context(&encoder);
            stream.set_time_base(time_base);
            stream.set_avg_frame_rate(av::Rational(options.frame_rate.0, options.frame_rate.1));
        }
        // The table of contents first, so that a file that was cut off is noticed.
        let mut header = av::Dictionary::new();
        if output.format().name() == "mp4" {
            header.set("movflags", "+faststart");
        }
        output.write_header_with(header).map_err(|error| match error {
            av::Error::Other { errno }
                if io::Error::from_raw_os_error(errno).kind() == io::ErrorKind::InvalidInput =>
            {
                let what = format!("a .{ending} does not hold such a video");
                Error::config(what, "end the name in .mp4, .mkv or .avi")
            }
            error => refused(error),
        })?;

        let [width, height] = [size.width as u32, size.height as u32];
        let converter = Converter::get(
            Pixel::RGB24,
            width,
            height,
            Pixel::YUV420P,
            width,
            height,
            Flags::BILINEAR | Flags::ACCURATE_RND,
        );
        Ok(Self {
            path: path.to_owned(),
            temporary,
            output,
            encoder,
            converter: converter.map_err(refused)?,
            rgb: frame::Video::new(Pixel::RGB24, width, height),
            yuv: frame::Video::new(Pixel::YUV420P, width, height),
            size,
            time_base,
            next_time: 0,
        })
    }

    /// Appends a frame, `[height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::Internal`] for another number of samples, [`Error::Io`] when it cannot be written.
    pub fn push(&mut self, pixels: &[u8]) -> Result<()> {
        self.push_at(pixels, self.next_time)
    }

    /// As [`push`](Self::push), to be shown at a time in units of a frame, after those before it.
    pub(super) fn push_at(&mut self, pixels: &[u8], time: i64) -> Result<()> {
        let row = self.size.width * 3;
        if pixels.len() != row * self.size.height {
            return Err(Error::Internal(format!("{} samples are no frame of {}", pixels.len(), self.size)));
        }
        let stride = self.rgb.stride(0);
        for (to, from) in self.rgb.data_mut(0).chunks_mut(stride).zip(pixels.chunks_exact(row)) {
            to[..row].copy_from_slice(from);
        }
        // The encoder may still hold the last frame: it gets one of its own.
        self.yuv = frame::Video::new(Pixel::YUV420P, self.size.width as u32, self.size.height as u32);
        self.converter.run(&self.rgb, &mut self.yuv).map_err(|error| refused(&self.path, error))?;
        self.yuv.set_pts(Some(time));
        self.next_time = time + 1;
        self.encoder.send_frame(&self.yuv).map_err(|error| refused(&self.path, error))?;
        self.drain()
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.encoder.send_eof().map_err(|error| refused(&self.path, error))?;
        self.drain()?;
        self.output.write_trailer().map_err(|error| refused(&self.path, error))?;
        let Self { path, temporary, output, .. } = self;
        // Closed, so that everything has been handed to the system.
        drop(output);
        let failed = |source| Error::io("write", &path, source);
        File::open(&temporary).and_then(|file| file.sync_all()).map_err(failed)?;
        temporary.persist(&path).map_err(|error| failed(error.error))
    }

    /// Writes the packets that are ready.
    fn drain(&mut self) -> Result<()> {
        let mut packet = av::Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            packet.set_duration(1);
            let base = self.output.stream(0).map_or(self.time_base, |stream| stream.time_base());
            packet.rescale_ts(self.time_base, base);
            packet.write_interleaved(&mut self.output).map_err(|error| refused(&self.path, error))?;
        }
        Ok(())
    }
}

fn open_encoder(
    codec: av::Codec,
    options: &EncodeOptions,
    time_base: av::Rational,
    global_header: bool,
) -> Result<av::encoder::video::Encoder, av::Error> {
    let mut video = av::codec::Context::new_with_codec(codec).encoder().video()?;
    video.set_width(options.size.width as u32);
    video.set_height(options.size.height as u32);
    video.set_format(Pixel::YUV420P);
    video.set_time_base(time_base);
    video.set_frame_rate(Some(av::Rational(options.frame_rate.0, options.frame_rate.1)));
    video.set_gop(options.key_interval);
    video.set_max_b_frames(options.b_frames);
    let mut settings = av::Dictionary::new();
    // One thread: the same frames become the same bytes everywhere.
    settings.set("threads", "1");
    let quality = options.quality.to_string();
    match options.codec {
        VideoCodec::H264 => {
            settings.set("crf", &quality);
            settings.set("preset", "medium");
            // Key frames at the interval and nowhere else.
            settings.set("sc_threshold", "0");
            settings.set("keyint_min", options.key_interval.to_string());
            // A vector does not tell how far back its reference is: there is only the one before.
            settings.set("refs", "1");
        }
        VideoCodec::Mpeg4 => {
            settings.set("qmin", &quality);
            settings.set("qmax", &quality);
            settings.set("sc_threshold", "1000000000");
        }
    }
    if global_header {
        settings.set("flags", "+global_header");
    }
    video.open_with(settings)
}

/// The error of this file for what FFmpeg said.
fn refused(path: &Path, error: av::Error) -> Error {
    match error {
        av::Error::Other { errno } => Error::io("write", path, io::Error::from_raw_os_error(errno)),
        error => Error::io("write", path, io::Error::other(ffmpeg::words(error))),
    }
}
