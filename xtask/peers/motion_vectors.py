"""Motion vectors of whole files: FOLDER WORKERS pyav|motion-vector-extractor. Files are shared among worker processes, one thread each; PyAV's are
also read one after the other with as many threads to a file, and the better of the two counts. What vectors do not need (loop filter, inverse
transform) is left out where the library lets it. The last line is frames a second."""
import multiprocessing
import sys
import time

import av

from video_files import videos

folder, workers, peer = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def with_pyav(path, threads=1):
    frames = vectors = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.options = {"flags2": "+export_mvs", "skip_loop_filter": "all", "skip_idct": "all"}
        context.thread_count = threads
        context.thread_type = "FRAME" if threads > 1 else "NONE"
        for frame in container.decode(stream):
            frames += 1
            for data in frame.side_data:
                if data.type.name == "MOTION_VECTORS":
                    vectors += len(data.to_ndarray())
    return frames, vectors


def with_extractor(path):
    from mvextractor.videocap import VideoCap

    frames = vectors = 0
    capture = VideoCap()
    capture.open(path)
    while True:
        read, _, found, *_ = capture.read()
        if not read:
            break
        frames += 1
        vectors += len(found)
    capture.release()
    return frames, vectors


def frames_a_second(one_pass, seconds=3.0):
    one_pass()
    frames, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        frames += sum(counts[0] for counts in one_pass())
    return frames / (time.perf_counter() - start)


if __name__ == "__main__":
    files = [path for path, _ in videos(folder)]
    with multiprocessing.Pool(workers) as pool:
        extract = with_pyav if peer == "pyav" else with_extractor
        best = frames_a_second(lambda: list(pool.imap_unordered(extract, files)))
    if peer == "pyav":
        best = max(best, frames_a_second(lambda: [with_pyav(path, workers) for path in files]))
    print(f"{best:.1f}")
