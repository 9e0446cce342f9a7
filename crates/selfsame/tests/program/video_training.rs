//! `selfsame pretrain|resume|eval|embed` on videos

use crate::workshop::Workshop;

#[cfg(not(feature = "video"))]
#[test]
fn a_program_without_video_says_how_to_get_one() {
    let here = Workshop::empty();
    for method in ["video-moco", "be", "cstp", "cmd"] {
        here.run(&["pretrain", method, "--data", "clips", "--out", "run"])
            .fails(2, &["without video", "cargo build --release --features video"]);
    }
}

#[cfg(feature = "video")]
mod with_ffmpeg {
    use std::fs;

    use super::Workshop;
    use crate::workshop::{Running, Said};

    /// Ten classes of one video each in `set/train` and `set/test`.
    fn workshop() -> Workshop {
        let here = Workshop::empty();
        let words =
            ["data", "motion-set", "set", "--videos-per-class", "1", "--frames", "14", "--size", "48x32"];
        here.run(&[&words[..], &["--codec", "mpeg4", "--quiet"]].concat()).succeeds();
        here
    }

    /// The smallest training: two steps an epoch, two epochs.
    const TINY: [&str; 20] = [
        "--data",
        "set/train",
        "--eval-data",
        "set",
        "--frames",
        "8",
        "--stride",
        "1",
        "--image-size",
        "16",
        "--width",
        "0.0625",
        "--batch-size",
        "5",
        "--epochs",
        "2",
        "--set",
        "run.log_every=1",
        "--workers",
        "2",
    ];

    fn pretrain(here: &Workshop, method: &str, run: &str, more: &[&str]) -> Said {
        here.run(&[&["pretrain", method, "--out", run, "--quiet"], &TINY[..], more].concat())
    }

    #[test]
    fn a_run_is_measured_looked_at_and_embedded() {
        let here = workshop();
        let result = pretrain(&here, "video-moco", "moco", &["--json"]).succeeds().result();
        assert_eq!((&result["status"], &result["steps"]), (&"finished".into(), &4.into()));
        assert!(result["knn_after"].is_number(), "{result}");
        pretrain(&here, "cstp", "cstp", &["--erase-background", "0.3"]).succeeds();
        assert!(here.text("cstp/config.toml").contains("erase_background = 0.3"));

        for (protocol, more) in [
            ("retrieval", &["--clips", "2", "--pictures", "2"][..]),
            ("knn", &["--clips", "2", "-k", "3"]),
            ("linear", &["--clips", "2"]),
            ("finetune", &["--clips", "2", "--epochs", "1", "--batch-size", "5", "--auxiliary=0.5"]),
        ] {
            let words = [&["eval", protocol, "moco", "--data", "set", "--json", "--quiet"], more].concat();
            let result = here.run(&words).succeeds().result();
            assert_eq!((&result["protocol"], &result["run"]), (&protocol.into(), &"moco".into()));
            assert_eq!((&result["train_videos"], &result["test_videos"]), (&10.into(), &10.into()));
            assert_eq!(here.json("moco/run.json")["results"][protocol], result);
            // Its own steps, beside the checkpoint's.
            if protocol == "finetune" {
                assert_eq!(result["finetune_steps"], 2);
                assert_eq!(result["steps"], here.json("moco/run.json")["results"]["steps"]);
            }
        }
        let results = here.json("moco/run.json")["results"].clone();
        assert!(results["retrieval_r@1"].is_number() && results["retrieval"]["r@50"] == 1.0, "{results}");
        assert!(image::open(here.path("moco/pictures/retrieval.png")).is_ok());

        let words = ["eval", "activation", "moco", "--beside", "cstp", "--data", "set/test", "--clips", "2"];
        let result = here.run(&[&words[..], &["--json", "--quiet"]].concat()).succeeds().result();
        assert_eq!(
            (result["motion_lift"].as_array().map(Vec::len), &result["videos"]),
            (Some(2), &10.into())
        );
        assert!(image::open(here.path("moco/pictures/activation.png")).is_ok());

        let words = ["export", "moco", "-o", "weights.safetensors", "--json"];
        let result = here.run(&words).succeeds().result();
        assert_eq!(result["files"].as_array().map(Vec::len), Some(2), "{result}");
        assert_eq!(here.json("preprocess.json")["preprocess"]["frames"], 8);

        for file in ["clips.parquet", "clips.npy"] {
            let words =
                ["embed", "moco", "--data", "set/test", "-o", file, "--clips", "2", "--json", "--quiet"];
            let result = here.run(&words).succeeds().result();
            assert_eq!((&result["instances"], &result["skipped"]), (&10.into(), &0.into()));
            assert!(fs::metadata(here.path(file)).unwrap().len() > 10 * 32 * 4);
        }
    }

    #[test]
    fn a_stopped_training_goes_on_to_the_same_run() {
        let here = workshop();
        let longer = ["--epochs", "6"];
        let words = [&TINY[..14], &longer, &TINY[16..]].concat();
        let command = |run: &str| {
            let mut command = here.command();
            command.args(["pretrain", "cmd", "--out", run, "--quiet"]).args(&words);
            command.args(["--set", "method.motion_frames=4", "--set", "method.features=16"]);
            command
        };
        Said::of(command("whole").output().unwrap()).succeeds();
        let mut running = Running::start(command("stopped"));
        running.until_records(&here.path("stopped/metrics.jsonl"), 3);
        running.signal("TERM");
        // Where the machine was too fast for the signal, the training is finished.
        let code = running.end().code;
        assert!(code == Some(75) || code == Some(0), "{code:?}");
        here.run(&["resume", "stopped", "--workers", "1", "--quiet"]).succeeds();
        here.assert_same("stopped", "whole");
    }

    #[test]
    fn what_cannot_be_done_is_explained() {
        let here = workshop();
        pretrain(&here, "be", "run", &[]).succeeds();
        pretrain(&here, "be", "x", &["--set", "data.path=nowhere"]).fails(3, &["nowhere"]);
        pretrain(&here, "be", "x", &["--set", "run.batch_size=11"]).fails(2, &["has 10 videos"]);
        pretrain(&here, "be", "x", &["--set", "view.image_size=8"]).fails(2, &["too small", "r3d_18"]);
        fs::write(here.path("list.txt"), "spin/gone.mp4\n").unwrap();
        pretrain(&here, "be", "x", &["--list", "list.txt"]).fails(3, &["gone.mp4"]);
        fs::create_dir(here.path("empty")).unwrap();
        pretrain(&here, "be", "x", &["--set", "data.path=empty"]).fails(3, &["no videos here"]);

        let eval =
            |protocol: &str, more: &[&str]| here.run(&[&["eval", protocol, "run", "--quiet"], more].concat());
        eval("knn", &[]).fails(2, &["no labelled data", "--data DIR"]);
        eval("knn", &["--data", "set", "--dense"]).fails(2, &["--dense", "videos"]);
        eval("retrieval", &["--data", "set", "--clips", "0"]).fails(2, &["number of clips is 0"]);
        eval("linear", &["--data", "set/train"]).fails(3, &["no class has 5 videos"]);
        eval("finetune", &["--data", "set", "--auxiliary=0"]).fails(2, &["auxiliary", "positive"]);
        eval("correspondence", &["--data", "set"]).fails(2, &["places in pictures", "retrieval"]);
        here.run(&["embed", "run", "-o", "x.npy"]).fails(2, &["no videos to embed", "--data DIR"]);
    }
}
