//! What can be typed after `selfsame eval`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{GraphRun, Output, Reading};

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
        #[command(flatten)]
        training: Finetuning,
        /// Learn to foresee the motion vectors of the videos beside the labels, as CMD does, with this weight
        #[arg(
            long,
            value_name = "WEIGHT",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "1"
        )]
        auxiliary: Option<f64>,
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
    /// Finding pictures or videos of the same class by their features
    #[command(
        after_help = "Example:\n  selfsame eval retrieval runs/a --train labelled/train --test labelled/test\n\n\
        Those of --test ask, those of --train are ranked."
    )]
    Retrieval {
        #[command(flatten)]
        network: Network,
        #[command(flatten)]
        classes: ClassFolders,
        /// Which layer's output is the representation
        #[arg(long, value_enum, default_value_t)]
        layer: Layer,
        /// Queries in RUN/pictures/retrieval.png, with what is nearest
        #[arg(long, default_value_t = 8)]
        pictures: usize,
    },
    /// Where in videos a network looks, and whether something moves there
    #[command(
        after_help = "Example:\n  selfsame eval activation runs/moco --beside runs/be --data clips/test\n\n\
        The sheet shows for each video frames of its clips, and below them the same under the map of each network."
    )]
    Activation {
        #[command(flatten)]
        network: Network,
        /// Videos; no labels needed
        #[arg(long, value_name = "PATH")]
        data: PathBuf,
        /// Other runs to show beside; may be repeated
        #[arg(long, value_name = "RUN")]
        beside: Vec<PathBuf>,
        /// Side of the clips in pixels; by default twice the run's image size
        #[arg(long)]
        image_size: Option<usize>,
        /// Clips of a video
        #[arg(long, default_value_t = 6)]
        clips: usize,
        /// Videos in RUN/pictures/activation.png
        #[arg(long, default_value_t = 4)]
        pictures: usize,
    },
    /// The returns of an agent's episodes
    #[command(after_help = "Examples:\n  selfsame eval episodes runs/c --episodes 100\n  \
        selfsame eval episodes runs/c --episodes 5 --video episodes.gif")]
    Episodes {
        #[command(flatten)]
        agent: AgentRun,
        /// A moving picture of the first episodes
        #[arg(long, value_name = "FILE.gif")]
        video: Option<PathBuf>,
        /// Frames of the picture, at most
        #[arg(long, value_name = "COUNT", default_value = "1000", requires = "video")]
        frames: NonZeroUsize,
        /// Replace an existing picture
        #[arg(long, requires = "video")]
        overwrite: bool,
    },
    /// What an agent's representation tells of returns on held-out episodes
    #[command(after_help = "Examples:\n  selfsame eval probe runs/c --episodes 1000\n  \
        selfsame eval probe runs/rcrl --behaviour runs/rainbow\n\n\
        Episodes begin with random actions and go on as the agent acts; what is looked at comes from the last random action on.\n\
        Of five episodes three are learned from, one chooses the penalty of the regression, and one is told.")]
    Probe {
        #[command(flatten)]
        agent: AgentRun,
        #[command(flatten)]
        probing: Probing,
    },
    /// Finding held-out items among all that a user did not have in training
    #[command(after_help = "Examples:\n  selfsame eval ranking runs/g\n  \
        selfsame eval ranking runs/g --k 5,20 --test later.csv --json")]
    Ranking {
        #[command(flatten)]
        graph: GraphRun,
        /// Other test interactions of the run's users and items: a file, or a folder with `test.txt`; by default those that the run held out
        #[arg(long, value_name = "PATH")]
        test: Option<PathBuf>,
        #[command(flatten)]
        reading: Box<Reading>,
        /// Lengths of the lists; by default 10, 20 and 50, where there are as many items
        #[arg(long, short, value_delimiter = ',', value_name = "K,K…")]
        k: Vec<usize>,
        /// Groups of items, of equal training interactions, by which recall is decomposed
        #[arg(long, default_value_t = 10)]
        groups: usize,
        /// Ask about what is held out for validation instead of the test
        #[arg(long, conflicts_with = "test")]
        validation: bool,
        /// Measure the untrained embeddings instead
        #[arg(long, visible_alias = "untrained")]
        random: bool,
        /// What a sweep hands on to all evaluations
        #[arg(long, hide = true)]
        workers: Option<usize>,
        #[arg(long, hide = true, default_value = "cpu")]
        device: String,
    },
}

