//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Learn representations without labels.
#[derive(Debug, Parser)]
#[command(
    name = "selfsame",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  \
        selfsame pretrain simclr --data photos/ --out runs/a\n  \
        selfsame eval knn runs/a --data labelled/\n  \
        selfsame embed runs/a --data photos/ -o embeddings.parquet\n\n\
        Exit codes: 0 ok, 1 failed, 2 usage or settings, 3 data, 4 device or memory,\n\
        5 diverged or collapsed, 75 stopped by SIGTERM and 130 by Ctrl-C with a good checkpoint."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Learn a representation from data without labels
    Pretrain(Pretrain),
    /// Go on with a stopped training, exactly where it was
    Resume(Resume),
    /// Train several methods, seeds and settings one after another, and compare them
    Sweep(Sweep),
    /// Measure what a representation is worth
    #[command(subcommand)]
    Eval(Eval),
    /// Write the representations of pictures to a file
    Embed(Embed),
    /// Write a backbone's weights for other programs
    Export(Export),
    /// Look at data before training on it
    #[command(subcommand)]
    Data(Data),
    /// Print a table of runs side by side
    Compare(Compare),
    /// List methods, backbones or recipes
    List(List),
    /// Tell what this program and this machine can do
    Doctor(Doctor),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  selfsame completions bash > ~/.local/share/bash-completion/completions/selfsame"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `selfsame pretrain`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    selfsame pretrain simclr --data photos/ --out runs/a\n  \
    selfsame pretrain simclr --data photos/ --out runs/b --backbone resnet50 --width 1 --image-size 224 --epochs 100\n  \
    selfsame pretrain simclr --data photos/ --out runs/c --config mine.toml --set optimizer.lr=0.3 \
    --set method.projector=linear\n\n\
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
    /// Pictures: a folder, tar shards or a pack; no labels needed
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
    /// Labelled pictures for kNN while training
    #[arg(long, value_name = "DIR")]
    pub eval_data: Option<String>,
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
            ("data.eval", &self.eval_data, "--eval-data"),
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

/// How to print.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
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

/// `selfsame eval`
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  selfsame eval knn runs/a --data labelled/\n  \
    selfsame eval segmentation runs/a --data scenes/ --void 11")]
