//! The binding to FFmpeg: what its safe wrapper (`ffmpeg-the-third`) does not offer, and how files are opened.
#![allow(unsafe_code, reason = "FFmpeg is written in C; every call says why it is allowed")]

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Once;

use ffmpeg_the_third as av;

use av::codec::packet::Ref;
use av::ffi;
use av::format::context::Input;
use av::frame;

use super::problem::{Problem, VideoError};
use super::rotation::Rotation;

/// The containers that are opened. Pictures, text and playlists (which name other files, or places on the net) are no videos
/// here, although FFmpeg would play them.
const CONTAINERS: &str = "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,h261,h263,obu,av1,ivf,flv,live_flv,asf,\
    ogg,nut,mxf,rm,dv,gxf,vc1,swf,wtv,mjpeg,mjpeg_2000,yuv4mpegpipe,dnxhd,nsv";

/// What FFmpeg says on its own account goes nowhere: what matters comes back as an error with the file's name.
pub fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| av::log::set_level(av::log::Level::Quiet));
}

/// FFmpeg's own words for an error.
pub fn words(error: av::Error) -> String {
    error.to_string()
}

/// Opens a file and finds out what is in it.
pub fn open(path: &Path) -> Result<Input, VideoError> {
    quiet();
    let unreadable = |error: std::io::Error| VideoError::new(Problem::Unreadable, error.to_string());
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        return Err(VideoError::new(Problem::NotAVideo, "this is no file"));
    }
    // One byte shows what the system allows, in its own words.
    let mut first = [0];
    if File::open(path).and_then(|mut file| file.read(&mut first)).map_err(unreadable)? == 0 {
        return Err(VideoError::new(Problem::Empty, "the file is empty"));
    }
    let mut options = av::Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    options.set("protocol_whitelist", "file");
    // The scheme keeps a colon in a name from being taken for one.
    let mut url = std::ffi::OsString::from("file:");
    url.push(path);
    av::format::input_with_dictionary(&url, options).map_err(|error| match error {
        av::Error::Other { errno } if errno != libc::EINVAL => {
            VideoError::new(Problem::Unreadable, words(error))
        }
        av::Error::InvalidData if begins_like_mp4(path) => VideoError::new(
            Problem::Truncated,
            "the container's table of contents is missing or broken: the file was cut off or never completed",
        ),
        _ => VideoError::new(Problem::NotAVideo, "this is not a video file that can be read"),
    })
}

/// Whether the file begins with the box `ftyp` of MP4: what cannot be opened then has been one.
fn begins_like_mp4(path: &Path) -> bool {
    let mut head = [0; 8];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head[4..] == *b"ftyp"
}

/// Lets the container skip the data of all streams but one.
pub fn keep_only(input: &mut Input, stream: usize) {
    for other in 0..input.nb_streams() as usize {
        if other != stream
            && let Some(mut other) = input.stream_mut(other)
        {
            // SAFETY: the pointer is that of a stream of the open context, borrowed mutably here; `discard` may be set at any
            // time by who uses the library (avformat.h: "Set by the user").
            unsafe { (*other.as_mut_ptr()).discard = ffi::AVDiscard::ALL };
        }
    }
}

/// Goes to the last key frame at or before a time, in units of the stream's time base. Where exactly one is afterwards, only
/// the next packet shows.
pub fn seek(input: &mut Input, stream: usize, timestamp: i64) -> Result<(), av::Error> {
    // SAFETY: the context is open and borrowed mutably; the number of the stream is within it, as the caller has got it
    // from there.
    let result = unsafe {
        ffi::av_seek_frame(input.as_mut_ptr(), stream as i32, timestamp, ffi::AVSEEK_FLAG_BACKWARD)
    };
    if result < 0 { Err(av::Error::from(result)) } else { Ok(()) }
}

/// How long a file must be for all the packets of a stream that its table of contents names; 0 without such a table.
pub fn needed_bytes(stream: &mut av::StreamMut<'_>) -> u64 {
    // SAFETY: the stream belongs to an open context that is borrowed mutably; entries are asked for by numbers below their
    // count, each is copied before anything else is called, and none is kept.
    unsafe {
        let stream = stream.as_mut_ptr();
        let entries = (0..ffi::avformat_index_get_entries_count(stream)).filter_map(|number| {
            let entry = ffi::avformat_index_get_entry(stream, number).as_ref()?;
            u64::try_from(entry.pos).ok()?.checked_add(u64::try_from(entry.size()).ok()?)
        });
        entries.max().unwrap_or(0)
    }
}

/// How the stream is to be turned.
pub fn rotation(stream: &av::Stream<'_>) -> Rotation {
    #[cfg(not(ffmpeg_8))]
    {
        let mut data = stream.side_data();
        let matrix = data.find(|data| data.kind() == av::packet::side_data::Type::DisplayMatrix);
        matrix.map_or(Rotation::None, |matrix| Rotation::of_display_matrix(matrix.data()))
    }
    #[cfg(ffmpeg_8)]
    {
        // SAFETY: the stream and its parameters live as long as the open context, which is borrowed; the array has as many
        // entries as it says, and what is found has `size` bytes.
        unsafe {
            let parameters = &*(*stream.as_ptr()).codecpar;
            let found = ffi::av_packet_side_data_get(
                parameters.coded_side_data,
                parameters.nb_coded_side_data,
                ffi::AVPacketSideDataType::DISPLAYMATRIX,
            );
            if found.is_null() || (*found).data.is_null() {
                return Rotation::None;
            }
            Rotation::of_display_matrix(std::slice::from_raw_parts((*found).data, (*found).size))
        }
    }
}

/// Whether a packet's frame is not to be shown: an edit list cuts it off.
pub fn is_discarded(packet: &av::Packet) -> bool {
    // SAFETY: the packet is alive; its flags are a plain number.
    unsafe { (*packet.as_ptr()).flags & ffi::AV_PKT_FLAG_DISCARD != 0 }
}

/// Whether the decoder had to guess a part of a frame.
pub fn is_damaged(frame: &frame::Video) -> bool {
    // SAFETY: the frame is alive; both are plain numbers.
    let guessed = unsafe { (*frame.as_ptr()).decode_error_flags };
    guessed != 0 || frame.is_corrupt()
}

/// Tells the scaler which colours a frame's numbers mean: by default it takes all for those of standard definition.
pub fn set_colours(scaler: &mut av::software::scaling::Context, frame: &frame::Video) {
    // SAFETY: scaler and frame are alive; the tables of coefficients are static; the call only reads them. That a format has
    // no such coefficients (it is RGB already) is reported by a negative number, and nothing is changed then.
    unsafe {
        let frame = frame.as_ptr();
        let space = match (*frame).colorspace {
            ffi::AVColorSpace::BT709 => ffi::SWS_CS_ITU709,
            ffi::AVColorSpace::BT2020_NCL | ffi::AVColorSpace::BT2020_CL => ffi::SWS_CS_BT2020,
            ffi::AVColorSpace::SMPTE240M => ffi::SWS_CS_SMPTE240M,
            ffi::AVColorSpace::FCC => ffi::SWS_CS_FCC,
            _ => ffi::SWS_CS_ITU601,
        };
        let full = i32::from((*frame).color_range == ffi::AVColorRange::JPEG);
        let from = ffi::sws_getCoefficients(space);
        let to = ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT);
        // Neutral brightness, contrast and saturation, in 16.16 fixed point.
        ffi::sws_setColorspaceDetails(scaler.as_mut_ptr(), from, full, to, 1, 0, 1 << 16, 1 << 16);
    }
}
