//! What can be typed to train: `pretrain`, `resume`, `sweep`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Output;

/// `selfsame pretrain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    selfsame pretrain simclr --data photos/ --out runs/a\n  \
    selfsame pretrain simclr --data photos/ --out runs/b --backbone resnet50 --width 1 --image-size 224 --epochs 100\n  \
    selfsame pretrain simclr --data photos/ --out runs/c --config mine.toml --set optimizer.lr=0.3 \
    --set method.projector=linear\n  \
    selfsame pretrain be --data clips/ --out runs/v --frames 8 --stride 4 --image-size 64\n  \
    selfsame pretrain sgl --data interactions/ --out runs/g --augmentation edge --set data.validation_share=0.1\n  \
    selfsame pretrain rainbow --env catch --steps 10000 --out runs/c\n\n\
    Settings come from defaults < --config < environment (SELFSAME_OPTIMIZER_LR=0.3) < flags < --set.\n\
    Everything is printed before the first step and written to OUT/config.toml.")]
pub struct Pretrain {
    /// The method: `selfsame list methods`
    pub method: String,
    /// Folder of the run, which must not exist yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub training: Training,
    /// Replace an existing run
    #[arg(long)]
    pub overwrite: bool,
    /// Print the settings and the plan, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Output,
}

/// What is learned from, and all settings.
#[derive(Debug, Args)]
pub struct Training {
    /// Pictures (a folder, tar shards or a pack) or videos (a folder), without labels; or interactions (a file, or a folder with train and
    /// test)
    #[arg(long, value_name = "PATH")]
    pub data: Option<String>,
    /// Settings in a TOML file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Defaults for small data and a short time, or those of the paper
    #[arg(long, value_enum, default_value_t)]
    pub preset: Preset,
    #[command(flatten)]
    pub flags: Flags,
    /// One setting, for example `method.temperature=0.2`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// End with exit code 5 when the representation collapses
    #[arg(long)]
    pub stop_on_collapse: bool,
}

/// Settings that are common enough for a flag of their own.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common settings")]
pub struct Flags {
    /// Passes over the data
    #[arg(long)]
    pub epochs: Option<String>,
    /// Instances in a batch
    #[arg(long)]
    pub batch_size: Option<String>,
    /// Seed of every random choice
    #[arg(long)]
    pub seed: Option<String>,
    /// Threads that prepare views
    #[arg(long)]
    pub workers: Option<String>,
    /// cpu, or cuda:0, wgpu:0 … where compiled in
    #[arg(long)]
    pub device: Option<String>,
    /// The network: `selfsame list backbones`
    #[arg(long)]
    pub backbone: Option<String>,
    /// Share of the published number of channels
    #[arg(long)]
    pub width: Option<String>,
    /// Side of a view in pixels
    #[arg(long)]
    pub image_size: Option<String>,
    /// The views: `selfsame list recipes`
    #[arg(long)]
    pub recipe: Option<String>,
    /// Frames of a clip of a video
    #[arg(long)]
    pub frames: Option<String>,
    /// From one frame of a clip to the next, in frames of the video
    #[arg(long)]
    pub stride: Option<String>,
    /// The largest share of another frame that is added to clips, so that backgrounds mislead less: 0.3; 0 for none
    #[arg(long, value_name = "SHARE")]
    pub erase_background: Option<String>,
    /// A file that lists the videos of --data to learn from, one a line, as the splits of UCF101 do
    #[arg(long, value_name = "FILE")]
    pub list: Option<String>,
    /// What to measure on while training: labelled pictures or videos for kNN, or a file of held-out interactions
    #[arg(long, value_name = "PATH")]
    pub eval_data: Option<String>,
    /// How graphs are thinned: node, edge or walk
    #[arg(long)]
    pub augmentation: Option<String>,
    /// The environment: catch, pendulum-pixels, or a Gymnasium's, such as ALE/Pong-v5 or dm_control/cartpole-swingup
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// How many of the environment step at the same time: 4
    #[arg(long, value_name = "NUMBER")]
    pub environments: Option<String>,
    /// Steps of an agent in its environment
    #[arg(long)]
    pub steps: Option<String>,
    /// What an agent learns besides: none, curl, rcrl or curl+rcrl
    #[arg(long)]
    pub auxiliary: Option<String>,
    /// False interactions to add to training, as a share: 0.05
    #[arg(long, value_name = "SHARE")]
    pub noise: Option<String>,
    /// Backbone weights to start from (.safetensors or .pth)
    #[arg(long, value_name = "FILE")]
    pub init_from: Option<String>,
}