pub enum Eval {
    /// Weighted nearest neighbours on frozen features
    #[command(after_help = "Example:\n  selfsame eval knn runs/a --data labelled/ --json")]
    Knn {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        classes: ClassFolders,
        /// Which layer's output is the representation
        #[arg(long, value_enum, default_value_t)]
        layer: Layer,
        /// Compare the map region by region: 2×2 regions, or as many as given
        #[arg(
            long,
            value_name = "GRID",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "2",
            conflicts_with = "layer"
        )]
        dense: Option<usize>,
        /// Neighbours that vote; fewer where there are fewer pictures
        #[arg(long, short, default_value_t = 20)]
        k: usize,
        /// Temperature of the votes, exp(cos / t)
        #[arg(long, default_value_t = 0.07)]
        temperature: f64,
    },
    /// A linear classifier on frozen features
    #[command(
        after_help = "Example:\n  selfsame eval linear runs/a --train labelled/train --test labelled/test"
    )]
    Linear {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        classes: ClassFolders,
        /// Which layer's output is the representation
        #[arg(long, value_enum, default_value_t)]
        layer: Layer,
    },
    /// The whole network trained on with labels
    #[command(
        after_help = "Example:\n  selfsame eval finetune runs/a --data labelled/ --fraction 0.1 --epochs 20"
    )]
    Finetune {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        classes: ClassFolders,
        /// Share of the training labels that is used, drawn evenly from the classes
        #[arg(long, default_value_t = 1.0)]
        fraction: f64,
        /// Passes over the labelled pictures
        #[arg(long, default_value_t = 20)]
        epochs: usize,
        /// Learning rate
        #[arg(long, default_value_t = 0.02)]
        lr: f64,
        /// Pictures in a batch
        #[arg(long, default_value_t = 64)]
        batch_size: usize,
    },
    /// The class of every pixel, told by a linear classifier from the frozen map
    #[command(after_help = "Example:\n  selfsame eval segmentation runs/a --data scenes/ --void 11\n\n\
        scenes/ has train/ and test/, each with images/ and labels/: images/a.jpg goes with labels/a.png,\n\
        whose 8-bit values (grey, or indices of a palette) are numbers of classes.")]
    Segmentation {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        labels: PixelFolders,
        /// The number of pixels that have no class and are not looked at
        #[arg(long, default_value_t = 255)]
        void: u8,
        /// Number of classes; by default from the training labels
        #[arg(long)]
        classes: Option<usize>,
        /// Shorter side in pixels at which pictures are shown to the network; by default twice the run's image size
        #[arg(long)]
        image_size: Option<usize>,
        /// Random labelled pixels of each training picture that the classifier learns from
        #[arg(long, default_value_t = 256)]
        pixels: usize,
        /// Test pictures in RUN/pictures/segmentation.png, with truth and prediction
        #[arg(long, default_value_t = 8)]
        pictures: usize,
    },
    /// Whether a place is recognised in another view of the same picture
    #[command(after_help = "Example:\n  selfsame eval correspondence runs/a --data photos/")]
    Correspondence {
        #[command(flatten)]
        network: Network,
        /// Pictures: a folder, tar shards or a pack; no labels needed
        #[arg(long, value_name = "PATH")]
        data: PathBuf,
        /// How the two views are made: `selfsame list recipes`
        #[arg(long, default_value = "moco-v2")]
        recipe: String,
        /// Side of the views in pixels; by default twice the run's image size
        #[arg(long)]
        image_size: Option<usize>,
        /// At most so many pictures, drawn at random
        #[arg(long, default_value_t = 1000)]
        images: usize,
        /// Pairs of views in RUN/pictures/correspondence.png
        #[arg(long, default_value_t = 8)]
        pictures: usize,
    },
    /// Finding pictures of the same class by their features
    #[command(
        after_help = "Example:\n  selfsame eval retrieval runs/a --train labelled/train --test labelled/test\n\n\
        The pictures of --test ask, those of --train are ranked."
    )]
    Retrieval {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        classes: ClassFolders,
        /// Which layer's output is the representation
        #[arg(long, value_enum, default_value_t)]
        layer: Layer,
        /// Queries in RUN/pictures/retrieval.png, with their nearest pictures
        #[arg(long, default_value_t = 8)]
        pictures: usize,
    },
}

/// Which network, and how to measure it.
#[derive(Debug, Args)]
pub struct Network {
    /// Folder of the run
    pub run: PathBuf,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    /// Measure the untrained network instead
    #[arg(long, visible_alias = "untrained")]
    pub random: bool,
    /// Seed of the evaluation's own random choices
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads that read pictures
    #[arg(long)]
    pub workers: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "cpu")]
    pub device: String,
    #[command(flatten)]
    pub output: Output,
}

/// Pictures with a class each.
#[derive(Debug, Args)]
pub struct ClassFolders {
    /// Class folders, or a folder with train/ and test/ inside
    #[arg(long, value_name = "DIR", conflicts_with_all = ["train", "test"])]
    pub data: Option<PathBuf>,
    /// Class folders to learn from
    #[arg(long, value_name = "DIR", requires = "test")]
    pub train: Option<PathBuf>,
    /// Class folders to measure on
    #[arg(long, value_name = "DIR", requires = "train")]
    pub test: Option<PathBuf>,
}

/// Pictures with a class for each pixel.
#[derive(Debug, Args)]
pub struct PixelFolders {
    /// A folder with train/ and test/ inside, each with images/ and labels/
    #[arg(long, value_name = "DIR", conflicts_with_all = ["train", "test"])]
    pub data: Option<PathBuf>,
    /// A folder with images/ and labels/ to learn from
    #[arg(long, value_name = "DIR", requires = "test")]
    pub train: Option<PathBuf>,
    /// A folder with images/ and labels/ to measure on
    #[arg(long, value_name = "DIR", requires = "train")]
    pub test: Option<PathBuf>,
}

/// Where a representation is read.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Layer {
    /// The backbone's pooled output
    #[default]
    Backbone,
    /// The projector's output
    Projector,
}

impl From<Layer> for selfsame_image::method::Layer {
    fn from(layer: Layer) -> Self {
        match layer {
            Layer::Backbone => Self::Backbone,
            Layer::Projector => Self::Projector,
        }
    }
}