/// Which agent, and how to measure it.
#[derive(Debug, Args)]
pub struct AgentRun {
    /// Folder of the run
    pub run: PathBuf,
    /// Episodes to play: 10 by default, 500 where a regression learns from them
    #[arg(long)]
    pub episodes: Option<usize>,
    /// Steps of the agent after which an episode is cut off; the default is as long as an episode of Atari may be
    #[arg(long, value_name = "COUNT", default_value = "27000")]
    pub max_steps: NonZeroUsize,
    /// Which checkpoint: last, best or epoch-0010
    #[arg(long, default_value = "last")]
    pub checkpoint: String,
    /// Measure the untrained agent instead
    #[arg(long, visible_alias = "untrained")]
    pub random: bool,
    /// Seed of the episodes, which are not those of training
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// What a sweep hands on to all evaluations
    #[arg(long, hide = true)]
    pub workers: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "cpu")]
    pub device: String,
    #[command(flatten)]
    pub output: Output,
}

/// How returns are probed.
#[derive(Debug, Args)]
pub struct Probing {
    /// The run whose last agent acts, so that several runs are probed on the same episodes; by default the probed agent itself
    #[arg(long, value_name = "RUN")]
    pub behaviour: Option<PathBuf>,
    /// Episodes begin with a random number of random actions, at most this; by default the mean length of five episodes without any
    #[arg(long, value_name = "COUNT")]
    pub random_steps: Option<usize>,
    /// Steps of an episode that are looked at, at most, drawn at random
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    pub per_episode: usize,
    /// Pairs that the discriminator is asked about, of each kind
    #[arg(long, default_value_t = 2000)]
    pub pairs: usize,
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
    /// Threads that read pictures or videos
    #[arg(long)]
    pub workers: Option<usize>,
    /// Where to compute
    #[arg(long, default_value = "cpu")]
    pub device: String,
    #[command(flatten)]
    pub output: Output,
}

/// Pictures or videos with a class each.
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
    /// A file that lists the videos of --data to learn from, one a line, as the splits of UCF101 do
    #[arg(long, value_name = "FILE", requires_all = ["data", "test_list"])]
    pub train_list: Option<PathBuf>,
    /// A file that lists the videos of --data to measure on
    #[arg(long, value_name = "FILE", requires = "train_list")]
    pub test_list: Option<PathBuf>,
    /// Clips of a video over which the mean is taken; 10 by default
    #[arg(long)]
    pub clips: Option<usize>,
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

/// How a network is trained on with labels.
#[derive(Debug, Args)]
pub struct Finetuning {
    /// Share of the training labels that is used, drawn evenly from the classes
    #[arg(long, default_value_t = 1.0)]
    pub fraction: f64,
    /// Passes over the labelled pictures or videos
    #[arg(long, default_value_t = 20)]
    pub epochs: usize,
    /// What descends
    #[arg(long, value_enum, default_value_t)]
    pub optimizer: Descent,
    /// Learning rate; by default 0.02 for sgd and 0.001 for adam
    #[arg(long)]
    pub lr: Option<f64>,
    /// Pictures or videos in a batch
    #[arg(long, default_value_t = 64)]
    pub batch_size: usize,
}

/// Optimisers for fine-tuning.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Descent {
    /// Stochastic gradient descent with Nesterov momentum
    #[default]
    Sgd,
    /// Adam
    Adam,
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