impl Flags {
    /// The settings that were given, as (key, value, flag).
    pub fn given(&self) -> Vec<(&'static str, &str, &'static str)> {
        let all = [
            ("schedule.epochs", &self.epochs, "--epochs"),
            ("run.batch_size", &self.batch_size, "--batch-size"),
            ("run.seed", &self.seed, "--seed"),
            ("data.workers", &self.workers, "--workers"),
            ("run.device", &self.device, "--device"),
            ("backbone.name", &self.backbone, "--backbone"),
            ("backbone.width", &self.width, "--width"),
            ("view.image_size", &self.image_size, "--image-size"),
            ("view.recipe", &self.recipe, "--recipe"),
            ("view.frames", &self.frames, "--frames"),
            ("view.stride", &self.stride, "--stride"),
            ("method.erase_background", &self.erase_background, "--erase-background"),
            ("data.list", &self.list, "--list"),
            ("data.eval", &self.eval_data, "--eval-data"),
            ("view.augmentation", &self.augmentation, "--augmentation"),
            ("data.env", &self.env, "--env"),
            ("data.environments", &self.environments, "--environments"),
            ("schedule.steps", &self.steps, "--steps"),
            ("method.auxiliary", &self.auxiliary, "--auxiliary"),
            ("data.noise", &self.noise, "--noise"),
            ("backbone.init_from", &self.init_from, "--init-from"),
        ];
        all.into_iter().filter_map(|(key, value, flag)| Some((key, value.as_deref()?, flag))).collect()
    }
}

/// Which defaults to start from.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Preset {
    /// Small data, a short time
    #[default]
    Small,
    /// The paper's
    Paper,
}

/// `selfsame resume`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  selfsame resume runs/a\n  selfsame resume runs/a --data /mnt/photos --workers 16"
)]
pub struct Resume {
    /// Folder of the run
    pub run: PathBuf,
    /// Threads that prepare views; the result does not depend on it
    #[arg(long)]
    pub workers: Option<String>,
    /// Where the data lies now, if it was moved
    #[arg(long, value_name = "PATH")]
    pub data: Option<String>,
    /// The checkpoint to go on from, such as `epoch-0010`; what was recorded after it is gone then
    #[arg(long, value_name = "NAME", default_value = "last")]
    pub checkpoint: String,
    #[command(flatten)]
    pub output: Output,
}

/// `selfsame sweep`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    selfsame sweep simclr,w-mse --data photos/ --seeds 0..3 --out runs/sweep\n  \
    selfsame sweep simclr --data photos/ --out runs/heat --vary method.temperature=0.1,0.2,0.5\n  \
    selfsame sweep w-mse --data cifar/train --out runs/w-mse --epochs 15 --eval knn --eval \"linear --data cifar\"\n\n\
    The runs lie in OUT/METHOD-seed-N. The same command goes on where it was stopped: what is finished is skipped.")]
pub struct Sweep {
    /// Methods, with commas between them: `selfsame list methods`
    #[arg(required = true, value_delimiter = ',')]
    pub methods: Vec<String>,
    /// Folder of the runs
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Seeds: 0..3 for 0, 1 and 2, or 0,5,7; by default 0..3
    #[arg(long, conflicts_with = "seed")]
    pub seeds: Option<String>,
    /// A setting and its values, for example `method.temperature=0.1,0.2`; repeated: all combinations
    #[arg(long, value_name = "KEY=VALUE,VALUE")]
    pub vary: Vec<String>,
    /// What to measure after each run, as after `selfsame eval`, but for the run; on --eval-data, or else on --data. May be repeated
    #[arg(long, value_name = "PROTOCOL")]
    pub eval: Vec<String>,
    #[command(flatten)]
    pub training: Training,
    /// Print what would be trained, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub output: Output,
}