/// `selfsame embed`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  selfsame embed runs/a --data photos/ -o embeddings.parquet\n  \
    selfsame embed runs/a --data photos/ -o projector/")]
pub struct Embed {
    /// Folder of the run
    pub run: PathBuf,
    /// Pictures
    #[arg(long, value_name = "PATH")]
    pub data: PathBuf,
    /// .parquet, .npy, .csv, .safetensors, or a folder for TensorBoard's projector
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    pub output_file: PathBuf,
    /// parquet, npy, csv, safetensors or projector, where the name does not say it
    #[arg(long)]
    pub format: Option<String>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    /// Which layer's output is the representation
    #[arg(long, value_enum, default_value_t)]
    pub layer: Layer,
    /// Threads that read pictures
    #[arg(long)]
    pub workers: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "cpu")]
    pub device: String,
    #[command(flatten)]
    pub output: Output,
}

/// `selfsame export`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame export runs/a --to torchvision -o resnet18.safetensors")]
pub struct Export {
    /// Folder of the run
    pub run: PathBuf,
    /// Whose names to use
    #[arg(long, value_enum, default_value_t)]
    pub to: ExportFormat,
    /// The file; RUN/export/backbone.safetensors by default
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    #[command(flatten)]
    pub output: Output,
}

/// Whose parameter names an export uses.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum ExportFormat {
    /// torchvision's, with batch norm's counters
    #[default]
    Torchvision,
    /// timm's
    Timm,
    /// Weights alone, torchvision's names
    Safetensors,
}

/// `selfsame data`
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  selfsame data check photos/\n  selfsame data preview photos/ -o sheet.png\n  \
    selfsame data pack photos/ -o photos.pack --raw --max-side 256"
)]
pub enum Data {
    /// List unreadable, truncated, tiny and duplicate files, with reasons
    #[command(after_help = "Example:\n  selfsame data check photos/ --json > report.json")]
    Check {
        /// Pictures: a folder, tar shards or a pack
        path: PathBuf,
        /// Pictures with a side below this many pixels are tiny
        #[arg(long, default_value_t = 16)]
        tiny: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Write a contact sheet of pictures beside their views
    #[command(
        after_help = "Example:\n  selfsame data preview photos/ --recipe simclr-cifar --image-size 32 -o sheet.png"
    )]
    Preview {
        /// Pictures: a folder, tar shards or a pack
        path: PathBuf,
        /// The PNG to write
        #[arg(long = "output", short = 'o', default_value = "preview.png")]
        output_file: PathBuf,
        /// The views: `selfsame list recipes`
        #[arg(long, default_value = "simclr")]
        recipe: String,
        /// Side of a view in pixels
        #[arg(long, default_value_t = 96)]
        image_size: usize,
        /// Rows of the sheet
        #[arg(long, default_value_t = 8)]
        instances: usize,
        /// Views of each instance
        #[arg(long, default_value_t = 6)]
        views: usize,
        /// Seed of the choice and of the views
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Replace an existing file
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Index a folder or shards now, so that the first training starts at once
    #[command(after_help = "Example:\n  selfsame data index photos/")]
    Index {
        /// Pictures: a folder or tar shards
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Write everything into one file that is fast to read
    #[command(after_help = "Example:\n  selfsame data pack photos/ -o photos.pack --raw --max-side 256")]
    Pack {
        /// Pictures: a folder or tar shards
        path: PathBuf,
        /// The pack to write
        #[arg(long = "output", short = 'o', value_name = "FILE.pack")]
        output_file: PathBuf,
        /// Shrink pictures whose shorter side is longer than this
        #[arg(long, value_name = "PIXELS")]
        max_side: Option<usize>,
        /// Store decoded pixels instead of the files
        #[arg(long)]
        raw: bool,
        /// Replace an existing file
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// `selfsame compare`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame compare runs/*")]
pub struct Compare {
    /// Folders of runs
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}

/// `selfsame list`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame list recipes")]
pub struct List {
    /// What to list
    pub what: Listing,
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listing {
    /// What can be trained
    Methods,
    /// Networks
    Backbones,
    /// Ways to make views
    Recipes,
}

/// `selfsame doctor`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  selfsame doctor")]
pub struct Doctor {
    /// Print the result as one JSON object on one line
    #[arg(long)]
    pub json: bool,
}
